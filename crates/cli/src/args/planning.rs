//! What `tidings plan` can be asked.

use super::Asked;
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueEnum};

/// Show who each rule would reach, who is held back and why; or what a change to the rules changes.
#[derive(Debug, Args)]
#[command(after_help = PLANNING)]
pub struct PlanArgs {
    /// What for
    #[command(flatten)]
    pub asked: Asked,
    /// Show what changes against another version of the project: a commit, branch or tag of git (origin/main), a
    /// folder, or `running`: what the daemon runs now
    #[arg(long, value_name = "REF", value_parser = NonEmptyStringValueParser::new())]
    pub against: Option<String>,
    /// With --against, also count what both versions would send in so many days, as if nobody bought anything; 0 for none
    #[arg(long, requires = "against", default_value_t = 7, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=366))]
    pub days: u32,
    /// Also list the keys of the customers who match
    #[arg(long)]
    pub customers: bool,
    /// Also say where the time went
    #[arg(long)]
    pub timings: bool,
    /// How to print it
    #[arg(long, default_value = "table", value_name = "FORMAT")]
    pub format: PlanFormat,
}

const PLANNING: &str = "\
Examples:
  tidings plan --at 1998-07-01T10:00             # as of a moment
  tidings plan --rule wake-up --customers        # one rule, with all keys

What a change changes, before it is merged:
  tidings plan --against origin/main
  tidings plan --against origin/main --format markdown    # for a pull request

Exit codes: 0 planned, 1 the project has errors or a rule was renamed without `was`, 3 a rule is over its limit.

With --against: 0 nothing changes, 2 something changes, 3 a rule is over its limit after the change. (2 also stands for \
a mistake in the command line; then nothing is printed to the standard output.)";

/// How to print a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// For a terminal
    Table,
    /// For machines
    Json,
    /// For a comment on a pull request
    Markdown,
    /// One line a rule, step and outcome
    Csv,
}
