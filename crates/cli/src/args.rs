//! What can be said on the command line.

mod backtest;
mod examining;
mod examples;
mod explaining;
mod planning;
mod testing;

pub use backtest::{BacktestArgs, BacktestFormat, BacktestStep};
pub use examining::Doctor;
pub use explaining::{Explain, ExplainFormat};
pub use planning::{PlanArgs, PlanFormat};
pub use testing::Test;

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Marketing rules as code: see who each rule would reach, then run it.
#[derive(Debug, Parser)]
#[command(name = "tidings", version, propagate_version = true, after_help = START)]
pub struct Cli {
    /// The project: a folder with a tidings.yaml
    #[arg(long, short = 'C', global = true, default_value = ".", value_name = "DIR", help_heading = EVERYWHERE)]
    pub project: PathBuf,
    /// When to use colours: auto (on a terminal, unless NO_COLOR is set), always or never
    #[arg(long, global = true, default_value = "auto", value_name = "WHEN", alias = "color",
        hide_possible_values = true, help_heading = EVERYWHERE)]
    pub colour: Colour,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What goes with every command.
const EVERYWHERE: &str = "Everywhere";

const START: &str = "\
Start here:
  tidings init --store sqlite:shop.db   # a first schema.yaml from a database
  tidings check                         # every mistake in the rules
  tidings plan                          # who would be reached or held back, and why
  tidings explain wake-up 00004         # why a customer is sent something, or not
  tidings test                          # hold the rules against tests/*.yaml
  tidings run --sandbox                 # send into a folder
  tidings sandbox list                  # what was caught there
  tidings serve                         # let the rules run on their schedules

Exit codes: 0 done, 1 the project or the run has errors, 2 the command line has, 3 a rule is over its limit.";

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Look at a database and write a first tidings.yaml and schema.yaml
    Init(Init),
    /// Find every mistake in the project's files
    Check(Check),
    /// Write rule files in the one canonical layout
    Fmt(Fmt),
    /// Show who each rule would reach, who is held back and why; sends nothing
    Plan(PlanArgs),
    /// Replay the rules over history: what they would have sent, day after day; sends nothing
    Backtest(BacktestArgs),
    /// Show why one customer is, or is not, sent something by one rule or by all, and what would have to be different
    Explain(Explain),
    /// Carry out the tests in tests/*.yaml: customers, a clock, and what must and must not be sent
    Test(Test),
    /// Make the same plan and carry it out; run again after a crash, it goes on where it was
    Run(Run),
    /// Run the rules on their schedules and send what they say, day and night
    Serve(Serve),
    /// Read CSV and similar files into the embedded store
    Import(Import),
    /// Look at everything that a run depends on: data, databases, mail servers, disk and clocks; sends nothing
    Doctor(Doctor),
    /// Count the customers in each stage and segment
    Customers(Customers),
    /// Look at what the sandbox caught
    Sandbox(Sandbox),
    /// Show what will run when
    Next(Next),
    /// Show the latest runs, what was due and not run and why, and what waits for a person's word
    Runs(Runs),
    /// Let go what waits for a person's word
    Approve(Decide),
    /// Call off what waits for a person's word
    Cancel(Decide),
    /// Let nothing leave, or nothing of a rule or a channel, until `resume`
    Pause(Pause),
    /// Let things leave again
    Resume(Resume),
    /// Send from a state that was copied here; the one that it was copied from must send no more
    #[command(after_help = examples::ADOPT)]
    Adopt(OfState),
    /// Look at the outbox: what is waiting, sent, held back, and why
    Outbox(Outbox),
    /// Show everything that happened to a customer
    Ledger(Ledger),
    /// Send what a rule would send a customer to yourself; nothing is used up
    SendTest(SendTest),
    /// The addresses that nothing is sent to
    Suppress(Suppress),
    /// What a customer said about being written to
    Consent(Consent),
    /// Read bounces and complaints from a mailbox file, and write to those addresses no more
    Feedback(Feedback),
    /// Forget a customer: call off what waits, blank addresses and contents; who said no stays so
    Erase(Erase),
    /// Explain an error or warning by its code, such as E205
    Errors(Errors),
    /// Print completions for a shell, as in `tidings completions zsh > _tidings`
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Look at a database and write a first tidings.yaml and schema.yaml.
#[derive(Debug, Args)]
#[command(after_help = examples::INIT)]
pub struct Init {
    /// The customer store, such as sqlite:shop.db; it is only read
    #[arg(long, value_name = "URL")]
    pub store: Option<String>,
    /// The project's time zone, such as Asia/Shanghai
    #[arg(long, default_value = "UTC", value_name = "ZONE")]
    pub time_zone: String,
    /// The currency of the store's money, such as CNY
    #[arg(long, default_value = "USD", value_name = "CODE")]
    pub currency: String,
    /// Write over files that are there
    #[arg(long)]
    pub force: bool,
}

/// Find every mistake in the project's files.
#[derive(Debug, Args)]
#[command(after_help = examples::CHECK)]
pub struct Check {
    /// How to print the findings
    #[arg(long, default_value = "text", value_name = "FORMAT")]
    pub format: TextOrJson,
    /// Treat warnings as errors
    #[arg(long)]
    pub strict: bool,
}

/// Text for people or JSON for machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TextOrJson {
    /// For people
    Text,
    /// For machines
    Json,
}

/// Write rule files in the one canonical layout.
#[derive(Debug, Args)]
#[command(after_help = examples::FMT)]
pub struct Fmt {
    /// Change nothing; list the files that would change and exit with 1 if there are any
    #[arg(long)]
    pub check: bool,
    /// The files; all rule files of the project where none is named
    pub files: Vec<PathBuf>,
}

/// What a plan is asked for.
#[derive(Debug, Args)]
pub struct Asked {
    /// The moment for which everything is computed: 2026-11-11, 2026-11-11T10:00 or with an offset; now where it
    /// is not said. A day or a time without an offset is in the project's time zone
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// Only this rule; can be said several times
    #[arg(long = "rule", value_name = "NAME")]
    pub rules: Vec<String>,
    /// As if every send were caught in the sandbox, with the sandbox's own history
    #[arg(long)]
    pub sandbox: bool,
    /// Read all customers anew, and keep nothing of them in `.tidings`
    #[arg(long)]
    pub no_cache: bool,
}

/// Make the plan and carry it out.
#[derive(Debug, Args)]
#[command(after_help = examples::RUN)]
pub struct Run {
    /// What for
    #[command(flatten)]
    pub asked: Asked,
    /// How long a claim on a send holds when its worker is lost, before another takes it over
    #[arg(long, default_value_t = 30, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub lease: u64,
    /// Go ahead although the data is not as `expect` in schema.yaml says, or the table of customers is empty
    #[arg(long)]
    pub despite_expectations: bool,
    /// How to print the summary
    #[arg(long, default_value = "text", value_name = "FORMAT")]
    pub format: TextOrJson,
}

/// Run the rules on their schedules and send what they say, day and night.
#[derive(Debug, Args)]
#[command(after_help = SERVING)]
pub struct Serve {
    /// Where it answers /healthz, /readyz, /metrics, /unsubscribe and /feedback
    #[arg(long, default_value = "127.0.0.1:8025", value_name = "ADDRESS")]
    pub listen: SocketAddr,
    /// Catch everything in the sandbox, with the sandbox's own history
    #[arg(long)]
    pub sandbox: bool,
    /// What requests for /metrics have to carry, as env:NAME or file:PATH; needed where others than this machine can
    /// reach the address
    #[arg(long, value_name = "SECRET")]
    pub token: Option<String>,
    /// How the log is written: text on a terminal and else JSON, where it is not said
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<TextOrJson>,
}

const SERVING: &str = "\
Examples:
  tidings serve --sandbox                  # to try it: nothing leaves
  tidings serve --listen 127.0.0.1:9000

Files that change are taken up while it runs; broken ones are not, and the rules before run on.

SIGTERM or Ctrl-C sees through what is leaving and begins nothing; a second one ends at once, and nothing is lost.
SIGHUP reads the project again, secrets too. TIDINGS_LOG=debug says more.";

/// Read files into the embedded store.
#[derive(Debug, Args)]
#[command(after_help = examples::IMPORT)]
pub struct Import {
    /// CSV files with a header line, Parquet files, or spreadsheets; `orders=CDNOW_master.txt` names the table, else the file's name does
    #[arg(required = true, value_name = "[TABLE=]FILE")]
    pub files: Vec<String>,
    /// Only check: read everything, say what would be taken and what not, change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// What parts the columns: `,`, `;`, `tab` or `blanks`; found out where it is not said
    #[arg(long, value_name = "SIGN")]
    pub delimiter: Option<String>,
    /// Take a file that was taken before once more
    #[arg(long)]
    pub again: bool,
    /// Make the table of customers from the keys in a column, such as orders.customer_id
    #[arg(long, value_name = "TABLE.COLUMN")]
    pub customers_from: Option<String>,
}

/// Count the customers in each stage and segment.
#[derive(Debug, Args)]
#[command(after_help = examples::CUSTOMERS)]
pub struct Customers {
    /// The moment; now where it is not said
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// How to print it
    #[arg(long, default_value = "text", value_name = "FORMAT")]
    pub format: TextOrJson,
}

/// Look at what the sandbox caught.
#[derive(Debug, Args)]
#[command(after_help = examples::SANDBOX)]
pub struct Sandbox {
    /// What to do
    #[command(subcommand)]
    pub command: SandboxCommand,
}

/// What to do with the sandbox.
#[derive(Debug, Subcommand)]
pub enum SandboxCommand {
    /// List what was caught, the latest first
    List {
        /// How many
        #[arg(long, default_value_t = 20)]
        count: usize,
        /// Only what went through this channel, coupon provider or webhook
        #[arg(long)]
        channel: Option<String>,
        /// How to print it
        #[arg(long, default_value = "text", value_name = "FORMAT")]
        format: TextOrJson,
    },
    /// Show one: by its number in the list, its file or the beginning of its key
    Show {
        /// Which
        which: String,
    },
}

/// Show what will run when.
#[derive(Debug, Args)]
#[command(after_help = examples::NEXT)]
pub struct Next {
    /// How many runs
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub count: usize,
    /// From this moment on; now where it is not said
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// How to print it
    #[arg(long, default_value = "text", value_name = "FORMAT")]
    pub format: TextOrJson,
}

/// Which state.
#[derive(Debug, Args)]
pub struct OfState {
    /// Of the sandbox, which has a state of its own
    #[arg(long)]
    pub sandbox: bool,
}

/// Show the latest runs, and what waits for a person's word.
#[derive(Debug, Args)]
#[command(after_help = examples::RUNS)]
pub struct Runs {
    /// Which state
    #[command(flatten)]
    pub of: OfState,
    /// How many runs
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub count: u32,
    /// How to print it
    #[arg(long, default_value = "text", value_name = "FORMAT")]
    pub format: TextOrJson,
}

/// Decide about what waits for a person's word.
#[derive(Debug, Args)]
#[command(after_help = examples::DECIDE)]
pub struct Decide {
    /// The number of the run, as `tidings runs` lists it
    pub run: i64,
    /// Which rule of the run; the one that waits where it is not said
    pub rule: Option<String>,
    /// Who decides; the account's name where it is not said
    #[arg(long, value_name = "WHO")]
    pub by: Option<String>,
    /// Which state
    #[command(flatten)]
    pub of: OfState,
}

/// What a pause is about.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub struct Scoped {
    /// Only what this rule sends
    #[arg(long, value_name = "NAME")]
    pub rule: Option<String>,
    /// Only what leaves by this channel, coupon provider, webhook or team
    #[arg(long, value_name = "NAME")]
    pub channel: Option<String>,
}

/// Let nothing leave.
#[derive(Debug, Args)]
#[command(after_help = examples::PAUSE)]
pub struct Pause {
    /// What
    #[command(flatten)]
    pub scope: Scoped,
    /// Why, for those who wonder later
    #[arg(long, default_value = "by hand", value_name = "WORDS")]
    pub why: String,
    /// Which state
    #[command(flatten)]
    pub of: OfState,
}

/// Let things leave again.
#[derive(Debug, Args)]
#[command(after_help = examples::RESUME)]
pub struct Resume {
    /// What
    #[command(flatten)]
    pub scope: Scoped,
    /// Which state
    #[command(flatten)]
    pub of: OfState,
}

/// Look at the outbox.
#[derive(Debug, Args)]
#[command(after_help = examples::OUTBOX)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Outbox {
    /// What to do; counts or rows are shown where nothing is said
    #[command(subcommand)]
    pub command: Option<OutboxCommand>,
    /// Which rows
    #[command(flatten)]
    pub filter: Filter,
    /// Which state
    #[command(flatten)]
    pub of: OfState,
    /// How to print it
    #[arg(long, default_value = "text", value_name = "FORMAT")]
    pub format: TextOrJson,
}

/// Which rows of the outbox; with none of these, they are counted.
#[derive(Debug, Args)]
pub struct Filter {
    /// In this state: pending, sent, rejected, quarantined, unconfirmed, …
    #[arg(long, value_name = "STATE")]
    pub state: Option<String>,
    /// Of this rule
    #[arg(long, value_name = "NAME")]
    pub rule: Option<String>,
    /// By this channel, coupon provider, webhook or team
    #[arg(long, value_name = "NAME")]
    pub channel: Option<String>,
    /// For this customer
    #[arg(long, value_name = "KEY")]
    pub customer: Option<String>,
    /// How many rows, the newest first; 50 where it is not said
    #[arg(long, value_name = "N")]
    pub limit: Option<u32>,
}

/// What to do with rows of the outbox.
#[derive(Debug, Subcommand)]
pub enum OutboxCommand {
    /// Let quarantined rows, of which nothing ever left, have another try
    Retry {
        /// Their keys, or the beginnings of them, as `tidings outbox --state quarantined` lists them
        #[arg(required = true, value_name = "KEY")]
        keys: Vec<String>,
        /// Which state
        #[command(flatten)]
        of: OfState,
    },
}

/// Show everything that happened to a customer.
#[derive(Debug, Args)]
#[command(after_help = examples::LEDGER)]
pub struct Ledger {
    /// The customer's key
    pub customer: String,
    /// Which state
    #[command(flatten)]
    pub of: OfState,
    /// How to print it
    #[arg(long, default_value = "text", value_name = "FORMAT")]
    pub format: TextOrJson,
}

/// Send what a rule would send a customer to yourself.
#[derive(Debug, Args)]
#[command(after_help = examples::SEND_TEST)]
pub struct SendTest {
    /// The rule
    pub rule: String,
    /// The customer whose data the messages show
    pub customer: String,
    /// Where the messages go instead
    #[arg(long, value_name = "ADDRESS")]
    pub to: String,
    /// Into the sandbox, to look at
    #[arg(long)]
    pub sandbox: bool,
}

/// What a customer said about being written to.
#[derive(Debug, Args)]
#[command(after_help = examples::CONSENT)]
pub struct Consent {
    /// The customer's key
    pub customer: String,
    /// The channel: email, sms
    pub channel: String,
    /// What they said
    pub word: Word,
    /// Where they said it; for `give` it has to be said: it is the proof
    #[arg(long, value_name = "SOURCE")]
    pub source: Option<String>,
    /// When they gave it, as `2026-11-22T10:00`; now where it is not said
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// Which state
    #[command(flatten)]
    pub of: OfState,
}

/// What can be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Word {
    /// No more: it stands against all imports and whatever the customer store says
    Withdraw,
    /// Yes, once more: it lifts a withdrawal from before
    Give,
}

/// Read bounces and complaints.
#[derive(Debug, Args)]
#[command(after_help = examples::FEEDBACK)]
pub struct Feedback {
    /// A mailbox: a file with mails one after another (mbox), or a folder with one a file (Maildir)
    pub mailbox: PathBuf,
    /// Which state
    #[command(flatten)]
    pub of: OfState,
}

/// Forget a customer.
#[derive(Debug, Args)]
#[command(after_help = examples::ERASE)]
pub struct Erase {
    /// The customer's key
    pub customer: String,
    /// Which state
    #[command(flatten)]
    pub of: OfState,
}

/// The addresses that nothing is sent to.
#[derive(Debug, Args)]
#[command(after_help = examples::SUPPRESS)]
pub struct Suppress {
    /// Which state
    #[command(flatten)]
    pub of: OfState,
    /// What to do
    #[command(subcommand)]
    pub command: SuppressCommand,
}

/// What to do with the suppression list.
#[derive(Debug, Subcommand)]
pub enum SuppressCommand {
    /// Send nothing to an address any more
    Add {
        /// The channel: email, sms
        channel: String,
        /// The address; only its keyed hash is kept
        address: String,
        /// Why
        #[arg(long, default_value = "asked for")]
        reason: String,
    },
    /// Take an address off the list
    Remove {
        /// The channel
        channel: String,
        /// The address
        address: String,
    },
    /// How many addresses are on it, by channel and reason
    List,
}

/// Explain an error or warning by its code.
#[derive(Debug, Args)]
#[command(after_help = examples::ERRORS)]
pub struct Errors {
    /// The code; every one is listed where none is named
    pub code: Option<String>,
}
