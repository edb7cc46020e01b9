//! The last look before a message leaves: what the plan held back is held back once more, with what has happened
//! since. A pure function; the store calls it inside the transaction that lets the message out.

use crate::make::policy::{before, held_out};
use crate::outbox::{Kind, Status};
use crate::reach::within;
use chrono::{NaiveDateTime, TimeZone};
use chrono_tz::Tz;
use std::collections::HashMap;
use tidings_check::Program;
use tidings_check::program::{Cap, Losers, Quiet, UnknownZone, Window};
use tidings_schema::{Now, calendar};

const DAY: i64 = 86_400_000_000;

const NEVER: i64 = i64::MAX;

/// What the policy and the rules hold against messages: hold-outs, hours of silence, caps. The default holds nothing.
#[derive(Clone, Debug, Default)]
pub struct Door {
    project: String,
    zone: Tz,
    caps: Vec<Cap>,
    quiet: Vec<Quiet>,
    /// The share of customers whom no rule reaches.
    hold_out: Option<f64>,
    /// By rule, the share of customers whom it does not reach.
    rules: HashMap<String, f64>,
}

/// A row at the gate.
#[derive(Clone, Copy, Debug)]
pub struct AtGate<'a> {
    /// What it is.
    pub kind: Kind,
    /// The rule, by its identity.
    pub rule: &'a str,
    /// The customer's key.
    pub customer: &'a str,
    /// The channel.
    pub channel: &'a str,
    /// The customer's own zone, as the store has it.
    pub zone: Option<&'a str>,
    /// Not sent from here on, in microseconds since 1970 UTC.
    pub expires: Option<i64>,
    /// The customer's messages that were let out, this one not among them: their channels, and when they were.
    pub sent: &'a [(String, i64)],
}

/// Why a row does not leave now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It never will.
    Ends(Status, String),
    /// It may from a moment on (microseconds since 1970 UTC); the status is what it would end as if it could not.
    Waits {
        /// The moment.
        until: i64,
        /// What holds it.
        status: Status,
    },
}

impl Door {
    /// What a program holds against messages.
    pub fn new(program: &Program, project: &str) -> Door {
        let share = |rule: &tidings_check::program::Rule| Some((rule.identity().to_owned(), rule.hold_out?));
        Door {
            project: project.to_owned(),
            zone: program.vocabulary.zone,
            caps: program.policy.caps.clone(),
            quiet: program.policy.quiet.clone(),
            hold_out: program.policy.hold_out,
            rules: program.rules.iter().filter_map(share).collect(),
        }
    }

    /// From when on past messages count under some cap, in microseconds since 1970 UTC; none without caps.
    pub fn looks_back(&self, now: i64) -> Option<i64> {
        self.caps.iter().map(|cap| before(cap.per, self.now(now))).min()
    }

    /// What stands against a row at a moment (microseconds since 1970 UTC); nothing where it may leave.
    pub fn judge(&self, row: &AtGate<'_>, now: i64) -> Option<Refusal> {
        let out = |rule: &str, share: f64| held_out(&self.project, rule, row.customer, share);
        if self.hold_out.is_some_and(|share| out("", share))
            || self.rules.get(row.rule).is_some_and(|share| out(row.rule, *share))
        {
            return Some(Refusal::Ends(Status::Holdout, "the customer is held out".to_owned()));
        }
        if row.kind != Kind::Message {
            return None;
        }
        let zone = row.zone.and_then(|zone| zone.parse().ok());
        if zone.is_none()
            && self.quiet.iter().any(|q| q.covers(row.channel) && q.unknown_zone == UnknownZone::Held)
        {
            let why = "the customer's zone is not known, and so neither are the hours of silence";
            return Some(Refusal::Ends(Status::Quiet, why.to_owned()));
        }
        let (until, status) = match self.quiet_until(row, zone.unwrap_or(self.zone), now) {
            Some(until) => (until, Status::Quiet),
            None => (self.capped_until(row, now)?, Status::Capped),
        };
        if until == NEVER {
            let why = "the customer has had as many messages as the policy allows";
            return Some(Refusal::Ends(status, why.to_owned()));
        }
        if row.expires.is_some_and(|expires| expires <= until) {
            let why = match status {
                Status::Quiet => "the hours of silence last until it expires",
                _ => "the customer has had as many messages as the policy allows, until it expires",
            };
            return Some(Refusal::Ends(status, why.to_owned()));
        }
        Some(Refusal::Waits { until, status })
    }

    /// When the hours of silence end in a zone.
    fn quiet_until(&self, row: &AtGate<'_>, zone: Tz, now: i64) -> Option<i64> {
        let civil = calendar::civil(now, zone);
        let hours = self.quiet.iter().filter(|q| q.covers(row.channel));
        let silent = hours.filter(|q| within(q, civil.time()));
        silent.map(|q| end(q, civil, zone, now)).max()
    }

    /// When the caps have room for one more again; never where one of them drops what it has no room for.
    fn capped_until(&self, row: &AtGate<'_>, now: i64) -> Option<i64> {
        let full = self.caps.iter().filter(|cap| cap.counts(row.channel)).filter_map(|cap| {
            let start = before(cap.per, self.now(now));
            let counted = row.sent.iter().filter(|(channel, at)| cap.counts(channel) && *at > start);
            let mut moments: Vec<i64> = counted.map(|(_, at)| *at).collect();
            let over = moments.len().checked_sub(cap.count as usize)?;
            if cap.losers == Losers::Skip {
                return Some(NEVER);
            }
            moments.sort_unstable();
            Some(moments.get(over).map_or(NEVER, |at| gone(cap.per, *at, self.now(now))))
        });
        full.max()
    }

    fn now(&self, micros: i64) -> Now {
        Now { micros, zone: self.zone }
    }
}

/// From now, when something of `at` still counts, the moment at which it has left a rolling length of time; looked for day
/// by day, since days and months are not equally long.
pub(crate) fn gone(per: Window, at: i64, now: Now) -> i64 {
    match per {
        Window::Seconds(seconds) => return at.saturating_add(seconds.saturating_mul(1_000_000)),
        Window::Between(..) => return NEVER,
        Window::Days(_) | Window::Months(_) => {}
    }
    let gone = |micros: i64| before(per, Now { micros, ..now }) >= at;
    let (mut low, mut high) = (now.micros, now.micros + DAY);
    while !gone(high) {
        (low, high) = (high, high + DAY);
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if gone(middle) { high = middle } else { low = middle }
    }
    high
}

/// When hours of silence that hold at a civil time end.
fn end(quiet: &Quiet, civil: NaiveDateTime, zone: Tz, now: i64) -> i64 {
    let today = civil.date().and_time(quiet.to);
    let end = if civil.time() < quiet.to {
        Some(today)
    } else {
        civil.date().succ_opt().map(|d| d.and_time(quiet.to))
    };
    // In the hour that comes twice the first end may lie behind.
    let twice =
        |end: NaiveDateTime| zone.from_local_datetime(&end).latest().map(|end| end.timestamp_micros());
    let ends = end.into_iter().flat_map(|end| [Some(calendar::instant(end, zone)), twice(end)]).flatten();
    ends.filter(|end| *end > now).min().unwrap_or(now + 3_600_000_000)
}
