//! Where the time of a plan went.

use super::count;
use serde_json::{Map, Value, json};
use std::time::{Duration, Instant};
use tidings_daemon::Decision;
use tidings_store::Refreshed;

/// The parts of a plan's time, in their order.
pub struct Timings {
    last: Instant,
    parts: Vec<(&'static str, Duration)>,
    rows: u64,
    /// What was read, where customers are kept.
    refreshed: Option<Refreshed>,
    /// How many bytes of rows were put aside, where they do not fit into memory.
    aside: Option<u64>,
}

impl Timings {
    /// From now on.
    pub fn start() -> Timings {
        Timings { last: Instant::now(), parts: Vec::new(), rows: 0, refreshed: None, aside: None }
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
        (self.refreshed, self.aside) =
            (decision.refreshed, decision.stream.as_ref().map(|stream| stream.aside()));
        self.last = Instant::now();
    }

    /// For people, a line a part, and one about memory.
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
        self.parts.iter().map(line).chain([line(&("all", all))]).chain(self.memory()).collect()
    }

    fn memory(&self) -> Option<String> {
        let megabytes = |bytes: u64| format!("{:.1} MB", bytes as f64 / 1e6);
        if let Some(aside) = self.aside {
            return Some(format!(
                "rows put aside: {}, since they take more than `memory:`\n",
                megabytes(aside)
            ));
        }
        let refreshed = self.refreshed?;
        let (bytes, new) = (megabytes(refreshed.bytes as u64), new_columns(&refreshed));
        let (read, saved) = (count(refreshed.read as u64), count(refreshed.saved as u64));
        Some(format!("customers in memory: {bytes}; {read} rows read{new}, {saved} from the cache\n"))
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
        let refreshed = self.refreshed.map(|Refreshed { read, grown, saved, bytes }| {
            json!({"bytes": bytes, "rows_read": read, "rows_with_new_columns": grown, "rows_from_cache": saved})
        });
        json!({
            "in_memory": refreshed,
            "bytes_put_aside": self.aside,
            "milliseconds": self.parts.iter().map(part).collect::<Map<_, _>>(),
            "rows": self.rows,
            "rows_a_second": loading,
        })
    }

    fn rows_a_second(&self, took: Duration) -> u64 {
        (self.rows as f64 / took.as_secs_f64().max(1e-6)) as u64
    }
}

/// Of how many rows columns were read that came to be needed; nothing where there were none.
pub fn new_columns(took: &Refreshed) -> String {
    match took.grown {
        0 => String::new(),
        rows => format!(", new columns of {}", count(rows as u64)),
    }
}
