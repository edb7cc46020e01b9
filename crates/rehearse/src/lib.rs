//! Tests of rules: customers written out, a clock that the test moves, and what is expected to be sent or not. They run
//! through the evaluator and the plan that a run goes through, on a past that is kept in memory.

mod clock;
mod customers;
mod expect;
mod file;
mod outcome;
mod rehearsal;
mod verdict;

pub use expect::{Doing, Expected, Fact, Outcome};
pub use file::{Step, Test, TestFile};
pub use outcome::{About, Actual, Difference};
pub use rehearsal::{Rehearsal, Scene};
pub use verdict::{Failure, Why};
