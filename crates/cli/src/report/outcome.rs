//! What came of a run.

use super::plan_json::held;
use super::plan_table::remarks;
use super::{count, counted, moment, rfc3339, verb};
use crate::screen::Screen;
use comfy_table::Color;
use serde_json::{Map, Value, json};
use std::path::Path;
use tidings_daemon::Summary;
use tidings_plan::{Plan, Status};
use tidings_store::{Enqueued, HeldRun, HoldState, LedgerRow, RowFilter, State, StateError};

/// Whether something went wrong that a person should look at.
pub fn failed(summary: &Summary) -> bool {
    let bad = |s: &Status| matches!(s, Status::Rejected | Status::Unconfirmed | Status::Quarantined);
    summary.drained.moves.to.keys().any(bad)
        || !summary.drained.unserved.is_empty()
        || !summary.drained.down.is_empty()
        || summary.drained.stopped.is_some()
}

/// What a person should look at after a run.
pub struct ForAPerson {
    /// A few of the sends that went wrong, the latest first.
    stuck: Vec<LedgerRow>,
    /// What of the run waits for a person's word.
    held: Vec<HeldRun>,
}

impl ForAPerson {
    /// As the state has it after a run.
    pub async fn after(summary: &Summary, state: &State) -> Result<ForAPerson, StateError> {
        let mut stuck = Vec::new();
        for status in [Status::Quarantined, Status::Rejected, Status::Unconfirmed] {
            let filter = RowFilter { status: Some(status), ..RowFilter::default() };
            stuck.extend(state.outbox_rows(&filter, 2).await?);
        }
        let mut held = state.holds().await?;
        held.retain(|h| h.run == summary.run && h.state == HoldState::Waiting);
        Ok(ForAPerson { stuck, held })
    }
}

/// For people: rule by rule, then the sends by what became of them.
pub fn text(
    plan: &Plan,
    summary: &Summary,
    person: &ForAPerson,
    caught: Option<&Path>,
    screen: &Screen,
) -> String {
    let mut out = format!("Run {} for {}\n", summary.run.0, moment(plan.now));
    for rule in &plan.rules {
        let tally = rule.tally();
        out.push_str(&format!(
            "  {}: {} matched, {} planned",
            rule.name,
            count(rule.matched()),
            count(tally.planned)
        ));
        for (reason, n) in &tally.held {
            out.push_str(&format!(", {} {reason}", count(*n)));
        }
        out.push('\n');
    }
    for remark in remarks(plan) {
        out.push_str(&format!("{} {remark}\n", screen.paint("!", Color::Yellow)));
    }
    let Enqueued { inserted: new, known } = summary.enqueued;
    out.push_str(&format!("{} {} new", counted(new, "send"), verb(new, "are")));
    if known > 0 {
        out.push_str(&format!(
            ", {} {} planned before",
            count(known),
            if known == 1 { "was" } else { "were" }
        ));
    }
    out.push('\n');
    // Only what came to its end: what waits may have come and gone several times.
    for (status, n) in summary.drained.moves.to.iter().filter(|(status, _)| status.ended()) {
        let colour = match status {
            Status::Sent => Color::Green,
            Status::Rejected | Status::Unconfirmed | Status::Quarantined => Color::Red,
            _ => Color::Yellow,
        };
        out.push_str(&format!("  {} {}\n", count(*n), screen.paint(status.name(), colour)));
    }
    let waiting: u64 = summary.states.iter().filter(|(status, _)| !status.ended()).map(|(_, n)| n).sum();
    let held: u64 = person.held.iter().map(|h| h.rows).sum();
    if waiting > held {
        out.push_str(&format!(
            "  {} {} for the next run\n",
            count(waiting - held),
            verb(waiting - held, "wait")
        ));
    }
    for h in &person.held {
        out.push_str(&format!(
            "{} {} of {rule} {waits} for a person: `tidings approve {run} {rule}` lets them go, \
             `tidings cancel {run} {rule}` calls them off\n",
            screen.paint("!", Color::Yellow),
            counted(h.rows, "send"),
            waits = verb(h.rows, "wait"),
            rule = h.rule,
            run = h.run.0,
        ));
    }
    for row in &person.stuck {
        let why = row.reason.as_deref().unwrap_or("no reason is known");
        out.push_str(&format!(
            "{} {} for {} is {}: {why}\n",
            screen.paint("!", Color::Red),
            row.step,
            row.customer,
            row.status.name()
        ));
    }
    for outlet in &summary.drained.unserved {
        out.push_str(&format!(
            "{} nothing is configured for `{}`, and sends wait for it\n",
            screen.paint("!", Color::Red),
            outlet.channel
        ));
    }
    for outlet in &summary.drained.down {
        out.push_str(&format!(
            "{} {} fails time and again and is left alone for a while; its sends wait\n",
            screen.paint("!", Color::Red),
            outlet.channel
        ));
    }
    if let Some(why) = &summary.drained.stopped {
        out.push_str(&format!("{} sending is stopped: {why}\n", screen.paint("!", Color::Red)));
    }
    if let Some(folder) = caught {
        out.push_str(&format!(
            "Nothing left this machine: see `tidings sandbox list`, or {}\n",
            folder.display()
        ));
    }
    out
}

/// For machines.
pub fn json(plan: &Plan, summary: &Summary, person: &ForAPerson, caught: Option<&Path>) -> Value {
    let by_status = |moves: &std::collections::BTreeMap<Status, u64>| {
        Value::Object(moves.iter().map(|(s, n)| (s.name().to_owned(), json!(n))).collect::<Map<_, _>>())
    };
    let rules = plan.rules.iter().map(|rule| {
        let tally = rule.tally();
        json!({"rule": rule.name, "matched": rule.matched(), "planned": tally.planned, "held": held(&tally), "stopped": rule.stopped})
    });
    json!({
        "run": summary.run.0,
        "at": rfc3339(plan.now),
        "rules": rules.collect::<Vec<_>>(),
        "new": summary.enqueued.inserted,
        "known": summary.enqueued.known,
        "states": by_status(&summary.states),
        "dispatched": by_status(&summary.drained.moves.to),
        "unserved": summary.drained.unserved.iter().map(|o| o.channel.as_str()).collect::<Vec<_>>(),
        "down": summary.drained.down.iter().map(|o| o.channel.as_str()).collect::<Vec<_>>(),
        "waiting": person.held.iter().map(|h| json!({"id": h.id, "rule": h.rule, "reason": h.reason, "customers": h.customers, "sends": h.rows})).collect::<Vec<_>>(),
        "stopped": summary.drained.stopped,
        "sandbox": caught.map(|p| p.display().to_string()),
    })
}
