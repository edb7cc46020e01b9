//! The `tidings` binary: reads the command line, calls the crates along the road, prints what they say.

mod args;
mod commands;
mod failure;
mod opened;
mod progress;
mod report;
mod screen;
mod signals;

use args::{Cli, Command, TextOrJson};
use clap::{CommandFactory, Parser};
use failure::Failure;
use screen::{Screen, aside};
use std::io::IsTerminal;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    tidings_engine::keep_freed();
    let cli = Cli::parse();
    log(&cli.command);
    let screen = Screen::new(cli.colour);
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::from)
        .and_then(|runtime| runtime.block_on(carry_out(&cli, &screen)));
    outcome.unwrap_or_else(|failure| {
        aside(&format!("{} {failure}", screen.error_mark()));
        ExitCode::FAILURE
    })
}

/// The log goes to the standard error. What runs for long says how it goes; the others only what went wrong.
fn log(command: &Command) {
    let (usually, json) = match command {
        Command::Serve(serve) => {
            let json = match serve.log_format {
                Some(format) => format == TextOrJson::Json,
                None => !std::io::stderr().is_terminal(),
            };
            ("info,sqlx=warn", json)
        }
        _ => ("error", false),
    };
    let filter = EnvFilter::try_from_env("TIDINGS_LOG").unwrap_or_else(|_| EnvFilter::new(usually));
    // What cannot be logged is not complained of on the same standard error, which panics where nothing can be written.
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let log = log.log_internal_errors(false);
    if json { log.json().init() } else { log.with_ansi(std::io::stderr().is_terminal()).init() }
}

async fn carry_out(cli: &Cli, screen: &Screen) -> Result<ExitCode, Failure> {
    let folder = &cli.project;
    match &cli.command {
        Command::Init(args) => commands::init::init(folder, args, screen).await,
        Command::Check(args) => commands::check::check(folder, args, screen),
        Command::Fmt(args) => commands::fmt::fmt(folder, args, screen),
        Command::Plan(args) => commands::plan::plan(folder, args, screen).await,
        Command::Backtest(args) => commands::backtest::backtest(folder, args, screen).await,
        Command::Explain(args) => commands::explain::explain(folder, args, screen).await,
        Command::Test(args) => commands::test::test(folder, args, screen),
        Command::Run(args) => commands::run::run(folder, args, screen).await,
        Command::Serve(args) => commands::serve::serve(folder, args, screen).await,
        Command::Import(args) => commands::import::import(folder, args, screen).await,
        Command::Doctor(args) => commands::doctor::doctor(folder, args, screen).await,
        Command::Customers(args) => commands::customers::customers(folder, args, screen).await,
        Command::Sandbox(args) => commands::sandbox::sandbox(folder, args, screen),
        Command::Outbox(args) => commands::outbox::outbox(folder, args, screen).await,
        Command::Runs(args) => commands::runs::runs(folder, args, screen).await,
        Command::Approve(args) => commands::runs::approve(folder, args, screen).await,
        Command::Cancel(args) => commands::runs::cancel(folder, args, screen).await,
        Command::Ledger(args) => commands::ledger::ledger(folder, args, screen).await,
        Command::Feedback(args) => commands::feedback::feedback(folder, args, screen).await,
        Command::Erase(args) => commands::erase::erase(folder, args, screen).await,
        Command::Next(args) => commands::next::next(folder, args, screen),
        Command::Pause(args) => commands::pause::pause(folder, args, screen).await,
        Command::Resume(args) => commands::pause::resume(folder, args, screen).await,
        Command::Adopt(args) => commands::pause::adopt(folder, args, screen).await,
        Command::SendTest(args) => commands::send_test::send_test(folder, args, screen).await,
        Command::Consent(args) => commands::consent::consent(folder, args, screen).await,
        Command::Suppress(args) => commands::suppress::suppress(folder, args, screen).await,
        Command::Errors(args) => commands::errors::errors(args, screen),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "tidings", &mut script);
            screen.print(&String::from_utf8_lossy(&script));
            Ok(ExitCode::SUCCESS)
        }
    }
}
