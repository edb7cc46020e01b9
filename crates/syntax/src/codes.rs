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
    MONEY_SIGN "E013" "an amount of money without its currency code"
    NO_UNIT "E014" "a length of time without its unit"
    NOT_PERCENT "E015" "a share that is not a percentage"
    EMPTY "E016" "a part with nothing in it"
    INVISIBLE "E017" "a character that cannot be seen"
    AFTER_SENTENCE "E018" "something follows the bare sentence"
    BAD_NAME "E019" "something that cannot be a name"
    FUNCTION_CALL "E020" "a function of another language"
    NULL_TEST "E021" "a test for an empty value from another language"
    BAD_QUOTES "E022" "text in the wrong quotes"

    BAD_YAML "E101" "the file is not YAML"
    UNKNOWN_KEY "E102" "a key that is not known"
    MISSING_KEY "E103" "a part that is missing"
    WRONG_SHAPE "E104" "a value of another kind than expected"
    DUPLICATE_KEY "E105" "a name that is written twice"
    UNWRITABLE_NAME "E106" "a name that rules cannot write"
    RESERVED_NAME "E107" "a name that is taken by the language"
    UNKNOWN_TYPE "E108" "a type that does not exist"
    MISFIT_KEY "E109" "a part that does not go with the type"
    UNKNOWN_CURRENCY "E110" "a currency that does not exist"
    UNKNOWN_ZONE "E111" "a time zone that does not exist"
    NOTHING_THERE "E112" "a name that points at nothing"
    POINTS_AT_WRONG_TYPE "E113" "a name that points at the wrong type"
    BAD_WORDS "E114" "a list of words that cannot be"
    BAD_CHANGES "E115" "a table that cannot tell its changes so"
    BAD_EXPECTATION "E116" "an expectation that cannot be read"

    LITERAL_SECRET "E150" "a secret written out"
    MISSING_FILE "E151" "a file that is not there"
    BAD_STORE "E152" "a store that cannot be named so"
    BAD_CHANNEL "E153" "a channel that cannot be set up so"
    TOO_MANY_FILES "E154" "more files than a project may have"
    OUTSIDE_PROJECT "E155" "a file outside the project"

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
    BAD_MJML "E233" "a mail that is no MJML"
    NO_CUSTOMER_ZONE "E234" "hours of silence by a zone that nobody has"
    NO_WORTH "E235" "a budget that cannot be counted"

    CAPITALS "W001" "a word of the language in capitals"
    FULL_WIDTH "W002" "a full-width or typographic sign"
    LOOK_ALIKE "W003" "a name that can be taken for another"
    MISSING_UNDER_NEGATION "W020" "a negation over something that can be missing"
    UNUSED "W021" "a declaration that nothing uses"
    EVERYBODY "W022" "a rule without a condition"
    NEVER "W023" "a comparison that never holds"
    YEARLY_TODAY "W024" "a yearly date compared with its year"
    ONCE_A_YEAR "W025" "a yearly rule that sends once, ever"
    SHORT_MONTHS "W026" "a day that some months do not have"
    NEVER_HOLDS "W030" "a condition that can never hold"
    ALWAYS_HOLDS "W031" "a condition that always holds"
    SHADOWED "W032" "a stage that nobody can reach"
    REDUNDANT "W033" "a comparison that changes nothing"
    IDLE_ALLOWANCE "W034" "an allowance for nothing"
    BOTH_SEND "W035" "two rules that can write to one customer at once"
    UNTREATED "W036" "a stage or band that no rule reaches"
    SAME_FOR_ALL "W037" "tiers that all get the same"
    NO_ZONE "W040" "a project without a time zone"
    NO_CURRENCY "W041" "money without a currency"
    NO_OWNER "W050" "a rule that nobody answers for"
    NO_GOAL "W051" "a rule without a goal"
    NO_EXPIRY "W052" "a rule that never ends"
}
