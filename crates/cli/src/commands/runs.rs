//! `tidings runs`, `tidings approve` and `tidings cancel`

use crate::args::{Decide, Runs, TextOrJson};
use crate::failure::Failure;
use crate::opened;
use crate::report::{count, moment, rfc3339};
use crate::screen::Screen;
use chrono_tz::Tz;
use serde_json::{Map, Value, json};
use std::path::Path;
use std::process::ExitCode;
use tidings_schema::Now;
use tidings_store::{HeldRun, HoldState, OccurrenceRow, OccurrenceState, RunRow};

/// Prints the latest runs, what was due and not run, and what waits for a person's word.
pub async fn runs(folder: &Path, args: &Runs, screen: &Screen) -> Result<ExitCode, Failure> {
    let site = opened::open(folder, args.of.sandbox, screen)?;
    let (runs, holds, times) = match site.state_so_far().await? {
        Some(state) => {
            (state.runs(args.count).await?, state.holds().await?, state.not_run(args.count).await?)
        }
        None => Default::default(),
    };
    let waiting: Vec<&HeldRun> = holds.iter().filter(|h| h.state == HoldState::Waiting).collect();
    let zone = site.zone();
    match args.format {
        TextOrJson::Json => {
            let runs = runs.iter().map(|r| run_json(r, zone)).collect::<Value>();
            let holds = holds.iter().map(|h| hold_json(h, zone)).collect::<Value>();
            let times = times.iter().map(|t| time_json(t, zone)).collect::<Value>();
            screen.print_json(&json!({"runs": runs, "holds": holds, "not_run": times}));
        }
        TextOrJson::Text => {
            let mut table = screen.table();
            table.set_header(["run", "for", "why", "sends"]);
            for run in &runs {
                let (id, at) = (run.id.0.to_string(), moment(now(run.at, zone)));
                table.add_row([&id, &at, &run.cause, &states(run)]);
            }
            screen.print(&if runs.is_empty() {
                "Nothing has run yet.".to_owned()
            } else {
                table.to_string()
            });
            for time in &times {
                let waits =
                    if matches!(time.state, OccurrenceState::Begun(_)) { "waits" } else { "was not run" };
                let (rule, due) = (&time.rule, moment(now(time.occurrence.at, zone)));
                screen.print(&format!("{rule} of {due} {waits}: {}", why(time).unwrap_or_default()));
            }
            for hold in waiting {
                let HeldRun { id, rule, reason, customers, rows, run, .. } = hold;
                screen.print(&format!(
                    "{id} waits: {rule} in run {}, {} sends to {} customers: {reason}\n  \
                     `tidings approve {id}` lets them go, `tidings cancel {id}` calls them off",
                    run.0,
                    count(*rows),
                    count(*customers)
                ));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Lets go what waits.
pub async fn approve(folder: &Path, args: &Decide, screen: &Screen) -> Result<ExitCode, Failure> {
    let state = opened::open(folder, args.of.sandbox, screen)?.state().await?;
    said(
        args,
        state.approve(args.id, &who(args)).await?,
        "let go: sending begins at once where a daemon runs",
        screen,
    )
}

/// Calls off what waits.
pub async fn cancel(folder: &Path, args: &Decide, screen: &Screen) -> Result<ExitCode, Failure> {
    let state = opened::open(folder, args.of.sandbox, screen)?.state().await?;
    said(args, state.cancel_hold(args.id, &who(args)).await?, "called off", screen)
}

fn said(args: &Decide, decided: bool, done: &str, screen: &Screen) -> Result<ExitCode, Failure> {
    if !decided {
        return Err(Failure::new(format!("nothing waits under {}; `tidings runs` shows what does", args.id)));
    }
    screen.print(&format!("{} {done}", args.id));
    Ok(ExitCode::SUCCESS)
}

fn who(args: &Decide) -> String {
    let account = || ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    args.by.clone().or_else(account).unwrap_or_else(|| "somebody".to_owned())
}

fn states(run: &RunRow) -> String {
    let states: Vec<String> = run.states.iter().map(|(s, n)| format!("{} {}", count(*n), s.name())).collect();
    match (states.is_empty(), run.finished) {
        (false, _) => states.join(", "),
        (true, Some(_)) => "none".to_owned(),
        (true, None) => "under way, or cut short".to_owned(),
    }
}

fn run_json(run: &RunRow, zone: Tz) -> Value {
    let time = |at: i64| rfc3339(now(at, zone));
    let states: Map<String, Value> =
        run.states.iter().map(|(s, n)| (s.name().to_owned(), json!(n))).collect();
    json!({
        "run": run.id.0,
        "at": time(run.at),
        "cause": run.cause,
        "program": run.program,
        "started": time(run.started),
        "finished": run.finished.map(time),
        "states": states,
    })
}

/// Why a rule that was due is not run, or not yet.
fn why(time: &OccurrenceRow) -> Option<&str> {
    match &time.state {
        OccurrenceState::Begun(waits) => waits.as_deref(),
        OccurrenceState::Skipped(why) => Some(why),
        OccurrenceState::Finished => None,
    }
}

fn time_json(time: &OccurrenceRow, zone: Tz) -> Value {
    json!({
        "rule": time.rule,
        "due": rfc3339(now(time.occurrence.at, zone)),
        "waits": matches!(time.state, OccurrenceState::Begun(_)),
        "reason": why(time),
    })
}

fn hold_json(hold: &HeldRun, zone: Tz) -> Value {
    json!({
        "id": hold.id,
        "run": hold.run.0,
        "rule": hold.rule,
        "reason": hold.reason,
        "customers": hold.customers,
        "sends": hold.rows,
        "at": rfc3339(now(hold.at, zone)),
        "state": hold.state.name(),
        "decided_by": hold.decided_by,
        "decided_at": hold.decided_at.map(|at| rfc3339(now(at, zone))),
    })
}

fn now(micros: i64, zone: Tz) -> Now {
    Now { micros, zone }
}
