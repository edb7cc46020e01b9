//! What policy, history and a moment say of one customer.

use crate::history::PastMessage;
use tidings_check::program::{Cap, Window};
use tidings_schema::{Now, calendar};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The instant that lies a rolling length of time before now: the same time of day for days and months.
pub(crate) fn before(window: Window, now: Now) -> i64 {
    match window {
        Window::Seconds(seconds) => now.micros.saturating_sub(seconds.saturating_mul(1_000_000)),
        Window::Days(days) => now.days_ago(days).micros,
        Window::Months(months) => {
            let days = now.today() - calendar::months_before(now.today(), months);
            now.days_ago(days.unsigned_abs()).micros
        }
        Window::Between(..) => i64::MIN,
    }
}

/// Whether a customer falls into a holdout: xxh3 of rule and customer, seeded by the project, as a share of
/// its range. Stable for ever; independent between rules; the empty rule is the holdout from all of them.
pub fn held_out(project: &str, rule: &str, customer: &str, share: f64) -> bool {
    Draw::new(project, rule, share).holds_out(customer)
}

/// The draw for the holdout of one rule.
#[derive(Clone, Copy)]
pub(crate) struct Draw {
    seed: u64,
    share: f64,
}

impl Draw {
    pub(crate) fn new(project: &str, rule: &str, share: f64) -> Draw {
        let seed = xxh3_64_with_seed(project.as_bytes(), 0);
        Draw { seed: xxh3_64_with_seed(rule.as_bytes(), seed), share }
    }

    pub(crate) fn holds_out(&self, customer: &str) -> bool {
        let draw = xxh3_64_with_seed(customer.as_bytes(), self.seed);
        (draw as f64) < self.share * (u64::MAX as f64)
    }
}

/// How many of a customer's past messages count under a cap.
pub(crate) fn messages_under(cap: &Cap, now: Now, messages: &[PastMessage]) -> usize {
    let start = before(cap.per, now);
    messages.iter().filter(|m| m.at > start && cap.counts(&m.channel)).count()
}
