//! Where the time of a plan went.

use super::count;
use serde_json::{Map, Value, json};
use std::time::{Duration, Instant};
use tidings_daemon::Decision;

/// The parts of a plan's time, in their order.
pub struct Timings {
    last: Instant,
    parts: Vec<(&'static str, Duration)>,
    rows: u64,
}

impl Timings {
    /// From now on.
    pub fn start() -> Timings {
        Timings { last: Instant::now(), parts: Vec::new(), rows: 0 }
    }

    /// What was done since the part before.
    pub fn part(&mut self, what: &'static str) {
        let now = Instant::now();
        self.parts.push((what, now - self.last));
        self.last = now;
    }

    /// A decision, which was made since the part before.
    pub fn decision(&mut self, decision: &Decision<'_>) {
        let took = decision.took;
        let parts = [("loading", took.loading), ("evaluating", took.evaluating), ("planning", took.planning)];
        self.parts.extend(parts);
        let children: usize = decision.stats.collections.iter().map(|c| c.rows).sum();
        self.rows = (decision.stats.customers + children) as u64;
        self.last = Instant::now();
    }

    /// For people, a line a part.
    pub fn text(&self) -> String {
        let line = |(what, took): &(&str, Duration)| {
            let rows = match *what {
                "loading" => {
                    format!("  {} rows, {} a second", count(self.rows), count(self.rows_a_second(*took)))
                }
                _ => String::new(),
            };
            format!("{what:<22}{:>10.1} ms{rows}\n", took.as_secs_f64() * 1e3)
        };
        let all: Duration = self.parts.iter().map(|(_, took)| *took).sum();
        self.parts.iter().map(line).chain([line(&("all", all))]).collect()
    }

    /// For machines: milliseconds, by part.
    pub fn json(&self) -> Value {
        let part =
            |(what, took): &(&str, Duration)| ((*what).replace(' ', "_"), json!(took.as_secs_f64() * 1e3));
        let loading = self
            .parts
            .iter()
            .find(|(what, _)| *what == "loading")
            .map_or(0, |(_, took)| self.rows_a_second(*took));
        json!({
            "milliseconds": self.parts.iter().map(part).collect::<Map<_, _>>(),
            "rows": self.rows,
            "rows_a_second": loading,
        })
    }

    fn rows_a_second(&self, took: Duration) -> u64 {
        (self.rows as f64 / took.as_secs_f64().max(1e-6)) as u64
    }
}
