//! `tidings backtest` on the command line.

use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Replay the rules over history.
#[derive(Debug, Args)]
#[command(after_help = BACKTESTING)]
pub struct BacktestArgs {
    /// The first moment: 1998-01-01, or 1998-01-01T10:00 for that time of each day
    #[arg(long, value_name = "TIME")]
    pub from: String,
    /// The last, none later than now: a day, all of it, or a moment
    #[arg(long, value_name = "TIME")]
    pub to: String,
    /// How far apart the moments are at which rules decide
    #[arg(long, default_value = "day", value_name = "STEP")]
    pub step: BacktestStep,
    /// How to print it
    #[arg(long, default_value = "text", value_name = "FORMAT")]
    pub format: BacktestFormat,
    /// Also write every single send into this CSV file
    #[arg(long, value_name = "FILE")]
    pub rows: Option<PathBuf>,
    /// Also write the charts and tables into this file: one page that needs nothing else
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// With those who said no to what the sandbox caught
    #[arg(long)]
    pub sandbox: bool,
    /// Read all customers anew, whatever `.tidings` keeps of them
    #[arg(long)]
    pub no_cache: bool,
}

const BACKTESTING: &str = "\
Examples:
  tidings backtest --from 1998-01-01T10:00 --to 1998-03-31
  tidings backtest --from 1998-01-01T10:00 --to 1998-03-31 --html q.html
  tidings backtest --from 1998-01-01 --to 1998-06-30 --step week

Each step is what `tidings run --at` would do at that moment for the rules whose schedules came since the step before, \
on what the steps before it did: repeats, caps, hours of silence, hold-outs, limits and budgets are all simulated, \
from an empty past on. No state is read but who said no, and none is written. Only rows have times: their other \
fields, attributes, addresses and consents are as of today, and it says which rules read attributes.";

/// How far apart the moments of a backtest are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BacktestStep {
    /// An hour
    Hour,
    /// A day
    Day,
    /// Seven days
    Week,
    /// A month
    Month,
}

/// How to print a backtest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BacktestFormat {
    /// For a terminal
    Text,
    /// For machines
    Json,
    /// One line a step, rule and thing that was sent, or reason for which it was not
    Csv,
}
