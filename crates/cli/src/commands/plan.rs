//! `tidings plan`

use crate::args::{PlanArgs, PlanFormat};
use crate::failure::Failure;
use crate::opened::Opened;
use crate::report::{plan_csv, plan_json, plan_markdown, plan_table, remarks};
use crate::screen::Screen;
use std::path::Path;
use std::process::ExitCode;

/// Prints the plan; exits with 3 where a rule is over its limit.
pub async fn plan(folder: &Path, args: &PlanArgs, screen: &Screen) -> Result<ExitCode, Failure> {
    let opened = Opened::open(folder, args.asked.sandbox, screen)?;
    let (now, only) = (opened.now(args.asked.at.as_deref())?, opened.only(&args.asked.rules)?);
    let (customers, state) = (opened.customers().await?, opened.state_so_far().await?);
    let shown = opened.shown();
    let decision = opened.decider(&customers, state.as_ref(), &shown).decide(now, only).await?;
    let (plan, chunks) = (&decision.plan, &decision.chunks);
    match args.format {
        PlanFormat::Table => screen.print(&plan_table::table(plan, chunks, screen)),
        PlanFormat::Json => screen.print_json(&plan_json::json(plan, chunks, args.customers)),
        PlanFormat::Markdown => screen.print(&plan_markdown::markdown(plan)),
        PlanFormat::Csv => screen.print(&plan_csv::csv(plan)),
    }
    if args.customers && args.format == PlanFormat::Table {
        screen.print(&plan_table::customers(plan, chunks));
    }
    remarks::all(&opened.program, &decision).iter().for_each(|r| eprintln!("note: {r}"));
    Ok(if plan_table::over_limit(plan) { ExitCode::from(3) } else { ExitCode::SUCCESS })
}
