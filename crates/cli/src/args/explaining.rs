//! What `tidings explain` can be asked.

use clap::{Args, ValueEnum};

/// Show why one customer is, or is not, sent something, and what would have to be different.
#[derive(Debug, Args)]
#[command(after_help = EXPLAINING)]
pub struct Explain {
    /// The rule
    #[arg(required_unless_present = "all_rules")]
    pub rule: Option<String>,
    /// The customer's key
    #[arg(required_unless_present = "all_rules")]
    pub customer: Option<String>,
    /// Every rule for this customer, in one line each: what is planned first, then what is held back, then what does not
    /// match
    #[arg(long, value_name = "CUSTOMER", conflicts_with_all = ["rule", "customer"])]
    pub all_rules: Option<String>,
    /// The moment; now where it is not said
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// With the sandbox's own history
    #[arg(long)]
    pub sandbox: bool,
    /// How to print it
    #[arg(long, default_value = "text", value_name = "FORMAT")]
    pub format: ExplainFormat,
    /// Read all customers anew, and keep nothing of them in `.tidings`
    #[arg(long)]
    pub no_cache: bool,
}

/// How to print an explanation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExplainFormat {
    /// For a terminal
    Text,
    /// For machines
    Json,
    /// One page for a browser, which loads nothing from elsewhere
    Html,
}

const EXPLAINING: &str = "\
Examples:
  tidings explain wake-up 00004                     # what each comparison saw
  tidings explain wake-up 00004 --at 1998-07-01     # the same as of a day
  tidings explain --all-rules 00004                 # every rule, in one line each
  tidings explain wake-up 00004 --format html > why.html

Where the rule does not match, the fewest comparisons that would have to come out otherwise are told, each with the \
day on which it does by the rows there are, if that is within 400 days and no customers are ranked.

Exit codes: 0 explained, 1 there is no such rule or customer.";
