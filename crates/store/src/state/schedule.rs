//! When rules were due, and who runs them: an occurrence is a row, and whoever writes it down runs it. No leader is
//! needed, and a clock that steps back finds everything written down already.

use super::database::{Arg, Row, Turn, args, tuples};
use super::{RunId, State, StateError};
use crate::outbox::micros;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;
use tidings_plan::schedule::Occurrence;

const SEEN: &str =
    "INSERT INTO tidings_schedules (rule, dealt_with) VALUES ($1, $2) ON CONFLICT (rule) DO NOTHING";
const DEALT_WITH: &str = "\
    INSERT INTO tidings_schedules (rule, dealt_with) VALUES ($1, $2) ON CONFLICT (rule) DO UPDATE \
    SET dealt_with = excluded.dealt_with WHERE tidings_schedules.dealt_with < excluded.dealt_with";
const BEGIN: &str = "\
    INSERT INTO tidings_occurrences (rule, occurrence, due, state, worker, leased_until, begun_at) \
    VALUES ($1, $2, $3, 'begun', $4, $5, $6) ON CONFLICT (rule, occurrence) DO NOTHING";
const SKIP: &str = "\
    INSERT INTO tidings_occurrences (rule, occurrence, due, state, reason, begun_at, ended_at) \
    VALUES ($1, $2, $3, 'skipped', $4, $5, $5) ON CONFLICT (rule, occurrence) DO NOTHING";
const GIVE_UP: &str = "\
    UPDATE tidings_occurrences SET state = 'skipped', reason = $4, ended_at = $5, worker = NULL, leased_until = NULL \
    WHERE rule = $1 AND occurrence = $2 AND worker = $3 AND state = 'begun'";
const FINISH: &str = "\
    UPDATE tidings_occurrences SET state = 'finished', run = $3, ended_at = $4, worker = NULL, leased_until = NULL \
    WHERE rule = $1 AND occurrence = $2 AND state = 'begun'";
/// For how long what came to nothing is remembered, in microseconds: longer than anybody takes to begin what they found
/// due.
const REMEMBERED: i64 = 3_600_000_000;
const FORGET: &str = "\
    DELETE FROM tidings_occurrences WHERE rule = $1 AND state = 'finished' AND run IS NULL AND ended_at <= $2";
const RENEW: &str = "UPDATE tidings_occurrences SET leased_until = $2 WHERE worker = $1 AND state = 'begun'";
const DELAY: &str = "\
    UPDATE tidings_occurrences SET leased_until = $2, waits = $3 WHERE worker = $1 AND state = 'begun'";
const ORPHANS: &str = "\
    SELECT rule, occurrence, due, waits, leased_until FROM tidings_occurrences WHERE state = 'begun' AND leased_until <= $1";
const TAKE_OVER: &str = "\
    UPDATE tidings_occurrences SET worker = $3, leased_until = $4, waits = NULL \
    WHERE rule = $1 AND occurrence = $2 AND state = 'begun'";
const UNDER_WAY: &str = "SELECT waits FROM tidings_occurrences WHERE rule = $1 AND state = 'begun' LIMIT 1";
const LIST: &str = "\
    SELECT rule, occurrence, due, state, reason, waits, run, begun_at, ended_at FROM tidings_occurrences \
    ORDER BY due DESC, rule LIMIT $1";
const NOT_RUN: &str = "\
    SELECT rule, occurrence, due, state, reason, waits, run, begun_at, ended_at FROM tidings_occurrences \
    WHERE state = 'skipped' OR state = 'begun' AND waits IS NOT NULL ORDER BY state, due DESC, rule LIMIT $1";

/// A time at which a rule was due, for people. Moments are microseconds since 1970 UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OccurrenceRow {
    /// The rule.
    pub rule: String,
    /// The time.
    pub occurrence: Occurrence,
    /// What has become of it.
    pub state: OccurrenceState,
    /// The run that it became; none where it came to nothing.
    pub run: Option<RunId>,
    /// When it was begun or skipped.
    pub begun_at: i64,
    /// When it came to its end.
    pub ended_at: Option<i64>,
}

/// What has become of a time at which a rule was due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OccurrenceState {
    /// It is under way, or waits, and why.
    Begun(Option<String>),
    /// It was run.
    Finished,
    /// It was not, and why.
    Skipped(String),
}

/// A time at which a rule was due that somebody began who was lost, or who found that it has to wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphan {
    /// The rule.
    pub rule: String,
    /// The time.
    pub occurrence: Occurrence,
    /// Why it waits; none where its worker was lost.
    pub waits: Option<String>,
    /// For how long nobody has held it.
    pub unheld: Duration,
}

impl State {
    /// Up to which due moment each rule's schedule is dealt with, in microseconds since 1970 UTC. A rule that was
    /// never seen before is noted now: what was due before it was there is nobody's business.
    pub async fn schedule_seen(&self, rules: &[String]) -> Result<HashMap<String, i64>, StateError> {
        let mut tx = self.begin(Turn::None).await?;
        let (mut seen, now) = (HashMap::new(), tx.now);
        for rules in rules.chunks(500) {
            let values: Vec<Arg> = rules.iter().map(Arg::from).collect();
            let select = format!(
                "SELECT rule, dealt_with FROM tidings_schedules WHERE rule IN (VALUES {})",
                tuples(1, 1, rules.len())
            );
            let known = tx.list(select, values, |row| Ok((row.get("rule")?, row.get("dealt_with")?)));
            seen.extend(known.await?);
            for rule in rules.iter().filter(|rule| !seen.contains_key(*rule)).collect::<Vec<_>>() {
                tx.execute(SEEN, args![rule, now]).await?;
                seen.insert(rule.clone(), now);
            }
        }
        tx.commit().await?;
        Ok(seen)
    }

    /// Begins what rules do at a moment, each at its own occurrence, and tells which of them: the others somebody has begun or
    /// skipped already. Whoever is told a rule runs it, and renews it by [`State::hold_occurrences`] until
    /// [`State::finish_occurrence`]. Of several who begin the same at once one is told all of it, so that what is due at one
    /// moment is one decision. Fails where the state was copied.
    pub async fn begin_occurrences(
        &self,
        worker: &str,
        lease: Duration,
        due: &[(&str, &Occurrence)],
    ) -> Result<HashSet<String>, StateError> {
        let mut tx = self.begin(Turn::None).await?;
        self.paused(&mut tx).await?;
        let (now, until) = (tx.now, tx.now + micros(lease));
        // In one order, or two of them would wait for each other.
        let due: BTreeMap<&str, &Occurrence> = due.iter().copied().collect();
        let mut begun = HashSet::new();
        for (rule, occurrence) in due {
            let args = args![rule, &occurrence.name, occurrence.at, worker, until, now];
            if tx.execute(BEGIN, args).await? > 0 {
                begun.insert(rule.to_owned());
            }
            tx.execute(DEALT_WITH, args![rule, occurrence.at]).await?;
        }
        tx.commit().await?;
        Ok(begun)
    }

    /// Notes that a rule is not run at a time, and why. False where somebody has begun or skipped it already.
    pub async fn skip_occurrence(
        &self,
        rule: &str,
        occurrence: &Occurrence,
        reason: &str,
    ) -> Result<bool, StateError> {
        let mut tx = self.begin(Turn::None).await?;
        self.paused(&mut tx).await?;
        let now = tx.now;
        let noted = tx.execute(SKIP, args![rule, &occurrence.name, occurrence.at, reason, now]).await? > 0;
        tx.execute(DEALT_WITH, args![rule, occurrence.at]).await?;
        tx.commit().await?;
        Ok(noted)
    }

    /// Ends what a worker has begun, or taken over, without its having run, and notes why. Changes nothing where it is
    /// another's.
    pub async fn give_up_occurrence(
        &self,
        worker: &str,
        rule: &str,
        occurrence: &Occurrence,
        reason: &str,
    ) -> Result<(), StateError> {
        let mut tx = self.begin(Turn::None).await?;
        let now = tx.now;
        tx.execute(GIVE_UP, args![rule, &occurrence.name, worker, reason, now]).await?;
        tx.commit().await
    }

    /// Notes that a rule was run at a time, by that run; without one it came to nothing, and is forgotten an hour
    /// later, when the rule's next one ends.
    pub async fn finish_occurrence(
        &self,
        rule: &str,
        occurrence: &Occurrence,
        run: Option<RunId>,
    ) -> Result<(), StateError> {
        let mut tx = self.begin(Turn::None).await?;
        let now = tx.now;
        tx.execute(FINISH, args![rule, &occurrence.name, run.map(|run| run.0), now]).await?;
        tx.execute(FORGET, args![rule, now - REMEMBERED]).await?;
        tx.commit().await
    }

    /// Holds all that a worker has begun for the length of the lease from now on. Returns how many.
    pub async fn hold_occurrences(&self, worker: &str, lease: Duration) -> Result<u64, StateError> {
        let mut tx = self.begin(Turn::None).await?;
        let until = tx.now + micros(lease);
        let held = tx.execute(RENEW, args![worker, until]).await?;
        tx.commit().await?;
        Ok(held)
    }

    /// Leaves all that a worker has begun alone for a while, and notes why: then whoever comes first takes it over.
    pub async fn delay_occurrences(&self, worker: &str, rest: Duration, why: &str) -> Result<(), StateError> {
        let mut tx = self.begin(Turn::None).await?;
        let until = tx.now + micros(rest);
        tx.execute(DELAY, args![worker, until, why]).await?;
        tx.commit().await
    }

    /// Takes over what was begun by workers that were lost, and what has waited for its while: to be run once more. What
    /// was written down already is not written again.
    pub async fn orphans(&self, worker: &str, lease: Duration) -> Result<Vec<Orphan>, StateError> {
        let mut tx = self.begin(Turn::None).await?;
        self.paused(&mut tx).await?;
        let (now, until) = (tx.now, tx.now + micros(lease));
        let select = format!("{ORPHANS} {}", tx.skipping_locked());
        let orphan = |row: Row<'_>| {
            let unheld = now.saturating_sub(row.get("leased_until")?).max(0).unsigned_abs();
            Ok(Orphan {
                rule: row.get("rule")?,
                occurrence: occurrence(row)?,
                waits: row.get("waits")?,
                unheld: Duration::from_micros(unheld),
            })
        };
        let orphans = tx.list(select, args![now], orphan).await?;
        for Orphan { rule, occurrence, .. } in &orphans {
            tx.execute(TAKE_OVER, args![rule, &occurrence.name, worker, until]).await?;
        }
        tx.commit().await?;
        Ok(orphans)
    }

    /// Whether a rule's last occurrence is still under way, somewhere, and why it waits if it does.
    pub async fn under_way(&self, rule: &str) -> Result<Option<OccurrenceState>, StateError> {
        let mut tx = self.snapshot().await?;
        tx.one(UNDER_WAY, args![rule], |row| Ok(OccurrenceState::Begun(row.get("waits")?))).await
    }

    /// The latest times at which rules were due, and what became of them.
    pub async fn occurrences(&self, limit: u32) -> Result<Vec<OccurrenceRow>, StateError> {
        self.snapshot().await?.list(LIST, args![limit], occurrence_row).await
    }

    /// What waits, and the latest times at which rules were due and not run, with the reason.
    pub async fn not_run(&self, limit: u32) -> Result<Vec<OccurrenceRow>, StateError> {
        self.snapshot().await?.list(NOT_RUN, args![limit], occurrence_row).await
    }
}

fn occurrence(row: Row<'_>) -> Result<Occurrence, sqlx::Error> {
    Ok(Occurrence { at: row.get("due")?, name: row.get("occurrence")? })
}

fn occurrence_row(row: Row<'_>) -> Result<OccurrenceRow, sqlx::Error> {
    let state = match row.get("state")? {
        "begun" => OccurrenceState::Begun(row.get("waits")?),
        "finished" => OccurrenceState::Finished,
        _ => OccurrenceState::Skipped(row.get("reason")?),
    };
    Ok(OccurrenceRow {
        rule: row.get("rule")?,
        occurrence: occurrence(row)?,
        state,
        run: row.get::<Option<i64>>("run")?.map(RunId),
        begun_at: row.get("begun_at")?,
        ended_at: row.get("ended_at")?,
    })
}
