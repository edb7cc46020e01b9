//! From a program to a compiled evaluator over chunks of customers, and the trace behind `explain`.
//! It does no I/O, knows no database and reads no clock.

mod against;
mod arithmetic;
pub mod bitmap;
mod calendar;
pub mod chunk;
mod classes;
mod column;
mod compare;
mod compile;
mod dates;
mod eval;
pub mod evaluator;
mod fold;
mod graph;
pub mod matches;
mod memory;
mod packed;
mod parallel;
mod pass;
pub mod people;
mod planes;
pub mod population;
mod results;
mod score;
mod sketch;
mod spare;
pub mod trace;
pub mod turns;
mod verdicts;
mod wants;
mod window;
mod words;

pub use bitmap::Bitmap;
pub use chunk::{Chunk, CollectionNeeds, Needs, Rows};
pub use column::value_at;
pub use evaluator::Evaluator;
pub use matches::{Matches, RuleMatches};
pub use memory::keep_freed;
pub use parallel::Chunks;
pub use people::Person;
pub use population::Populations;
pub use trace::{Explainer, Seen, Trace, Verdict, What};
pub use turns::{Turn, comparisons, turns};
