//! A backtest as JSON.

use super::Figures;
use super::text::remarks;
use crate::report::{rfc3339, totals};
use serde_json::{Map, Value, json};
use tidings_check::Program;
use tidings_daemon::Backtest;
use tidings_daemon::backtest::{Flows, RuleTally, Tally};
use tidings_schema::money;

/// All of it.
pub fn json(program: &Program, backtest: &Backtest, figures: &Figures<'_>) -> Value {
    let ends = [figures.moments.first(), figures.moments.last()].map(|now| now.map(|now| rfc3339(*now)));
    let coupon = |c: &super::figures::Coupon| {
        json!({
            "coupon": c.name,
            "granted": c.granted,
            "worth": c.worth().map(|(minor, currency)| money::to_major(minor, currency).to_string()),
            "currency": c.worth().map(|(_, currency)| currency.code()),
        })
    };
    let cost = |of: &super::figures::CostOf| {
        json!({
            "channel": of.channel,
            "messages": of.messages,
            "price": of.price.map(|price| money::exact(price.times(1))),
            "cost": of.minor().map(|(minor, currency)| money::to_major(minor, currency).to_string()),
            "currency": of.minor().map(|(_, currency)| currency.code()),
        })
    };
    let (customers, had) = (figures.messages, figures.messages.iter().enumerate());
    let messages: u64 = had.map(|(n, customers)| n as u64 * customers).sum();
    let unknown = figures.unknown.rules.iter();
    json!({
        "from": ends.first(),
        "to": ends.last(),
        "step": figures.step(),
        "time_zone": program.vocabulary.zone.name(),
        "customers": figures.customers,
        "steps": backtest.steps.iter().map(|s| step(program, backtest, s)).collect::<Vec<_>>(),
        "messages": {"all": messages, "most": figures.received().1, "customers": customers},
        "costs": figures.costs.iter().map(cost).collect::<Vec<_>>(),
        "cost": totals::amounts(&figures.cost.minor()),
        "no_price": figures.cost.unpriced,
        "coupons": figures.coupons.iter().map(coupon).collect::<Vec<_>>(),
        "flows": backtest.flows.iter().map(flows).collect::<Vec<_>>(),
        "as_of_today": {
            "rules": unknown.map(|(rule, reads)| json!({"rule": rule, "attributes": reads})).collect::<Vec<_>>(),
            "contacts": figures.unknown.contacts,
        },
        "remarks": remarks(figures),
    })
}

fn step(program: &Program, backtest: &Backtest, step: &Tally) -> Value {
    let segments = program.segments.iter().zip(&step.segments);
    let stages = backtest.flows.iter().zip(&step.stages).map(|(flows, arms)| {
        let arms = flows.stages().iter().zip(arms).map(|(arm, n)| (arm.clone(), json!(n)));
        (flows.name.clone(), Value::Object(arms.collect()))
    });
    let moved = backtest.flows.iter().zip(&step.moved).map(|(flows, n)| (flows.name.clone(), json!(n)));
    json!({
        "at": rfc3339(step.now),
        "customers": step.customers,
        "rules": step.rules.iter().map(|r| rule(program, backtest, r)).collect::<Vec<_>>(),
        "segments": Value::Object(segments.map(|(s, n)| (s.name.clone(), json!(n))).collect()),
        "stages": Value::Object(stages.collect()),
        "moved": Value::Object(moved.collect()),
    })
}

fn rule(program: &Program, backtest: &Backtest, rule: &RuleTally) -> Value {
    let held: Map<String, Value> = rule.held.iter().map(|(r, n)| (r.name().to_owned(), json!(n))).collect();
    let sent = rule.sent.iter().filter_map(|(way, n)| {
        let way = backtest.ways.get(*way)?;
        Some(json!({
            "step": way.step,
            "kind": way.kind.name(),
            "subject": way.subject,
            "channel": way.channel,
            "customers": n,
        }))
    });
    json!({
        "rule": program.rules.get(rule.rule).map(|rule| &rule.name),
        "matched": rule.matched,
        "planned": rule.reached,
        "held": held,
        "dropped": rule.dropped,
        "stopped": rule.stopped,
        "sent": sent.collect::<Vec<_>>(),
    })
}

fn flows(flows: &Flows) -> Value {
    json!({
        "stages": flows.name,
        "places": flows.places,
        "first_to_last": flows.ends,
        "moves": flows.moves,
    })
}
