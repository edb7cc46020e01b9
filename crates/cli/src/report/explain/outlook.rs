//! What would have to be different for a rule to reach a customer: the fewest comparisons, or what lifts what holds the
//! customer back.

use super::Told;
use crate::report::moment;
use chrono::NaiveDate;
use serde_json::{Value, json};
use tidings_check::program::{Repeat, Rule};
use tidings_engine::trace::{Trace, Verdict};
use tidings_engine::{Chunk, Explainer, Populations, comparisons, turns};
use tidings_plan::Reason;
use tidings_schema::{Now, calendar};
use tidings_syntax::{Place, Sources};

/// So many days are looked ahead where that is asked for.
pub const DAYS: u32 = 400;

/// A comparison that would have to come out otherwise.
pub struct Needed {
    place: Place,
    /// As the rule writes it, with what it saw.
    text: String,
    seen: Vec<String>,
    /// Whether it has to hold.
    holds: bool,
    /// The first day on which it does by the rows there are, in days since 1970-01-01.
    on: Option<i32>,
}

/// The ways in which a rule would be for a customer.
#[derive(Default)]
pub struct Outlook {
    ways: Vec<Vec<Needed>>,
    /// The first day on which the rule is for the customer by the rows there are.
    on: Option<i32>,
}

/// What is looked ahead with.
pub struct Ahead<'a> {
    /// The rule.
    pub explainer: &'a Explainer<'a>,
    /// Its position.
    pub rule: usize,
    /// The customer alone.
    pub chunk: &'a Chunk,
    /// From when on.
    pub now: Now,
    /// For so many days.
    pub days: u32,
    /// The first day on which the rule is over.
    pub expires: Option<NaiveDate>,
}

impl Outlook {
    /// What would have to turn in a trace.
    pub fn of(trace: &Trace, sources: &Sources, ahead: &Ahead<'_>) -> Outlook {
        let ways = turns(trace);
        if ways.is_empty() {
            return Outlook::default();
        }
        let later = ahead.traces();
        let there = comparisons(trace).len();
        let on = |position: usize, holds: bool| {
            let wanted = if holds { Verdict::Yes } else { Verdict::No };
            let turned = |later: &Trace| {
                let parts = comparisons(later);
                // Whether the customer is there yet is told only where not, and comes first.
                let gone = there.saturating_sub(parts.len());
                match position.checked_sub(gone) {
                    Some(position) => parts.get(position).is_some_and(|part| part.verdict == wanted),
                    None => true,
                }
            };
            later.iter().find(|(_, trace)| turned(trace)).map(|(day, _)| *day)
        };
        let told = Told { sources };
        let needed = |turn: &tidings_engine::Turn<'_>| {
            let text = told.words(turn.part);
            Needed {
                place: turn.part.place,
                seen: turn.part.values.iter().filter_map(|v| told.seen(v, &text)).collect(),
                text,
                holds: turn.holds,
                on: on(turn.position, turn.holds),
            }
        };
        let way = |way: &Vec<tidings_engine::Turn<'_>>| {
            let mut all: Vec<Needed> = way.iter().map(needed).collect();
            // `between` is two comparisons at one place.
            all.dedup_by(|a, b| a.place == b.place && a.holds == b.holds && a.text == b.text);
            all
        };
        let whole = later.iter().find(|(_, trace)| trace.verdict == Verdict::Yes);
        Outlook { ways: ways.iter().map(way).collect(), on: whole.map(|(day, _)| *day) }
    }

    /// The first comparison that would have to turn, in one line.
    pub fn first(&self) -> Option<String> {
        self.ways.first()?.first().map(Needed::told)
    }

    /// For people, a line each.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (i, way) in self.ways.iter().enumerate() {
            lines.extend((i > 0).then(|| "or".to_owned()));
            lines.extend(way.iter().map(|needed| {
                let on =
                    needed.on.map(|day| format!("; so on {}, by the rows there are", calendar::date(day)));
                format!("{}{}", needed.told(), on.unwrap_or_default())
            }));
        }
        if let Some(day) = self.on {
            lines.push(format!("by the rows there are, the rule matches on {}", calendar::date(day)));
        }
        lines
    }

    /// For machines.
    pub fn json(&self) -> Value {
        let day = |day: Option<i32>| day.map(|day| calendar::date(day).to_string());
        let needed = |n: &Needed| json!({"text": n.text, "seen": n.seen, "holds": n.holds, "on": day(n.on)});
        let way = |way: &Vec<Needed>| way.iter().map(needed).collect::<Value>();
        json!({"ways": self.ways.iter().map(way).collect::<Value>(), "matches_on": day(self.on)})
    }
}

impl Needed {
    fn told(&self) -> String {
        let holds = if self.holds { "would have to hold" } else { "would have to be false" };
        match self.seen.as_slice() {
            [] => format!("`{}` {holds}", self.text),
            seen => format!("`{}` {holds}: {}", self.text, seen.join(", ")),
        }
    }
}

impl Ahead<'_> {
    /// The trace on each of the days to come, at the same time of day.
    fn traces(&self) -> Vec<(i32, Trace)> {
        let trace = |days| {
            let now = self.now.days_later(days);
            let trace = self.explainer.trace(self.rule, self.chunk, now, &Populations::default())?;
            Some((now.today(), trace))
        };
        let over = |(day, _): &(i32, Trace)| self.expires.is_some_and(|end| calendar::date(*day) >= end);
        (1..=self.days).filter_map(trace).take_while(|later| !over(later)).collect()
    }
}

/// What lifts a reason for which a message by some channels is held back, at a moment where that is time, in a sentence.
pub fn lifted_by(reason: Reason, at: Option<i64>, channels: &[String], rule: &Rule, now: Now) -> String {
    let at = at.map(|micros| moment(Now { micros, ..now }));
    let channels = || channels.join(" or ");
    match (reason, at) {
        (Reason::Expired, _) => "a later day after `expires` in the rule".to_owned(),
        (Reason::NotRun, _) => "leaving out what the rule says that is not run yet".to_owned(),
        (Reason::Holdout, _) => {
            "nothing: who is held out stays so, to measure what the sends bring".to_owned()
        }
        (Reason::AlreadySent, Some(at)) => format!("time: the rule may reach the customer again at {at}"),
        (Reason::AlreadySent, None) if rule.repeat == Repeat::EveryEntry => {
            "leaving the rule's audience and entering it again".to_owned()
        }
        (Reason::AlreadySent, None) if rule.repeat == Repeat::Once => {
            "nothing: the rule reaches a customer once".to_owned()
        }
        (Reason::AlreadySent, None) => "the next event that the rule waits for".to_owned(),
        (Reason::NoAddress, _) => format!("an address for {} in the store", channels()),
        (Reason::NoConsent, _) => format!("the customer's consent for {}", channels()),
        (Reason::Suppressed, _) => "`tidings suppress remove`, once the address is in order again".to_owned(),
        (Reason::Quiet, Some(at)) => format!("time: the hours of silence end at {at}"),
        (Reason::Quiet, None) => "the customer's time zone, which is not known".to_owned(),
        (Reason::Capped, Some(at)) => format!("time: the cap has room again at {at}"),
        (Reason::Capped, None) => {
            "a larger cap, or a higher `priority` than the rules that go first".to_owned()
        }
        (Reason::OverLimit, _) => "a person's word: `tidings runs` shows what waits".to_owned(),
    }
}
