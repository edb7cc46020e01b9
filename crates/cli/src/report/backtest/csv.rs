//! A backtest as CSV: a line for each step, rule and thing that was sent or reason for which it was not.

use crate::report::{plan_csv::quoted, rfc3339};
use std::collections::BTreeMap;
use tidings_check::Program;
use tidings_daemon::Backtest;
use tidings_plan::Kind;
use tidings_schema::money::{Price, exact};

/// The header and the lines. What is held back has no step and no channel.
/// cost is exact, so that a sum of lines is.
pub fn csv(program: &Program, backtest: &Backtest, prices: &BTreeMap<String, Price>) -> String {
    let mut out = String::from("at,rule,step,kind,subject,channel,outcome,customers,cost,currency\n");
    for step in &backtest.steps {
        let at = rfc3339(step.now);
        for rule in &step.rules {
            let name = quoted(program.rules.get(rule.rule).map_or("", |rule| &rule.name));
            for (way, n) in &rule.sent {
                let Some(way) = backtest.ways.get(*way) else { continue };
                let [step, subject, channel] = [&way.step, &way.subject, &way.channel].map(|f| quoted(f));
                let cost = cost(prices, way.kind, &way.channel, *n);
                out += &format!(
                    "{at},{name},{step},{},{subject},{channel},sent,{n},{}\n",
                    way.kind.name(),
                    cost
                );
            }
            for (reason, n) in &rule.held {
                out += &format!("{at},{name},,,,,{reason},{n},,\n");
            }
        }
    }
    out
}

/// What so many of a channel cost, exactly, and of which currency; both empty where that is not known.
pub fn cost(prices: &BTreeMap<String, Price>, kind: Kind, channel: &str, n: u64) -> String {
    match prices.get(channel).filter(|_| kind == Kind::Message) {
        Some(price) => format!("{},{}", exact(price.times(n)), price.currency().code()),
        None => ",".to_owned(),
    }
}
