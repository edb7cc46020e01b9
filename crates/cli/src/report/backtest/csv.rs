//! A backtest as CSV: a line for each step, rule and thing that was sent or reason for which it was not.

use crate::report::{plan_csv::quoted, rfc3339};
use tidings_check::Program;
use tidings_daemon::Backtest;

/// The header and the lines. What is held back has no step and no channel.
pub fn csv(program: &Program, backtest: &Backtest) -> String {
    let mut out = String::from("at,rule,step,kind,subject,channel,outcome,customers\n");
    for step in &backtest.steps {
        let at = rfc3339(step.now);
        for rule in &step.rules {
            let name = quoted(program.rules.get(rule.rule).map_or("", |rule| &rule.name));
            for (way, n) in &rule.sent {
                let Some(way) = backtest.ways.get(*way) else { continue };
                let [step, subject, channel] = [&way.step, &way.subject, &way.channel].map(|f| quoted(f));
                out += &format!("{at},{name},{step},{},{subject},{channel},sent,{n}\n", way.kind.name());
            }
            for (reason, n) in &rule.held {
                out += &format!("{at},{name},,,,,{reason},{n}\n");
            }
        }
    }
    out
}
