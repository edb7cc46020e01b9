//! A plan as JSON.

use super::overlap::overlaps;
use super::{rfc3339, send_of, totals};
use serde_json::{Map, Value, json};
use tidings_check::program::Action;
use tidings_engine::Chunk;
use tidings_plan::{Plan, RulePlan, StepPlan, Tally, Totals};

/// How many planned customers are named as samples.
pub const SAMPLES: usize = 5;

/// The whole plan; with `customers` also the keys of everybody who matches.
pub fn json(plan: &Plan, totals: &Totals, chunks: &[Chunk], customers: bool) -> Value {
    let overlap = overlaps(plan, 20);
    json!({
        "at": rfc3339(plan.now),
        "time_zone": plan.now.zone.name(),
        "customers": plan.customers,
        "rules": plan.rules.iter().map(|r| rule(r, chunks, customers)).collect::<Vec<_>>(),
        "totals": totals::json(totals),
        "overlap": overlap
            .iter()
            .map(|o| json!({"rules": [o.first, o.second], "customers": o.customers}))
            .collect::<Vec<_>>(),
    })
}

fn rule(rule: &RulePlan, chunks: &[Chunk], customers: bool) -> Value {
    let tally = rule.tally();
    let mut out = json!({
        "rule": rule.name,
        "matched": rule.matched(),
        "planned": tally.planned,
        "held": held(&tally),
        "sends": rule.audiences.iter().flat_map(|a| &a.steps).map(send).collect::<Vec<_>>(),
        "stopped": rule.stopped,
        "undecided": rule.undecided,
        "missing": rule.wants.iter().map(|(name, n)| json!({"value": name, "customers": n})).collect::<Vec<_>>(),
        "samples": samples(rule, chunks),
    });
    if customers && let Some(object) = out.as_object_mut() {
        let keys: Vec<&str> = rule.members().filter_map(|(chunk, i, _)| key(chunks, chunk, i)).collect();
        object.insert("customers".to_owned(), json!(keys));
    }
    out
}

fn send(step: &StepPlan) -> Value {
    let (template, channel, coupon) = match &step.action {
        Action::Message { template, channels, coupon } => {
            (template.clone(), channels.join(" or "), coupon.as_ref())
        }
        other => {
            let (template, channel) = send_of(other);
            (template, channel, None)
        }
    };
    let tally = step.tally();
    let mut out = json!({
        "step": step.id,
        "template": template,
        "channel": channel,
        "coupon": coupon,
        "planned": tally.planned,
        "held": held(&tally),
    });
    let by_channel = step.by_channel();
    if by_channel.len() > 1
        && let Some(object) = out.as_object_mut()
    {
        let split: Map<String, Value> =
            by_channel.into_iter().map(|(c, n)| (c.to_owned(), json!(n))).collect();
        object.insert("by_channel".to_owned(), Value::Object(split));
    }
    out
}

/// Held counts by reason.
pub fn held(tally: &Tally) -> Value {
    Value::Object(tally.held.iter().map(|(reason, n)| (reason.name().to_owned(), json!(n))).collect())
}

/// The keys of the first few planned customers.
pub fn samples<'c>(rule: &RulePlan, chunks: &'c [Chunk]) -> Vec<&'c str> {
    rule.planned().filter_map(|(chunk, i)| key(chunks, chunk, i)).take(SAMPLES).collect()
}

fn key(chunks: &[Chunk], chunk: usize, customer: usize) -> Option<&str> {
    chunks.get(chunk).map(|c| c.keys.value(customer))
}
