//! `tidings runs`, `tidings approve` and `tidings cancel`

use crate::args::{Decide, Runs, TextOrJson};
use crate::failure::Failure;
use crate::opened;
use crate::report::{count, counted, moment, rfc3339};
use crate::screen::Screen;
use chrono_tz::Tz;
use serde_json::{Map, Value, json};
use std::path::Path;
use std::process::ExitCode;
use tidings_schema::Now;
use tidings_store::{HeldRun, HoldState, OccurrenceRow, OccurrenceState, RunId, RunRow, State};

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
                let HeldRun { rule, reason, run: RunId(run), .. } = hold;
                screen.print(&format!(
                    "{rule} of run {run} waits, {}: {reason}\n  \
                     `tidings approve {run} {rule}` lets them go, `tidings cancel {run} {rule}` calls them off",
                    size(hold)
                ));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Lets go what waits.
pub async fn approve(folder: &Path, args: &Decide, screen: &Screen) -> Result<ExitCode, Failure> {
    let state = opened::open(folder, args.of.sandbox, screen)?.state().await?;
    let hold = meant(&state, args).await?;
    let decided = state.approve(hold.id, &who(args)).await?;
    said(
        &hold,
        decided,
        "let go: a daemon that runs sends it at once, and without one the next `tidings run` does",
        screen,
    )
}

/// Calls off what waits.
pub async fn cancel(folder: &Path, args: &Decide, screen: &Screen) -> Result<ExitCode, Failure> {
    let state = opened::open(folder, args.of.sandbox, screen)?.state().await?;
    let hold = meant(&state, args).await?;
    let decided = state.cancel_hold(hold.id, &who(args)).await?;
    said(&hold, decided, "called off", screen)
}

/// The one that is decided about.
async fn meant(state: &State, args: &Decide) -> Result<HeldRun, Failure> {
    let mut waiting = state.holds().await?;
    waiting.retain(|hold| hold.state == HoldState::Waiting);
    let names = |holds: &[HeldRun]| {
        let names = holds.iter().take(10).map(|hold| format!("`{} {}`", hold.run.0, hold.rule));
        names.collect::<Vec<_>>().join(", ")
    };
    let all = names(&waiting);
    waiting.retain(|hold| hold.run.0 == args.run && args.rule.as_ref().is_none_or(|rule| *rule == hold.rule));
    match waiting.as_slice() {
        [hold] => Ok(hold.clone()),
        [] => {
            let asked = args.rule.as_ref().map_or_else(String::new, |rule| format!(" of {rule}"));
            let rest = if all.is_empty() {
                ", nor anywhere else".to_owned()
            } else {
                format!("; what waits is {all}")
            };
            Err(Failure::new(format!("nothing{asked} waits in run {}{rest}", args.run)))
        }
        several => {
            let several = names(several);
            Err(Failure::new(format!("several rules wait in run {}; name one of them: {several}", args.run)))
        }
    }
}

fn said(hold: &HeldRun, decided: bool, done: &str, screen: &Screen) -> Result<ExitCode, Failure> {
    let of = format!("{} of run {}", hold.rule, hold.run.0);
    if !decided {
        return Err(Failure::new(format!("somebody has decided about {of} meanwhile; see `tidings runs`")));
    }
    screen.print(&format!("{of}, {}, is {done}", size(hold)));
    Ok(ExitCode::SUCCESS)
}

/// How much waits.
fn size(hold: &HeldRun) -> String {
    format!("{} to {}", counted(hold.rows, "send"), counted(hold.customers, "customer"))
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
