//! What there is to remark on beside the plan: in the customers' data, and in what is not run yet.

use super::{counted, few, verb};
use std::collections::BTreeMap;
use tidings_check::Program;
use tidings_daemon::Decision;
use tidings_schema::Vocabulary;
use tidings_store::LoadStats;

/// All of it, a sentence each.
pub fn all(program: &Program, decision: &Decision<'_>) -> Vec<String> {
    let mut remarks = of_data(&program.vocabulary, &decision.stats);
    let gone = decision.gone().into_iter();
    remarks.extend(gone.map(|name| {
        format!("the rule {name} sent something and is gone: if it was renamed and edited, the new one sends it all again unless it says `was {name}`")
    }));
    remarks
}

/// What the rules say that is checked and not run yet, and that changes nothing of what they send: a sentence each.
pub fn not_run(program: &Program) -> Vec<String> {
    let mut rules: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for rule in &program.rules {
        let silent = rule.not_run.iter().filter(|n| !n.blocks);
        silent.for_each(|n| rules.entry(n.what).or_default().push(&rule.name));
    }
    let of = |(what, rules): (&str, Vec<&str>)| {
        format!("`{what}` is checked, but not run yet: in {}", few(&rules, 10))
    };
    let mut said: Vec<String> = rules.into_iter().map(of).collect();
    said.extend(journeys(program));
    said
}

/// That journeys are not run, where there are any.
pub fn journeys(program: &Program) -> Option<String> {
    let n = program.journeys.len() as u64;
    let said = || format!("{} {} checked, but not run yet", counted(n, "journey"), verb(n, "are"));
    (n > 0).then(said)
}

/// What keeps a run from starting on this data, a sentence each.
pub fn unmet(decision: &Decision<'_>) -> Vec<String> {
    decision.unmet.iter().map(|e| format!("{e}; a run refuses to start on such data")).collect()
}

/// Values that could not be read, rows without a time or an owner: each in one sentence, without the values.
pub fn of_data(vocabulary: &Vocabulary, stats: &LoadStats) -> Vec<String> {
    let mut remarks = stats.notes.clone();
    if stats.without_key > 0 {
        let n = stats.without_key as u64;
        let (has, are) = (verb(n, "have"), verb(n, "are"));
        remarks.push(format!("{} {has} no key and {are} left out", counted(n, "customer")));
    }
    for bad in &stats.bad {
        let first = bad.first_key.as_ref().map(|k| format!(", the first at {k}")).unwrap_or_default();
        let n = bad.count as u64;
        remarks.push(format!(
            "{} in {}.{} {} not {} and {} as missing{first}",
            counted(n, "value"),
            bad.table,
            bad.column,
            verb(n, "are"),
            bad.expected,
            verb(n, "count")
        ));
    }
    for rows in &stats.collections {
        let Some(collection) = vocabulary.collection(rows.id) else { continue };
        let mut left_out = |n: usize, base: &str, what: &str| {
            let n = n as u64;
            let (has, are) = (verb(n, base), verb(n, "are"));
            let said =
                format!("{} of {} {has} {what} and {are} left out", counted(n, "row"), collection.name);
            remarks.extend((n > 0).then_some(said));
        };
        left_out(rows.without_time, "have", "no time");
        left_out(rows.orphans, "belong", "to no customer");
    }
    remarks
}
