//! What runs for longer than a decision: the dispatcher that takes sends from the outbox to their carriers,
//! and the flow of a run. Holds no rule of the business.

mod batch;
pub mod decide;
pub mod dispatch;
pub mod run;
pub mod stop;

pub use decide::{DecideError, Decider, Decision};
pub use dispatch::{Dispatcher, Drained};
pub use run::{RunOf, Summary, run};
pub use stop::Stop;
