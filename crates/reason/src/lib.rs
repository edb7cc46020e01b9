//! Reasoning about a program without any customer: what can never hold, what always does, which stage nobody reaches
//! and which comparison changes nothing.
//!
//! Conditions become statements about variables with finitely many cells ([`region`]), and a search ([`solve`]) looks for
//! values that make some of them true together. It errs to one side only: what it calls impossible is impossible; where
//! it cannot tell, it is silent.

mod asked;
mod candidates;
mod findings;
mod formula;
pub mod lints;
mod model;
pub mod overlap;
mod region;
mod same;
mod sample;
mod solve;
mod tiers;

pub use findings::findings;
pub use lints::{Lint, lints};
pub use overlap::{Overlap, overlaps};
