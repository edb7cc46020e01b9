//! The rule language as text: grammar, tree with spans, formatter, diagnostics with codes.
//! It knows no type and no table.

pub mod codes;
pub mod diagnostic;
mod grammar;
pub mod span;
pub mod suggest;
pub mod tree;

pub use codes::Code;
pub use diagnostic::{Diagnostic, Help, Severity, Source, Sources};
pub use span::{FileId, Place, Span, Spanned};
