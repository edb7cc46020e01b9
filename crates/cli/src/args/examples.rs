//! Examples for the help of each command. Lines are short, so that no terminal breaks them.

pub(super) const INIT: &str = "\
Examples:
  tidings init --time-zone Asia/Shanghai --currency CNY    # of what was imported
  tidings init --store sqlite:shop.db                      # of a database that is there
  tidings init --store env:DATABASE_URL                    # whose address is a secret";
pub(super) const CHECK: &str = "\
Examples:
  tidings check               # mistakes and warnings, each with its place
  tidings check --strict      # for a build: warnings fail too
  tidings errors E205         # what one of them means";
pub(super) const FMT: &str = "\
Examples:
  tidings fmt                 # all rule files
  tidings fmt --check         # for a build: which would change";
pub(super) const RUN: &str = "\
Examples:
  tidings run --sandbox                        # caught in files, to look at
  tidings run --rule wake-up                   # one rule only
  tidings run --sandbox --at 1998-07-01T10:00  # as of another moment";
pub(super) const IMPORT: &str = "\
Examples:
  tidings import data/customers.csv
  tidings import --dry-run orders=data/CDNOW_master.txt    # only judge it
  tidings import data/customers.csv orders=data/CDNOW_master.txt

Exit codes: 0 all rows came in, 1 some were rejected while the others came in, or there was an error.";
pub(super) const CUSTOMERS: &str = "\
Examples:
  tidings customers                    # now
  tidings customers --at 1998-07-01    # as of a day";
pub(super) const SANDBOX: &str = "\
Examples:
  tidings sandbox list --channel email --count 3
  tidings sandbox show 1                          # the first of that list";
pub(super) const NEXT: &str = "\
Examples:
  tidings next --count 5
  tidings next --at 1998-07-01 --count 5";
pub(super) const RUNS: &str = "\
Examples:
  tidings runs              # what ran, and what waits for a person
  tidings runs --sandbox    # the same of the sandbox";
pub(super) const DECIDE: &str = "\
Examples:
  tidings runs                  # which run waits, and for what
  tidings approve 3 wake-up     # lets go what the rule wants to send in run 3
  tidings cancel 3 wake-up      # calls it off";
pub(super) const PAUSE: &str = "\
Examples:
  tidings pause --why \"wrong price in the mail\"    # everything
  tidings pause --rule wake-up                     # one rule
  tidings resume --rule wake-up                    # and on it goes";
pub(super) const RESUME: &str = "\
Examples:
  tidings resume                    # whatever was paused as a whole
  tidings resume --channel email    # one channel";
pub(super) const OUTBOX: &str = "\
Examples:
  tidings outbox                        # how many sends are in which state
  tidings outbox --state quarantined    # those that need somebody, and why
  tidings outbox --customer 00004       # those for a customer";
pub(super) const LEDGER: &str = "\
Examples:
  tidings ledger 00004
  tidings ledger 00004 --sandbox    # what the sandbox caught of it";
pub(super) const SEND_TEST: &str = "\
Examples:
  tidings send-test wake-up 00004 --to ann@example.com --sandbox";
pub(super) const CONSENT: &str = "\
Examples:
  tidings consent 00004 email withdraw
  tidings consent 00004 email give --source \"letter of 12 May\"";
pub(super) const FEEDBACK: &str = "\
Examples:
  tidings feedback /var/mail/bounces";
pub(super) const ERASE: &str = "\
Examples:
  tidings erase 00004";
pub(super) const SUPPRESS: &str = "\
Examples:
  tidings suppress add email ann@example.com --reason \"wrote to us\"
  tidings suppress remove email ann@example.com
  tidings suppress list";
pub(super) const ERRORS: &str = "\
Examples:
  tidings errors         # all of them
  tidings errors E205    # one";
pub(super) const ADOPT: &str = "\
Examples:
  tidings adopt";

#[cfg(test)]
mod tests {
    use crate::args::Cli;
    use clap::{CommandFactory, Parser};

    /// Each line of a help that begins with the binary's name, as a shell would take it apart.
    fn examples(help: &str) -> Vec<Vec<String>> {
        let lines = help.lines().filter_map(|line| line.strip_prefix("  tidings "));
        let words = |line: &str| {
            let line = line.split(" # ").next().unwrap_or_default().split(" > ").next().unwrap_or_default();
            let quoted = |(i, part): (usize, &str)| match i % 2 {
                0 => part.split_whitespace().map(str::to_owned).collect(),
                _ => vec![part.to_owned()],
            };
            let words = line.trim().split('"').enumerate().flat_map(quoted);
            ["tidings".to_owned()].into_iter().chain(words).collect()
        };
        lines.map(words).collect()
    }

    #[test]
    fn every_command_has_an_example_that_can_be_pasted() {
        let cli = Cli::command();
        for command in cli.get_subcommands().filter(|command| command.get_name() != "completions") {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let name = command.get_name();
            let all = examples(&help);
            let own = all.iter().any(|words| words.get(1).is_some_and(|word| word == name));
            assert!(own || name == "test", "{name}: {help}");
            for words in all {
                assert!(Cli::try_parse_from(&words).is_ok(), "{name}: {words:?}");
            }
            let wide = help.lines().filter(|line| line.starts_with("  ")).find(|line| line.len() > 98);
            assert_eq!(wide, None, "{name}: a terminal breaks it");
        }
    }
}
