//! `tidings backtest`

use crate::args::{BacktestArgs, BacktestFormat, BacktestStep};
use crate::failure::Failure;
use crate::opened::{self, Cache};
use crate::progress;
use crate::report::backtest::{self, Figures, rows::Rows};
use crate::report::remarks;
use crate::screen::Screen;
use chrono::{Days, NaiveDate};
use std::path::Path;
use std::process::ExitCode;
use tidings_daemon::{Site, Span, StepOf};
use tidings_schema::Now;

/// Prints what the rules would have done. Writes nothing but the files that were asked for.
pub async fn backtest(folder: &Path, args: &BacktestArgs, screen: &Screen) -> Result<ExitCode, Failure> {
    let site = opened::open(folder, args.sandbox, screen)?;
    let span = span(&site, args)?;
    let moments = span.moments();
    if moments.is_empty() {
        return Err(Failure::new("--to lies before --from: there is nothing to replay"));
    }
    let (customers, state) = (site.customers().await?, site.state_so_far().await?);
    let cache = Cache::of(&site, !args.no_cache);
    let decider = Cache::used(cache.as_ref(), site.decider(&customers, state.as_ref()));
    let bar = progress::bar(Some(moments.len() as u64), "replaying");
    let unwritten = |e| Failure::new(format!("what --rows names cannot be written: {e}"));
    let mut rows = Rows::new(args.rows.as_deref(), site.zone(), bar).map_err(unwritten)?;
    let replayed = decider.backtest(&moments, &site.supplies(), &mut rows).await?;
    rows.finish().map_err(unwritten)?;
    remarks::of_data(&site.program.vocabulary, &replayed.stats).iter().for_each(|r| eprintln!("note: {r}"));
    let figures = Figures::of(&site.program, &span, &replayed);
    match args.format {
        BacktestFormat::Text => screen.print(&backtest::text::text(&figures, screen)),
        BacktestFormat::Json => screen.print_json(&backtest::json::json(&site.program, &replayed, &figures)),
        BacktestFormat::Csv => screen.print(&backtest::csv::csv(&site.program, &replayed)),
    }
    if let Some(file) = &args.html {
        let page = backtest::html::html(&figures, &site.project.config.name);
        let unwritten = |e| Failure::new(format!("{} cannot be written: {e}", file.display()));
        std::fs::write(file, page).map_err(unwritten)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What was asked for. A day as the end is all of it.
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
    Ok(Span { from: opened::moment(site, Some(&args.from))?, to, step })
}
