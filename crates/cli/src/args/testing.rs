//! What `tidings test` can be asked.

use super::TextOrJson;
use clap::Args;
use std::path::PathBuf;

/// Carry out the project's tests.
#[derive(Debug, Args)]
#[command(after_help = TESTING)]
pub struct Test {
    /// Only tests with this in their name, or in that of their file
    pub name: Option<String>,
    /// How to print what came of them
    #[arg(long, default_value = "text", value_name = "FORMAT")]
    pub format: TextOrJson,
    /// Also write what came of them into a file, as JUnit has it
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Write what is the case into the files of tests where something else is expected, for review; the rest stays as it is
    #[arg(long, conflicts_with_all = ["coverage", "mutate", "junit"])]
    pub update: bool,
    /// Also list what no test has seen both ways: rules, stages, segments, comparisons
    #[arg(long)]
    pub coverage: bool,
    /// Fail where there is any of it
    #[arg(long, requires = "coverage")]
    pub full: bool,
    /// Also make small changes to the rules, one at a time, and list those that no test notices; fail where there are any
    #[arg(long)]
    pub mutate: bool,
}

const TESTING: &str = "\
A first test, in tests/wake-up.yaml:

  at: 2026-03-01T10:00
  customers:
    ann: {email: ann@example.com, email_consent: yes, orders: [{placed_at: 120 days ago}]}
    bob: {email: bob@example.com, email_consent: yes, orders: [{placed_at: 3 days ago}]}
  tests:
    - name: who has gone quiet is woken once
      steps:
        - expect:
            ann: {lifecycle: dormant, wake-up: wake-up email}
            bob: {wake-up: no match}
        - after: 1 day
          expect:
            ann: {wake-up: {held: already_sent}}

`tidings test --update` writes what is the case into the tests: look at the difference before it is taken in.

`tidings test --coverage` lists what the tests have not seen, `tidings test --mutate` the comparisons and numbers that \
could be others without a test that notices.

Exit codes: 0 all is as expected, 1 something is not, or the rules or the tests have errors; with --full also where \
something was not seen, and with --mutate where a change went unnoticed.";
