//! The engine's own database, and what waits in it.

use super::{Part, Sheet};
use crate::site::Site;
use std::collections::BTreeMap;
use std::time::Duration;
use tidings_channels::Clock;
use tidings_plan::Status;
use tidings_schema::show::{counted, verb};
use tidings_store::state::OccurrenceState;
use tidings_store::{HoldState, Scope, State, StateError};
use tokio::time::timeout;

/// A send that was due for so long is not just under way.
const LONG: Duration = Duration::from_secs(3600);
/// How long it may take to open.
const LONGEST: Duration = Duration::from_secs(15);

/// The state, where there is one.
pub(super) async fn look(site: &Site, clock: &Clock, sheet: &mut Sheet) -> Option<State> {
    let mend = "look at `state` in tidings.yaml, and whether its database runs";
    let state = match timeout(LONGEST, site.state_so_far()).await {
        Ok(Ok(Some(state))) => state,
        Ok(Ok(None)) => {
            sheet.fine(Part::State, "there is none yet: the first run makes it");
            return None;
        }
        Ok(Err(error)) => {
            sheet.broken(Part::State, error.to_string(), mend);
            return None;
        }
        Err(_) => {
            let mend = "look which other program holds it: a browser of databases, or a copy being made";
            sheet.broken(Part::State, "its database is locked, or does not answer", mend);
            return None;
        }
    };
    if let Err(error) = database(&state, clock, sheet).await {
        sheet.broken(Part::State, error.to_string(), mend);
    }
    if let Err(error) = outbox(&state, sheet).await {
        sheet.broken(Part::Outbox, error.to_string(), mend);
    }
    Some(state)
}

async fn database(state: &State, clock: &Clock, sheet: &mut Sheet) -> Result<(), StateError> {
    let facts = state.facts().await?;
    let said = format!("{}, tables of version {}, {}", facts.server, facts.step, facts.settings);
    if facts.keeps {
        sheet.fine(Part::State, said);
    } else {
        let mend = "set them back: after a power cut, what was sent could be forgotten and sent again";
        sheet.broken(Part::State, format!("{said}: a commit may be lost"), mend);
    }
    sheet.clock(Part::State, "the clock of the state's database", facts.now - clock());
    if facts.copied {
        let mend =
            "`tidings adopt` lets it send from here; the one that it was copied from must send no more";
        sheet.broken(Part::State, "it was copied here, and stays silent", mend);
    }
    for pause in state.pauses().await? {
        let what = match &pause.scope {
            Scope::All => "everything".to_owned(),
            Scope::Rule(rule) => format!("the rule {rule}"),
            Scope::Channel(channel) => format!("the channel {channel}"),
        };
        sheet.warn(Part::State, format!("{what} is paused: {}", pause.why), "`tidings resume` lets it go on");
    }
    Ok(())
}

async fn outbox(state: &State, sheet: &mut Sheet) -> Result<(), StateError> {
    let before = sheet.checks.len();
    let mut by_status: BTreeMap<Status, u64> = BTreeMap::new();
    for count in state.outbox_counts(None).await? {
        *by_status.entry(count.status).or_default() += count.rows;
    }
    for (status, mend) in [
        (
            Status::Quarantined,
            "`tidings outbox --state quarantined` says why; `tidings outbox retry KEY` once mended",
        ),
        (
            Status::Unconfirmed,
            "`tidings outbox --state unconfirmed`: ask whether they arrived, and retry those that did not",
        ),
    ] {
        if let Some(rows) = by_status.get(&status).filter(|rows| **rows > 0) {
            sheet.warn(
                Part::Outbox,
                format!("{} {} {}", counted(*rows, "send"), verb(*rows, "are"), status.name()),
                mend,
            );
        }
    }
    for hold in state.holds().await?.iter().filter(|hold| hold.state == HoldState::Waiting) {
        let (run, rule) = (hold.run.0, &hold.rule);
        let mend = format!(
            "`tidings approve {run} {rule}` lets them go, `tidings cancel {run} {rule}` calls them off"
        );
        let said = format!(
            "{} of {rule} {} for a person: {}",
            counted(hold.rows, "send"),
            verb(hold.rows, "wait"),
            hold.reason
        );
        sheet.warn(Part::Outbox, said, &mend);
    }
    for (outlet, age) in state.oldest_due().await?.into_iter().filter(|(_, age)| *age > LONG) {
        let said =
            format!("a send by {} was due {} ago", outlet.channel, counted(age.as_secs() / 3600, "hour"));
        sheet.warn(Part::Outbox, said, "look whether `tidings serve` runs, and whether the channel answers");
    }
    for row in state.not_run(100).await? {
        if let OccurrenceState::Begun(Some(why)) = &row.state {
            sheet.warn(Part::Outbox, format!("{} waits: {why}", row.rule), "it runs once the data is there");
        }
    }
    if sheet.checks.len() == before {
        let waiting =
            by_status.iter().filter(|(status, _)| !status.ended()).map(|(_, rows)| rows).sum::<u64>();
        let (sends, wait) = (counted(waiting, "send"), verb(waiting, "wait"));
        sheet.fine(Part::Outbox, format!("nothing is stuck, {sends} {wait} for the time to leave"));
    }
    Ok(())
}
