//! The `tidings` binary: reads the command line, calls the crates along the road, prints what they say.

mod args;
mod commands;
mod failure;
mod opened;
mod progress;
mod report;
mod screen;

use args::{Cli, Command};
use clap::{CommandFactory, Parser};
use failure::Failure;
use screen::Screen;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_env("TIDINGS_LOG"))
        .with_writer(std::io::stderr)
        .init();
    let screen = Screen::new(cli.colour);
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::from)
        .and_then(|runtime| runtime.block_on(carry_out(&cli, &screen)));
    outcome.unwrap_or_else(|failure| {
        eprintln!("{} {failure}", screen.error_mark());
        ExitCode::FAILURE
    })
}

async fn carry_out(cli: &Cli, screen: &Screen) -> Result<ExitCode, Failure> {
    let folder = &cli.project;
    match &cli.command {
        Command::Init(args) => commands::init::init(folder, args, screen).await,
        Command::Check(args) => commands::check::check(folder, args, screen),
        Command::Fmt(args) => commands::fmt::fmt(folder, args, screen),
        Command::Plan(args) => commands::plan::plan(folder, args, screen).await,
        Command::Explain(args) => commands::explain::explain(folder, args, screen).await,
        Command::Run(args) => commands::run::run(folder, args, screen).await,
        Command::Import(args) => commands::import::import(folder, args, screen).await,
        Command::Customers(args) => commands::customers::customers(folder, args, screen).await,
        Command::Sandbox(args) => commands::sandbox::sandbox(folder, args, screen),
        Command::Outbox(args) => commands::outbox::outbox(folder, args, screen).await,
        Command::Suppress(args) => commands::suppress::suppress(folder, args, screen).await,
        Command::Errors(args) => commands::errors::errors(args, screen),
        Command::Completions { shell } => {
            clap_complete::generate(*shell, &mut Cli::command(), "tidings", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
    }
}
