//! From a program to a compiled evaluator over chunks of customers, and the trace behind `explain`.
//! It does no I/O, knows no database and reads no clock.

pub mod bitmap;
pub mod chunk;

pub use bitmap::Bitmap;
pub use chunk::{Chunk, CollectionNeeds, Needs, Rows};
