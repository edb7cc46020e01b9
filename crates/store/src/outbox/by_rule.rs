//! Claims beside rules that are paused: rule by rule, so that the rows of those cost nothing, however many wait.

use super::claim::{FREE, LEASE, Strikes};
use crate::state::Paused;
use crate::state::database::Tx;

/// How many more of each rule are looked at than are wanted: others may be taking some at this moment.
const SPARE: usize = 500;

/// The rules that are not paused and of which something may be claimed, as a table `free`, each found by one look into
/// an index. Placeholders: the kind, the channel, and the first of the paused rules.
fn free(tx: &Tx, paused: &Paused, kind: usize, first: usize) -> String {
    let by = tx.by("tidings_outbox_by_rule");
    let next = format!(
        "SELECT MIN(t.rule) FROM tidings_outbox AS t {by} WHERE t.state = 'pending' AND t.waits = 0 \
             AND t.hold IS NULL AND t.kind = ${kind} AND t.channel = ${}",
        kind + 1
    );
    format!(
        "WITH RECURSIVE r(rule) AS ({next} \
             UNION ALL SELECT ({next} AND t.rule > r.rule) FROM r WHERE r.rule IS NOT NULL), \
         free AS (SELECT rule FROM r WHERE rule IS NOT NULL {})",
        paused.not_by_rule(first)
    )
}

/// Leases the most urgent of the rows that each rule that is not paused has waited for longest. Placeholders as in
/// [`FREE`] and [`LEASE`], then the paused rules.
pub(super) fn lease(tx: &Tx, paused: &Paused, Strikes { which, order, limit }: Strikes) -> String {
    let of_rule = format!(
        "SELECT id FROM tidings_outbox {} WHERE {FREE} AND {which} AND rule = free.rule \
             ORDER BY due_at LIMIT {limit} + {SPARE}",
        tx.by("tidings_outbox_by_rule")
    );
    let (longest, lock) = match tx.is_postgres() {
        true => (
            format!("LATERAL ({of_rule}) AS l JOIN tidings_outbox AS o ON o.id = l.id"),
            "FOR UPDATE OF o SKIP LOCKED",
        ),
        false => (format!("tidings_outbox AS o NOT INDEXED ON o.id IN ({of_rule})"), ""),
    };
    format!(
        "{}, picked AS MATERIALIZED (SELECT o.id FROM free CROSS JOIN {longest} WHERE o.state = 'pending' \
             ORDER BY {order} LIMIT {limit} {lock}) {LEASE}",
        free(tx, paused, 4, 8)
    )
}

/// The moment at which the first of the free rules' rows is due. Placeholders: the kind, the channel, and the paused
/// rules.
pub(super) fn first_due(tx: &Tx, paused: &Paused) -> String {
    format!(
        "{} SELECT MIN(due) AS moment FROM (SELECT (SELECT due_at FROM tidings_outbox {} WHERE state = 'pending' \
             AND waits = 0 AND hold IS NULL AND strikes < 8 AND kind = $1 AND channel = $2 AND rule = free.rule \
             ORDER BY due_at LIMIT 1) AS due FROM free) AS dues",
        free(tx, paused, 1, 3),
        tx.by("tidings_outbox_by_rule")
    )
}
