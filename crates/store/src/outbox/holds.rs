//! What waits for a person's word: a rule of a run that is over its limit or its budget.

use crate::state::database::{Row, Turn, Tx, args};
use crate::state::{RunId, State, StateError};
use tidings_plan::Hold;

/// A run that goes on with one that was cut short, for the same moment, takes its hold over: a person is asked once.
const TAKE_OVER: &str = "\
    UPDATE tidings_holds SET run = $1 WHERE state = 'waiting' \
        AND id = (SELECT MAX(h.id) FROM tidings_holds h JOIN tidings_runs r ON r.id = h.run \
            WHERE h.rule = $2 AND r.finished IS NULL AND r.at = (SELECT at FROM tidings_runs WHERE id = $1)) \
        AND NOT EXISTS (SELECT 1 FROM tidings_holds own WHERE own.run = $1 AND own.rule = $2)";
/// The rest of a run reaches fewer than all of it.
const PUT: &str = "\
    INSERT INTO tidings_holds (run, rule, reason, customers, at) VALUES ($1, $2, $3, $4, $5) \
    ON CONFLICT (run, rule) DO UPDATE SET customers = CASE WHEN tidings_holds.customers > excluded.customers \
        THEN tidings_holds.customers ELSE excluded.customers END RETURNING id, state";
const COUNT: &str = "UPDATE tidings_holds SET sends = sends + $2 WHERE id = $1";
const LIST: &str = "\
    SELECT id, run, rule, reason, customers, sends, at, state, decided_by, decided_at FROM tidings_holds \
    ORDER BY CASE state WHEN 'waiting' THEN 0 ELSE 1 END, id DESC LIMIT 1000";
const DECIDE: &str = "\
    UPDATE tidings_holds SET state = $2, decided_by = $3, decided_at = $4 WHERE id = $1 AND state = 'waiting'";
const LET_GO: &str = "\
    UPDATE tidings_outbox SET hold = NULL, due_at = CASE WHEN due_at > $2 THEN due_at ELSE $2 END \
    WHERE hold = $1 AND state = 'pending'";
/// Messages first: those of a coupon would otherwise end as ones whose coupon was not granted.
const END: [&str; 2] = ["kind = 'message'", "kind <> 'message'"];

/// A rule's sends of a run that wait, or waited, for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldRun {
    /// What it is approved or cancelled by.
    pub id: i64,
    /// The run.
    pub run: RunId,
    /// The rule.
    pub rule: String,
    /// Why it waits, in words for people.
    pub reason: String,
    /// How many customers it would reach.
    pub customers: u64,
    /// How many sends that is.
    pub rows: u64,
    /// Since when it waits, in microseconds since 1970 UTC.
    pub at: i64,
    /// What has become of it.
    pub state: HoldState,
    /// Who said so.
    pub decided_by: Option<String>,
    /// When, in microseconds since 1970 UTC.
    pub decided_at: Option<i64>,
}

/// What has become of something that waited for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldState {
    /// It waits.
    Waiting,
    /// It was let go.
    Approved,
    /// It was called off.
    Cancelled,
}

impl HoldState {
    /// As the database and the reports write it.
    pub fn name(self) -> &'static str {
        match self {
            HoldState::Waiting => "waiting",
            HoldState::Approved => "approved",
            HoldState::Cancelled => "cancelled",
        }
    }

    fn of(name: &str) -> HoldState {
        match name {
            "approved" => HoldState::Approved,
            "cancelled" => HoldState::Cancelled,
            _ => HoldState::Waiting,
        }
    }
}

impl State {
    /// What waits for a person, and then what did, each the newest first, a thousand at most.
    pub async fn holds(&self) -> Result<Vec<HeldRun>, StateError> {
        self.snapshot().await?.list(LIST, args![], held_run).await
    }

    /// Lets go what waits under that number. False where nothing waits under it.
    pub async fn approve(&self, hold: i64, who: &str) -> Result<bool, StateError> {
        self.decide(hold, HoldState::Approved, who).await
    }

    /// Calls off what waits under that number. False where nothing waits under it.
    pub async fn cancel_hold(&self, hold: i64, who: &str) -> Result<bool, StateError> {
        self.decide(hold, HoldState::Cancelled, who).await
    }

    async fn decide(&self, hold: i64, state: HoldState, who: &str) -> Result<bool, StateError> {
        // Not beside a page that puts more under it.
        let mut tx = self.begin(Turn::Pages).await?;
        let now = tx.now;
        let decided = tx.execute(DECIDE, args![hold, state.name(), who, now]).await? > 0;
        if decided {
            carry_out(&mut tx, hold, state).await?;
        }
        tx.commit().await?;
        Ok(decided)
    }
}

/// A hold that rows of a page are put under.
pub(super) struct Put {
    pub(super) id: i64,
    state: HoldState,
}

pub(super) async fn put(tx: &mut Tx, run: RunId, hold: &Hold) -> Result<Option<Put>, StateError> {
    tx.execute(TAKE_OVER, args![run.0, &hold.rule]).await?;
    let customers = i64::try_from(hold.customers).unwrap_or(i64::MAX);
    let args = args![run.0, &hold.rule, &hold.reason, customers, tx.now];
    tx.one(PUT, args, |row| Ok(Put { id: row.get("id")?, state: HoldState::of(row.get("state")?) })).await
}

impl Put {
    /// Counts what was put under it. Where a person has spoken already, that holds for these rows too.
    pub(super) async fn filled(self, tx: &mut Tx, rows: u64) -> Result<(), StateError> {
        tx.execute(COUNT, args![self.id, i64::try_from(rows).unwrap_or(i64::MAX)]).await?;
        carry_out(tx, self.id, self.state).await
    }
}

async fn carry_out(tx: &mut Tx, hold: i64, state: HoldState) -> Result<(), StateError> {
    let now = tx.now;
    match state {
        HoldState::Waiting => {}
        HoldState::Approved => drop(tx.execute(LET_GO, args![hold, now]).await?),
        HoldState::Cancelled => {
            for which in END {
                let sql = format!(
                    "UPDATE tidings_outbox SET state = 'over_limit', waits = 0, settled_at = $2, \
                         reason = 'a person called it off' WHERE hold = $1 AND state = 'pending' AND {which}"
                );
                tx.execute(sql, args![hold, now]).await?;
            }
        }
    }
    Ok(())
}

/// Ends held rows that have expired. Returns how many.
pub(super) async fn expire(tx: &mut Tx) -> Result<u64, StateError> {
    let (mut ended, now) = (0, tx.now);
    for which in END {
        let sql = format!(
            "UPDATE tidings_outbox {} SET state = 'over_limit', waits = 0, settled_at = $1, \
                 reason = 'it expired before a person let it go' \
             WHERE hold IS NOT NULL AND state = 'pending' AND expires_at <= $1 AND {which}",
            tx.by("tidings_outbox_held_until")
        );
        ended += tx.execute(sql, args![now]).await?;
    }
    Ok(ended)
}

fn held_run(row: Row<'_>) -> Result<HeldRun, sqlx::Error> {
    Ok(HeldRun {
        id: row.get("id")?,
        run: RunId(row.get("run")?),
        rule: row.get("rule")?,
        reason: row.get("reason")?,
        customers: row.count("customers")?,
        rows: row.count("sends")?,
        at: row.get("at")?,
        state: HoldState::of(row.get("state")?),
        decided_by: row.get("decided_by")?,
        decided_at: row.get("decided_at")?,
    })
}
