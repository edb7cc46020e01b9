//! What there is to remark on beside the plan: in the customers' data, and in what is not run yet.

use super::count;
use tidings_check::Program;
use tidings_daemon::Decision;
use tidings_schema::Vocabulary;
use tidings_store::LoadStats;

/// All of it, a sentence each.
pub fn all(program: &Program, decision: &Decision<'_>) -> Vec<String> {
    let mut remarks = of_data(&program.vocabulary, &decision.stats);
    for rule in &program.rules {
        let silent = rule.not_run.iter().filter(|n| !n.blocks);
        remarks.extend(
            silent.map(|n| format!("`{}` of the rule {} is checked, but not run yet", n.what, rule.name)),
        );
    }
    if !program.journeys.is_empty() {
        remarks
            .push(format!("journeys are checked, but not run yet, and there are {}", program.journeys.len()));
    }
    let gone = decision.gone().into_iter();
    remarks.extend(gone.map(|name| {
        format!("the rule {name} sent something and is gone: if it was renamed and edited, the new one sends it all again unless it says `was {name}`")
    }));
    remarks
}

/// What keeps a run from starting on this data, a sentence each.
pub fn unmet(decision: &Decision<'_>) -> Vec<String> {
    decision.unmet.iter().map(|e| format!("{e}; a run refuses to start on such data")).collect()
}

/// Values that could not be read, rows without a time or an owner: each in one sentence, without the values.
pub fn of_data(vocabulary: &Vocabulary, stats: &LoadStats) -> Vec<String> {
    let mut remarks = stats.notes.clone();
    if stats.without_key > 0 {
        remarks.push(format!("{} customers have no key and are left out", count(stats.without_key as u64)));
    }
    for bad in &stats.bad {
        let first = bad.first_key.as_ref().map(|k| format!(", the first at {k}")).unwrap_or_default();
        remarks.push(format!(
            "{} values in {}.{} are not {} and count as missing{first}",
            count(bad.count as u64),
            bad.table,
            bad.column,
            bad.expected
        ));
    }
    for rows in &stats.collections {
        let Some(collection) = vocabulary.collection(rows.id) else { continue };
        if rows.without_time > 0 {
            remarks.push(format!(
                "{} {} have no time and are left out",
                count(rows.without_time as u64),
                collection.name
            ));
        }
        if rows.orphans > 0 {
            remarks.push(format!(
                "{} {} belong to no customer and are left out",
                count(rows.orphans as u64),
                collection.name
            ));
        }
    }
    remarks
}
