//! `tidings backtest`

use crate::args::{BacktestArgs, BacktestFormat, BacktestStep};
use crate::failure::Failure;
use crate::opened::{self, Cache};
use crate::progress;
use crate::report::backtest::{self, Figures, rows::Rows};
use crate::report::{count, remarks};
use crate::screen::{Screen, aside};
use chrono::{Days, NaiveDate};
use std::path::Path;
use std::process::ExitCode;
use tidings_daemon::{Site, Span, StepOf};
use tidings_schema::Now;

/// Prints what the rules would have done. Writes nothing but the files that were asked for.
pub async fn backtest(folder: &Path, args: &BacktestArgs, screen: &Screen) -> Result<ExitCode, Failure> {
    let site = opened::open(folder, args.sandbox, screen)?;
    let span = span(&site, args)?;
    let steps = span.moments().len();
    if steps == 0 {
        return Err(Failure::new("--to or now lies before --from: there is nothing to replay"));
    }
    if steps > Span::MOST {
        let most = count(Span::MOST as u64);
        return Err(Failure::new(format!(
            "these are more than {most} steps, the most of a backtest: take a longer --step or a later --from"
        )));
    }
    let (customers, state) = (site.customers().await?, site.state_so_far().await?);
    let cache = Cache::of(&site, !args.no_cache);
    let decider = Cache::used(cache.as_ref(), site.decider(&customers, state.as_ref()));
    let bar = progress::bar(Some(steps as u64), "replaying");
    let prices = &site.project.config.prices;
    let unwritten = |e| Failure::new(format!("what --rows names cannot be written: {e}"));
    let mut rows = Rows::new(args.rows.clone(), &site.program, prices, bar);
    let replayed = decider.backtest(&span, &site.supplies(), &mut rows).await?;
    rows.finish().map_err(unwritten)?;
    remarks::of_data(&site.program.vocabulary, &replayed.stats)
        .iter()
        .for_each(|r| aside(&format!("note: {r}")));
    let figures = Figures::of(&site.program, &span, &replayed, prices);
    match args.format {
        BacktestFormat::Text => screen.print(&backtest::text::text(&figures, screen)),
        BacktestFormat::Json => screen.print_json(&backtest::json::json(&site.program, &replayed, &figures)),
        BacktestFormat::Csv => screen.print(&backtest::csv::csv(&site.program, &replayed, prices)),
    }
    if let Some(file) = &args.html {
        let page = backtest::html::html(&figures, &site.project.config.name);
        let unwritten = |e| Failure::new(format!("{} cannot be written: {e}", file.display()));
        std::fs::write(file, page).map_err(unwritten)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What was asked for. A day as the end is all of it, but nothing is replayed that is yet to come.
fn span(site: &Site, args: &BacktestArgs) -> Result<Span, Failure> {
    let day = NaiveDate::parse_from_str(&args.to, "%Y-%m-%d").ok();
    let to = match day.and_then(|day| day.checked_add_days(Days::new(1))) {
        Some(next) => {
            let midnight = Now::midnight(next, site.zone());
            Now { micros: midnight.micros - 1, ..midnight }
        }
        None => opened::moment(site, Some(&args.to))?,
    };
    let step = match args.step {
        BacktestStep::Hour => StepOf::Hour,
        BacktestStep::Day => StepOf::Day,
        BacktestStep::Week => StepOf::Week,
        BacktestStep::Month => StepOf::Month,
    };
    let asked = Span { from: opened::moment(site, Some(&args.from))?, to, step };
    let now = opened::moment(site, None)?;
    let until_now = Span { to: if to.micros > now.micros { now } else { to }, ..asked };
    if until_now.moments().len() < asked.moments().len() {
        aside("note: --to lies ahead, where nothing has happened yet: it is replayed up to now");
    }
    Ok(until_now)
}
