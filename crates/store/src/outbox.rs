//! The outbox: what was decided is written here before it leaves, and every step on its way is a commit.
//!
//! `enqueue → claim → gate → settle`, and `recover` and `resolve` for those whose worker was lost. Each is one
//! transaction, each compares what it read before, and the table's CHECK constraints refuse what cannot be.

mod changes;
mod claim;
mod gate;
mod list;
mod resolve;
mod settle;

pub use claim::{Claim, Claimed, Recovered, Token};
pub use gate::Gated;
pub use list::{Count, LedgerRow};
pub use resolve::Doubt;

use crate::state::{RunId, State, StateError};
use std::collections::BTreeMap;
use tidings_plan::history::address_hash;
use tidings_plan::{Intent, Kind, Page, Status};

const INSERT: &str = "\
    INSERT INTO tidings_outbox (key, run, rule, step, customer, occasion, kind, channel, subject, address, \
        address_hash, vals, after_key, waits, priority, at, enqueued_at, due_at, expires_at, state) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?13 IS NOT NULL, ?14, ?15, ?16, ?16, ?17, 'pending') \
    ON CONFLICT (key) DO NOTHING";
const INSERT_OCCASION: &str = "\
    INSERT INTO tidings_occasions (rule, customer, occasion, at) VALUES (?, ?, ?, ?) \
    ON CONFLICT (rule, customer, occasion) DO NOTHING";
/// Of two runs at once the one that saw less history changes nothing.
const PUT_ENTRY: &str = "\
    INSERT INTO tidings_entries (rule, customer, ordinal, inside) VALUES (?, ?, ?, ?) \
    ON CONFLICT (rule, customer) DO UPDATE SET ordinal = excluded.ordinal, inside = excluded.inside \
    WHERE excluded.ordinal >= ordinal";
const MOVE_CURSOR: &str = "UPDATE tidings_runs SET cursor = ? WHERE id = ?";

/// Where sends leave: the channel, coupon provider, webhook or team of that name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Outlet {
    /// What leaves.
    pub kind: Kind,
    /// The name.
    pub channel: String,
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
    /// is, so the same page may come twice, and from two runs at once.
    pub async fn enqueue(&self, run: RunId, page: &Page) -> Result<Enqueued, StateError> {
        let mut tx = self.begin().await?;
        let mut enqueued = Enqueued::default();
        for intent in &page.intents {
            match self
                .insert(run, intent, tx.now)
                .execute(&mut *tx.inner)
                .await
                .map_err(self.fault())?
                .rows_affected()
            {
                0 => enqueued.known += 1,
                _ => enqueued.inserted += 1,
            }
        }
        for o in &page.occasions {
            let insert =
                sqlx::query(INSERT_OCCASION).bind(&o.rule).bind(&o.customer).bind(&o.occasion).bind(o.at);
            insert.execute(&mut *tx.inner).await.map_err(self.fault())?;
        }
        for (rule, customer, entry) in &page.entries {
            let put = sqlx::query(PUT_ENTRY).bind(rule).bind(customer).bind(entry.ordinal).bind(entry.inside);
            put.execute(&mut *tx.inner).await.map_err(self.fault())?;
        }
        let cursor = sqlx::query(MOVE_CURSOR).bind(&page.cursor).bind(run.0);
        cursor.execute(&mut *tx.inner).await.map_err(self.fault())?;
        tx.commit().await?;
        Ok(enqueued)
    }

    fn insert<'q>(&self, run: RunId, i: &'q Intent, now: i64) -> Statement<'q> {
        let hash = i.address.as_ref().map(|a| address_hash(self.secret(), &i.channel, a).to_vec());
        sqlx::query(INSERT)
            .bind(i.key.0.to_vec())
            .bind(run.0)
            .bind(&i.rule)
            .bind(&i.step)
            .bind(&i.customer)
            .bind(&i.occasion)
            .bind(i.kind.name())
            .bind(&i.channel)
            .bind(&i.subject)
            .bind(&i.address)
            .bind(hash)
            .bind(&i.values)
            .bind(i.after.map(|k| k.0.to_vec()))
            .bind(i.priority)
            .bind(i.at)
            .bind(now)
            .bind(i.expires)
    }
}

type Statement<'q> = sqlx::query::Query<'q, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>;
