//! Tests of rules: customers written out, a clock that the test moves, and what is expected to be sent or not. They run
//! through the evaluator and the plan that a run goes through, on a past that is kept in memory.

mod clock;
mod comparisons;
mod coverage;
mod customers;
mod expect;
mod file;
mod mutants;
mod outcome;
mod rehearsal;
mod spots;
mod survivors;
mod update;
mod verdict;

pub use coverage::{Coverage, Seen, What};
pub use expect::{Doing, Expected, Fact, Outcome};
pub use file::{Step, Test, TestFile};
pub use mutants::{Mutant, Mutants};
pub use outcome::{About, Actual, Difference};
pub use rehearsal::{Rehearsal, Scene};
pub use survivors::{Survivors, survivors};
pub use update::{Updated, updated};
pub use verdict::{Failure, Why};
