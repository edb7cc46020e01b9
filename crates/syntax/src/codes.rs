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

    UNKNOWN_NAME "E201" "a name that nothing has"
    DUPLICATE_NAME "E202" "a name that is taken"
    CYCLE "E203" "declarations that need each other"
    WRONG_TYPE "E204" "two kinds of things that cannot be compared"
    CURRENCY "E205" "two currencies, or none"
    NOT_A_WORD "E206" "a word that the list does not have"
    NOT_ORDERED "E207" "an order where there is none"
    WRONG_UNIT "E208" "a unit of time that does not fit"
    WHICH_ROW "E209" "one of many rows, and it is not said which"
    NOT_A_CONDITION "E210" "a value where a condition is needed"
    NOT_A_VALUE "E211" "a condition where a value is needed"
    BAD_FOLD "E212" "something that cannot be counted or summed so"
    OUTSIDE_ROW "E213" "a name from outside the row"
    BAD_WINDOW "E214" "a stretch of time that cannot be"
    NO_OTHERWISE "E215" "stages that do not cover everybody"
    SAID_TWICE "E217" "a clause that is said twice"
    NO_ACTION "E218" "a rule that does nothing"
    ELSE_WITHOUT_FOR "E219" "else without for"
    BAD_SCHEDULE "E220" "a schedule that cannot be"
    BAD_SHARE "E221" "a share that cannot be"
    NO_TEMPLATE "E222" "a template that does not exist"
    BAD_TEMPLATE "E223" "a template that cannot be used"
    NO_CHANNEL "E224" "a channel that cannot reach anybody"
    NO_COUPON "E225" "a coupon that is not declared"
    NO_WEBHOOK "E226" "a webhook that is not declared"
    NOT_KEPT "E227" "an attribute that rules cannot change"
    ONLY_IN_JOURNEY "E228" "something that only a journey has"
    NEEDS_QUOTES "E229" "text without quotes"
    TRUE_OR_FALSE "E230" "yes or no in other words"
    NO_EVENT "E231" "an event that is not declared"
    BAD_BANDS "E232" "bands that do not rise"

    MISSING_UNDER_NEGATION "W020" "a negation over something that can be missing"
    UNUSED "W021" "a declaration that nothing uses"
    EVERYBODY "W022" "a rule without a condition"
    NEVER "W023" "a comparison that never holds"
    YEARLY_TODAY "W024" "a yearly date compared with its year"
    ONCE_A_YEAR "W025" "a yearly rule that sends once, ever"
    SHORT_MONTHS "W026" "a day that some months do not have"
}
