//! The rule language as text: grammar, tree with spans, formatter, diagnostics with codes.
//! It knows no type and no table.

pub mod allow;
mod clean;
pub mod codes;
pub mod diagnostic;
mod format;
mod grammar;
mod lower;
mod names;
pub mod parse;
mod phrase;
pub mod render;
pub mod span;
pub mod suggest;
pub mod tree;
mod unexpected;

pub use clean::{MAX_BYTES, MAX_DEPTH};
pub use codes::Code;
pub use diagnostic::{Diagnostic, Help, Severity, Source, Sources};
pub use format::{FormatError, format};
pub use parse::{Parsed, parse, parse_bytes};
pub use render::render;
pub use span::{FileId, Place, Span, Spanned};
