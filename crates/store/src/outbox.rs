//! The outbox: what was decided is written here before it leaves, and every step on its way is a commit.
//!
//! `enqueue → claim → gate → settle`, and `recover` and `resolve` for those whose worker was lost. Each is one
//! transaction, each compares what it read before, and the table's CHECK constraints refuse what cannot be.

mod by_rule;
mod call_off;
mod changes;
mod claim;
pub(crate) mod counts;
mod fallback;
mod feedback;
mod gate;
mod holds;
mod list;
mod new_row;
mod rates;
mod resolve;
pub(crate) mod row;
mod settle;

pub(crate) use claim::micros;
pub use claim::{Claim, Claimed, Recovered, Token};
pub use counts::Count;
pub use feedback::{Feedback, FeedbackKind};
pub use gate::Gated;
pub use holds::{HeldRun, HoldState};
pub use list::{LedgerRow, RowFilter};
pub use resolve::Doubt;

use crate::state::database::{Arg, Turn, Tx, args, tuples};
use crate::state::{RunId, State, StateError};
use new_row::{NewRow, insert};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use tidings_plan::{Entry, Intent, Kind, Page, Status};

const MOVE_CURSOR: &str = "UPDATE tidings_runs SET cursor = $1 WHERE id = $2";
/// How many rows go into one statement: both databases bound how many values it may have.
const TOGETHER: usize = 200;

/// Where sends leave: the channel, coupon provider, webhook or team of that name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Outlet {
    /// What leaves.
    pub kind: Kind,
    /// The name.
    pub channel: String,
}

impl Outlet {
    /// What its rate is kept by.
    fn rate_name(&self) -> String {
        format!("{} {}", self.kind.name(), self.channel)
    }
}

/// What became of a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Enqueued {
    /// New rows.
    pub inserted: u64,
    /// Rows whose key was there already, and which were left as they are.
    pub known: u64,
}

/// How many rows came to which state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moves {
    /// By state.
    pub to: BTreeMap<Status, u64>,
    /// Rows that somebody else has taken over since: nothing was changed.
    pub stale: u64,
}

impl Moves {
    /// Some rows that came to one state.
    pub fn of(status: Status, rows: u64) -> Moves {
        let mut moves = Moves::default();
        moves.add(status, rows);
        moves
    }

    /// Counts some rows.
    pub fn add(&mut self, status: Status, rows: u64) {
        if rows > 0 {
            *self.to.entry(status).or_default() += rows;
        }
    }

    /// Counts all of another.
    pub fn merge(&mut self, other: &Moves) {
        other.to.iter().for_each(|(s, n)| self.add(*s, *n));
        self.stale += other.stale;
    }
}

impl State {
    /// Writes a page of a run down, and moves the run's cursor, all or nothing. A key that is known is left as it
    /// is, so the same page may come twice, and from two runs at once. What has a hold waits for a person's word. What is
    /// for a customer who was erased since the run began is `cancelled` at once, without address or values.
    pub async fn enqueue(&self, run: RunId, page: &Page) -> Result<Enqueued, StateError> {
        let mut tx = self.begin(Turn::Pages).await?;
        let hold = match &page.hold {
            Some(hold) => holds::put(&mut tx, run, hold).await?,
            None => None,
        };
        let held = hold.as_ref().map(|hold| hold.id);
        let mut inserted = 0;
        for intents in page.intents.chunks(TOGETHER) {
            let (now, erased) = (tx.now, erased(&mut tx, run, intents).await?);
            let rows: Vec<NewRow<'_>> = intents
                .iter()
                .map(|intent| new_row(run, intent, held, now, erased.contains(&intent.customer)))
                .collect();
            inserted += insert(&mut tx, self.secret(), &rows).await?;
        }
        if let Some(hold) = hold {
            hold.filled(&mut tx, inserted).await?;
        }
        insert_occasions(&mut tx, page).await?;
        put_entries(&mut tx, page).await?;
        tx.execute(MOVE_CURSOR, args![&page.cursor, run.0]).await?;
        tx.commit().await?;
        Ok(Enqueued { inserted, known: page.intents.len() as u64 - inserted })
    }
}

/// The customers of some intents who were erased since what the run reads may have been read: that is not before the
/// moment that it decides for.
async fn erased(tx: &mut Tx, run: RunId, intents: &[Intent]) -> Result<HashSet<String>, StateError> {
    let customers: BTreeSet<&str> = intents.iter().map(|intent| intent.customer.as_str()).collect();
    let sql = format!(
        "WITH v(c) AS (VALUES {}) SELECT e.customer FROM v JOIN tidings_erasures e ON e.customer = c \
         WHERE e.at >= (SELECT CASE WHEN at < started THEN at ELSE started END FROM tidings_runs WHERE id = $1)",
        tuples(2, 1, customers.len())
    );
    let mut args = args![run.0];
    args.extend(customers.into_iter().map(Arg::from));
    Ok(tx.list(sql, args, |row| row.get("customer")).await?.into_iter().collect())
}

fn new_row(run: RunId, i: &Intent, hold: Option<i64>, now: i64, erased: bool) -> NewRow<'_> {
    NewRow {
        key: i.key,
        run: run.0,
        rule: &i.rule,
        step: &i.step,
        customer: &i.customer,
        occasion: &i.occasion,
        kind: i.kind.name(),
        channel: &i.channel,
        subject: &i.subject,
        address: i.address.as_deref(),
        zone: i.zone.as_deref(),
        values: &i.values,
        worth: i.worth,
        after: i.after,
        fallback: &i.fallback,
        hold,
        priority: i.priority.into(),
        at: i.at,
        now,
        expires: i.expires,
        erased,
    }
}

async fn insert_occasions(tx: &mut Tx, page: &Page) -> Result<(), StateError> {
    for occasions in page.occasions.chunks(TOGETHER) {
        let values = tuples(1, 4, occasions.len());
        let sql = format!(
            "INSERT INTO tidings_occasions (rule, customer, occasion, at) VALUES {values} \
             ON CONFLICT (rule, customer, occasion) DO NOTHING"
        );
        let rows = occasions.iter().flat_map(|o| args![&o.rule, &o.customer, &o.occasion, o.at]);
        tx.execute(sql, rows.collect()).await?;
    }
    Ok(())
}

/// Of two runs at once the one that saw less history changes nothing.
async fn put_entries(tx: &mut Tx, page: &Page) -> Result<(), StateError> {
    // A statement may not put the same row twice.
    let entries: BTreeMap<(&str, &str), Entry> = page
        .entries
        .iter()
        .map(|(rule, customer, entry)| ((rule.as_str(), customer.as_str()), *entry))
        .collect();
    let entries: Vec<_> = entries.into_iter().collect();
    for entries in entries.chunks(TOGETHER) {
        let values = tuples(1, 4, entries.len());
        let sql = format!(
            "INSERT INTO tidings_entries (rule, customer, ordinal, inside) VALUES {values} \
             ON CONFLICT (rule, customer) DO UPDATE SET ordinal = excluded.ordinal, inside = excluded.inside \
             WHERE excluded.ordinal >= tidings_entries.ordinal"
        );
        let rows = entries
            .iter()
            .flat_map(|((rule, customer), entry)| args![*rule, *customer, entry.ordinal, entry.inside]);
        tx.execute(sql, rows.collect()).await?;
    }
    Ok(())
}
