//! `tidings plan`

use super::against::against;
use crate::args::{PlanArgs, PlanFormat};
use crate::failure::Failure;
use crate::opened::{self, Cache};
use crate::progress;
use crate::report::timings::Timings;
use crate::report::{plan_csv, plan_json, plan_markdown, plan_table, remarks};
use crate::screen::{Screen, aside};
use std::path::Path;
use std::process::ExitCode;
use tidings_daemon::site::worths_and_prices;
use tidings_plan::Totals;

/// Prints the plan; exits with 3 where a rule is over its limit.
pub async fn plan(folder: &Path, args: &PlanArgs, screen: &Screen) -> Result<ExitCode, Failure> {
    if let Some(reference) = &args.against {
        return against(folder, args, reference, screen).await;
    }
    let mut timings = Timings::start();
    let site = opened::open(folder, args.asked.sandbox, screen)?;
    let (now, only) =
        (opened::moment(&site, args.asked.at.as_deref())?, opened::only(&site, &args.asked.rules)?);
    timings.part("reading and checking");
    site.evaluator();
    timings.part("compiling");
    let (customers, state) = (site.customers().await?, site.state_so_far().await?);
    if let Some(state) = &state {
        opened::known_again(&site, state).await?;
    }
    timings.part("opening");
    let loading = progress::rows(customers.rows_read(), "reading customers");
    let cache = Cache::of(&site, !args.asked.no_cache);
    let decider = Cache::used(cache.as_ref(), site.decider(&customers, state.as_ref()));
    let decision = decider.decide(now, only).await?;
    loading.finish_and_clear();
    timings.decision(&decision);
    let (plan, chunks) = (&decision.plan, &decision.chunks);
    let totals = Totals::of(plan, &worths_and_prices(&site.project.config));
    match args.format {
        PlanFormat::Table => screen.print(&plan_table::table(plan, &totals, chunks, screen)),
        PlanFormat::Json => {
            let mut json = plan_json::json(plan, &totals, chunks, args.customers);
            timings.part("reporting");
            if let Some(object) = json.as_object_mut().filter(|_| args.timings) {
                object.insert("timings".to_owned(), timings.json());
            }
            screen.print_json(&json);
        }
        PlanFormat::Markdown => screen.print(&plan_markdown::markdown(plan, &totals)),
        PlanFormat::Csv => screen.print(&plan_csv::csv(plan)),
    }
    if args.customers && args.format == PlanFormat::Table {
        screen.print(&plan_table::customers(plan, chunks));
    }
    let remarks = remarks::all(&site.program, &decision);
    remarks::journeys(&site.program).iter().chain(&remarks).for_each(|r| aside(&format!("note: {r}")));
    remarks::unmet(&decision).iter().for_each(|r| aside(&format!("warning: {r}")));
    if args.timings && args.format != PlanFormat::Json {
        timings.part("printing");
        aside(&timings.text());
    }
    Cache::keep(cache.as_ref(), &decision);
    Ok(if plan_table::over_limit(plan) { ExitCode::from(3) } else { ExitCode::SUCCESS })
}
