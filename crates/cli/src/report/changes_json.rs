//! What another version of the rules changes, as JSON.

use super::changes::{Report, answer, groups, word};
use super::{rfc3339, totals};
use serde_json::{Map, Value, json};
use tidings_plan::against::{Change, Difference, Movement, RuleChange, Test};

/// The whole comparison. Keys of customers are those that were named.
pub fn json(report: &Report<'_>) -> Value {
    let changes = report.changes;
    let policy = |which: Change| {
        let clauses = changes.policy.iter().filter(|(change, _)| *change == which);
        clauses.map(|(_, clause)| clause).collect::<Vec<_>>()
    };
    json!({
        "at": rfc3339(report.plans[1].now),
        "time_zone": report.plans[1].now.zone.name(),
        "against": report.against,
        "changed": !report.no_change(),
        "customers": report.plans[1].customers,
        "refused": changes.unsaid.iter().map(|unsaid| unsaid.words()).collect::<Vec<_>>(),
        "hints": changes.guesses.iter().map(|guess| guess.words()).collect::<Vec<_>>(),
        "rules": report.rules().map(|r| rule(report, r)).collect::<Vec<_>>(),
        "unchanged_rules": report.unchanged(),
        "declarations": changes.declared.iter()
            .map(|(change, one)| json!({"kind": one.kind, "name": one.name, "change": word(*change)}))
            .collect::<Vec<_>>(),
        "policy": {"removed": policy(Change::Removed), "new": policy(Change::New)},
        "files": report.files().map(|(change, path)| json!({"path": path, "change": word(change)})).collect::<Vec<_>>(),
        "sends": totals::json_of_both(&report.totals),
        "days": report.days.as_ref().map(|days| json!({"days": days.days, "sends": totals::json_of_both(&days.totals)})),
    })
}

fn rule(report: &Report<'_>, rule: &RuleChange) -> Value {
    let [before, after] = report.matched(rule);
    let edits = rule.edits.iter().map(|e| json!({"what": e.part, "before": e.before, "after": e.after}));
    let shifts = rule.shifts.iter().map(|shift| {
        json!({"before": shift.before, "after": shift.after, "customers": shift.customers, "samples": shift.named})
    });
    json!({
        "rule": rule.name,
        "change": rule.change().map_or("none", word),
        "renamed_from": rule.renamed,
        "edits": edits.collect::<Vec<_>>(),
        "matched": {"before": before, "after": after},
        "entering": movement(&rule.entering),
        "leaving": movement(&rule.leaving),
        "staying": rule.staying,
        "shifts": shifts.collect::<Vec<_>>(),
        "in_the_outbox": report.waiting.get(&rule.identity),
        "reached": report.reached.get(&rule.identity).copied().unwrap_or(0),
    })
}

fn movement(movement: &Movement) -> Value {
    let named = movement.named.iter().map(|moved| {
        let mut one = json!({"customer": moved.customer});
        if let (Some(why), Some(object)) = (&moved.why, one.as_object_mut()) {
            let Value::Object(sides) = difference(why) else { return one };
            object.extend(sides);
        }
        one
    });
    let because = groups(movement).into_iter().filter_map(|group| {
        let mut because = comparisons(group.why?);
        because.insert("customers".to_owned(), json!(group.customers.len()));
        Some(Value::Object(because))
    });
    json!({
        "customers": movement.customers,
        "because": because.collect::<Vec<_>>(),
        "named": named.collect::<Vec<_>>(),
    })
}

/// Both comparisons with what they saw.
fn difference(why: &Difference) -> Value {
    let test = |test: &Test| {
        let saw = test.saw.iter().map(|(what, value)| json!({"what": what, "value": value}));
        json!({"comparison": test.text, "answer": answer(test.verdict), "saw": saw.collect::<Vec<_>>()})
    };
    json!({"before": why.before.as_ref().map(test), "after": why.after.as_ref().map(test), "else": why.otherwise})
}

/// Both comparisons without what they saw.
fn comparisons(why: &Difference) -> Map<String, Value> {
    let test = |test: &Test| json!({"comparison": test.text, "answer": answer(test.verdict)});
    [("before", &why.before), ("after", &why.after)]
        .map(|(side, of)| (side.to_owned(), json!(of.as_ref().map(test))))
        .into_iter()
        .collect()
}
