//! The one registry of error and warning codes. A code is never reused; each has a page in `docs/errors/`
//! with a failing and a mended example, both run as tests.
//!
//! E001–E099 text, E101–E199 project files, E201–E399 meaning, W001–W099 warnings.

use crate::diagnostic::Severity;
use std::fmt;

/// An entry of the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Code {
    id: &'static str,
    title: &'static str,
}

impl Code {
    /// `E001`, `W003`.
    pub fn id(self) -> &'static str {
        self.id
    }

    /// What it is about, in a few words.
    pub fn title(self) -> &'static str {
        self.title
    }

    /// Codes that start with `E` stop the project from compiling.
    pub fn severity(self) -> Severity {
        if self.id.starts_with('E') { Severity::Error } else { Severity::Warning }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id)
    }
}

macro_rules! codes {
    ($($name:ident $id:literal $title:literal)*) => {
        impl Code {
            $(#[doc = $title] pub const $name: Code = Code { id: $id, title: $title };)*
            /// Every code, in order.
            pub const ALL: &'static [Code] = &[$(Code::$name),*];
        }
    };
}

codes! {
    UNEXPECTED "E001" "something else was expected here"
    TOO_LARGE "E002" "the file is larger than 256 kB"
    TOO_DEEP "E003" "the expression is nested too deeply"
    NOT_TEXT "E004" "the file is not UTF-8 text"
    AND_BESIDE_OR "E005" "and beside or without parentheses"
    CHAINED_COMPARISON "E006" "a chain of comparisons"
    FOREIGN_OPERATOR "E007" "an operator of another language"
    BAD_NUMBER "E008" "a number that cannot be read"
    BAD_DATE "E009" "a date or time that does not exist"
    GLUED_MINUS "E010" "a minus without spaces"
    UNCLOSED "E011" "something is not closed"
    MISPLACED "E012" "a part stands in the wrong place"
}
