//! How many rows are in which state, from indexes alone: what has ended and what has not are counted in the order of
//! their indexes, and what is under way, which is little, is looked up and taken from the latter.

use super::Outlet;
use crate::state::database::{Arg, Row, Tx, args};
use crate::state::{RunId, State, StateError};
use std::collections::BTreeMap;
use tidings_plan::Status;

/// How many rows of a rule and an outlet are in a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// The rule.
    pub rule: String,
    /// Where they leave.
    pub outlet: Outlet,
    /// The state.
    pub status: Status,
    /// How many.
    pub rows: u64,
}

/// Some rows of one run.
type Counted = (RunId, Count);

impl State {
    /// How many rows of which rule and outlet are in which state, of one run or of all. A message that went by its
    /// next channel counts once, as what became of it there: all together are as many as were decided.
    pub async fn outbox_counts(&self, run: Option<RunId>) -> Result<Vec<Count>, StateError> {
        let mut tx = self.snapshot().await?;
        let counted = match run {
            Some(run) => counted(&mut tx, "AND run = $1", args![run.0]).await?,
            None => counted(&mut tx, "", args![]).await?,
        };
        let mut sums: BTreeMap<(String, Outlet, &str), (Status, u64)> = BTreeMap::new();
        for (_, Count { rule, outlet, status, rows }) in counted {
            sums.entry((rule, outlet, status.name())).or_insert((status, 0)).1 += rows;
        }
        let count = |((rule, outlet, _), (status, rows))| Count { rule, outlet, status, rows };
        Ok(sums.into_iter().map(count).collect())
    }
}

/// The counts of runs that a condition lets through.
pub(crate) async fn counted(tx: &mut Tx, which: &str, args: Vec<Arg>) -> Result<Vec<Counted>, StateError> {
    let by = "run, rule, kind, channel";
    let ended = format!(
        "SELECT {by}, state, COUNT(*) AS sends FROM tidings_outbox {} \
         WHERE settled_at IS NOT NULL AND replaced = 0 {which} GROUP BY {by}, state",
        tx.by("tidings_outbox_counts")
    );
    let open = format!(
        "SELECT {by}, 'pending' AS state, COUNT(*) AS sends FROM tidings_outbox {} \
         WHERE settled_at IS NULL {which} GROUP BY kind, channel, run, rule",
        tx.by("tidings_outbox_open")
    );
    let under_way =
        [("token IS NOT NULL", "tidings_outbox_token"), ("state = 'unknown'", "tidings_outbox_unknown")];
    let under_way = under_way.map(|(state, index)| {
        format!(
            "SELECT {by}, state, COUNT(*) AS sends FROM tidings_outbox {} WHERE {state} {which} GROUP BY {by}, state",
            tx.by(index)
        )
    });
    let mut counted = tx.list(ended, args.clone(), count).await?;
    let mut open = tx.list(open, args.clone(), count).await?;
    for sql in under_way {
        for (run, part) in tx.list(sql, args.clone(), count).await? {
            let of = |(r, c): &&mut Counted| *r == run && c.rule == part.rule && c.outlet == part.outlet;
            if let Some((_, pending)) = open.iter_mut().find(of) {
                pending.rows -= part.rows;
            }
            counted.push((run, part));
        }
    }
    counted.extend(open.into_iter().filter(|(_, count)| count.rows > 0));
    Ok(counted)
}

fn count(row: Row<'_>) -> Result<Counted, sqlx::Error> {
    let outlet = Outlet { kind: row.kind()?, channel: row.get("channel")? };
    let count = Count { rule: row.get("rule")?, outlet, status: row.status()?, rows: row.count("sends")? };
    Ok((RunId(row.get("run")?), count))
}
