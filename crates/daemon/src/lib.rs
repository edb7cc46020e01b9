//! What runs for longer than a decision: the dispatcher that takes sends from the outbox to their carriers,
//! the flow of a run, and the project that both work with. Holds no rule of the business.

pub mod against;
mod ahead;
pub mod backtest;
mod batch;
pub mod bounces;
mod breaker;
pub mod decide;
pub mod dispatch;
pub mod doctor;
mod due;
mod metrics;
mod pace;
mod read;
pub mod renames;
pub mod run;
pub mod schedule;
pub mod serve;
pub mod site;
pub mod stop;
pub mod trial;

pub use against::{Beside, Earlier};
pub use backtest::{Backtest, Span, StepOf, Watch};
pub use decide::{DecideError, Decider, Decision, Took};
pub use dispatch::{Dispatcher, Drained};
pub use run::{RunOf, Summary, run};
pub use schedule::{Scheduler, Turn};
pub use serve::{Serve, ServeError, serve};
pub use site::{Site, Unsound};
pub use stop::Stop;
