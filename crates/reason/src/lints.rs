//! What a project asks of each of its rules beyond being right.

use tidings_check::Program;
use tidings_check::program::Rule;
use tidings_syntax::{Code, Diagnostic};

/// Something that every rule should say, where a project wants it so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lint {
    /// Who answers for it.
    Owner,
    /// What it is for.
    Goal,
    /// From which day on it does nothing.
    Expiry,
}

impl Lint {
    /// All of them.
    pub const ALL: [Lint; 3] = [Lint::Owner, Lint::Goal, Lint::Expiry];

    /// As `tidings.yaml` writes it.
    pub fn name(self) -> &'static str {
        match self {
            Lint::Owner => "owner",
            Lint::Goal => "goal",
            Lint::Expiry => "expiry",
        }
    }

    fn is_met(self, rule: &Rule) -> bool {
        match self {
            Lint::Owner => rule.owner.is_some(),
            Lint::Goal => rule.not_run.iter().any(|part| part.what == "goal"),
            Lint::Expiry => rule.expires.is_some(),
        }
    }

    fn finding(self, rule: &Rule) -> Diagnostic {
        let (code, lacks, help) = match self {
            Lint::Owner => (Code::NO_OWNER, "nobody answers for", "write `owner \"a team\"`"),
            Lint::Goal => {
                (Code::NO_GOAL, "nothing says what is reached by", "write `goal order within 14 days`")
            }
            Lint::Expiry => (Code::NO_EXPIRY, "nothing ends", "write `expires 2027-01-01`, or another day"),
        };
        Diagnostic::new(code, rule.place, format!("{lacks} the rule `{}`", rule.name)).help(help)
    }
}

/// Where a rule does not say what is asked of all.
pub fn lints(program: &Program, asked: &[Lint]) -> Vec<Diagnostic> {
    let lacking = |rule| asked.iter().filter(move |lint| !lint.is_met(rule)).map(|lint| lint.finding(rule));
    program.rules.iter().flat_map(lacking).collect()
}
