//! From trees and a vocabulary to a typed program: every error and warning that a marketer can meet.
//! It evaluates nothing.

pub mod program;

pub use program::Program;
