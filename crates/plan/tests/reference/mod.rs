//! What a plan means, written for clarity: rule by rule, customer by customer, step by step.

use crate::shop::{Customer, Shop};
use chrono::NaiveTime;
use chrono_tz::Tz;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use tidings_check::program::{
    Action, Limit, Losers, Quiet, Repeat, Rule, Schedule, Step, UnknownZone, Window,
};
use tidings_plan::history::address_hash;
use tidings_plan::make::held_out;
use tidings_plan::schedule::latest_occurrence;
use tidings_plan::{Entry, Reason, Verdict};
use tidings_schema::{EventSource, Now, calendar};

const HOUR: i64 = 3_600_000_000;

/// What one rule does, by customers' keys.
#[derive(Debug, Default, PartialEq)]
pub struct Said {
    /// By audience (0 is `then`), a verdict for each step.
    pub verdicts: BTreeMap<String, (usize, Vec<Verdict>)>,
    /// Of those who are sent something, or for whom a cap drops it.
    pub occasions: BTreeMap<String, String>,
    pub undecided: u64,
    pub stopped: bool,
    pub entries: BTreeMap<String, Entry>,
}

/// A place under some caps: by the cap's position, whose.
type Taken = (usize, usize);

pub struct Reference<'a> {
    shop: &'a Shop,
    customers: &'a [Customer],
    used: HashMap<Taken, usize>,
}

impl<'a> Reference<'a> {
    /// What each rule of a shop does, by its position.
    pub fn plan(shop: &'a Shop, customers: &'a [Customer]) -> BTreeMap<usize, Said> {
        let mut reference = Reference { shop, customers, used: HashMap::new() };
        for (c, cap) in shop.program.policy.caps.iter().enumerate() {
            let start = before(cap.per, shop.now);
            for i in 0..customers.len() {
                let past = shop.history.messages.get(&key(i)).into_iter().flatten();
                let counted = past.filter(|m| m.at > start && cap.counts(&m.channel)).count();
                reference.used.insert((c, i), counted);
            }
        }
        let mut order: Vec<(usize, &Rule)> = shop.program.rules.iter().enumerate().collect();
        order.sort_by_key(|(i, rule)| (-rule.priority, *i));
        order.into_iter().map(|(i, rule)| (i, reference.rule(i, rule))).collect()
    }

    fn rule(&mut self, index: usize, rule: &Rule) -> Said {
        let shop = self.shop;
        let mut said = Said::default();
        let stop = if rule.expires.is_some_and(|day| shop.now.today() >= calendar::day_number(day)) {
            Some(Reason::Expired)
        } else {
            rule.not_run.iter().any(|n| n.blocks).then_some(Reason::NotRun)
        };
        said.stopped = stop.is_some();
        let (mut taken, mut dropped) = (Vec::new(), BTreeSet::new());
        for i in 0..self.customers.len() {
            let half = self.customers.len() / 2;
            let (chunk, at) = if i < half { (0, i) } else { (1, i - half) };
            let matches = shop.matches[chunk].rule(index).unwrap();
            let event = self.event(index, &rule.schedule, i);
            if event == Some(None) {
                continue;
            }
            said.undecided += u64::from(matches.undecided().contains(at));
            let (audience, steps) = if matches.then().contains(at) {
                (0, &rule.then)
            } else if matches.otherwise().contains(at) && !rule.otherwise.is_empty() {
                (1, &rule.otherwise)
            } else {
                continue;
            };
            let mut occasion = String::new();
            let held = stop.or_else(|| self.held(rule, i, event.flatten(), &mut occasion));
            let verdicts = match held {
                Some(reason) => vec![Verdict::Held(reason); steps.len()],
                None => {
                    let (verdicts, drops) = self.steps(event.is_some(), steps, i, &mut taken);
                    if drops {
                        dropped.insert(i);
                    }
                    if drops || verdicts.iter().any(|v| !matches!(v, Verdict::Held(_))) {
                        said.occasions.insert(key(i), occasion);
                    }
                    verdicts
                }
            };
            said.verdicts.insert(key(i), (audience, verdicts));
        }
        if self.over(rule, &said) {
            said.stopped = true;
            for verdict in said.verdicts.values_mut().flat_map(|(_, verdicts)| verdicts) {
                if let Verdict::Planned(channel) = *verdict {
                    *verdict = Verdict::Waits(channel);
                }
            }
            taken.into_iter().for_each(|place| *self.used.get_mut(&place).unwrap() -= 1);
        }
        if rule.repeat == Repeat::EveryEntry {
            said.entries = self.entries(rule, &said, &dropped);
        }
        said
    }

    /// For a rule that waits for an event, the moment of the latest that counts.
    fn event(&self, index: usize, schedule: &Schedule, i: usize) -> Option<Option<i64>> {
        let Schedule::On(name) = schedule else { return None };
        let now = self.shop.now.micros;
        let since = self.shop.since.iter().find(|(rule, _)| *rule == index).map_or(now, |(_, since)| *since);
        let source = self.shop.program.vocabulary.events.iter().find(|e| e.name == *name);
        let moments = match source.unwrap().source {
            EventSource::Row(_) => self.customers[i].orders.clone(),
            EventSource::Attribute(_) => self.customers[i].joined.into_iter().collect(),
        };
        Some(moments.into_iter().filter(|at| (since - HOUR..now).contains(at)).max())
    }

    /// Why a customer gets nothing at all; else which occasion it is.
    fn held(&self, rule: &Rule, i: usize, event: Option<i64>, occasion: &mut String) -> Option<Reason> {
        let shop = self.shop;
        let out = |rule: &str, share: Option<f64>| share.is_some_and(|s| held_out("test", rule, &key(i), s));
        if out("", shop.program.policy.hold_out) || out(rule.identity(), rule.hold_out) {
            return Some(Reason::Holdout);
        }
        let history = shop.history.rules.get(rule.identity());
        let reached = history.and_then(|h| h.reached.get(&key(i)));
        let had = match rule.repeat {
            Repeat::Once => {
                *occasion = "once".to_owned();
                reached.is_some()
            }
            Repeat::AtMostOncePer(window) => {
                *occasion = format!("time {}", reached.map_or(0, |r| r.occasions));
                reached.is_some_and(|r| r.last_at > before(window, shop.now))
            }
            Repeat::EveryEntry => {
                let entry = history.and_then(|h| h.entries.get(&key(i))).copied().unwrap_or_default();
                *occasion = format!("entry {}", entry.ordinal);
                entry.inside
            }
            Repeat::EveryTime => {
                let usual = || latest_occurrence(&rule.schedule, shop.now).unwrap_or_default();
                *occasion = format!("at {}", event.map_or_else(usual, |at| at.to_string()));
                reached.is_some_and(|r| r.has(occasion))
            }
        };
        had.then_some(Reason::AlreadySent)
    }

    /// The verdicts, and whether a cap drops what there is.
    fn steps(
        &mut self,
        event: bool,
        steps: &[Step],
        i: usize,
        taken: &mut Vec<Taken>,
    ) -> (Vec<Verdict>, bool) {
        let (mut mine, mut dropped) = (Vec::new(), false);
        let mut verdicts: Vec<Verdict> = Vec::new();
        for step in steps {
            verdicts.push(self.step(event, &step.action, i, &mut mine, &mut dropped));
        }
        let waits = verdicts.iter().filter_map(|verdict| match verdict {
            Verdict::Held(reason) if reason.passes() => Some(*reason),
            _ => None,
        });
        let waits = waits.min();
        if let Some(reason) = waits {
            mine.drain(..).for_each(|place| *self.used.get_mut(&place).unwrap() -= 1);
            verdicts.fill(Verdict::Held(reason));
        }
        taken.extend(mine);
        (verdicts, dropped && waits == Some(Reason::Capped))
    }

    fn step(
        &mut self,
        event: bool,
        action: &Action,
        i: usize,
        taken: &mut Vec<Taken>,
        dropped: &mut bool,
    ) -> Verdict {
        let Action::Message { channels, .. } = action else { return Verdict::Planned(0) };
        let mut refusal = Reason::NoAddress;
        for (nth, channel) in channels.iter().enumerate() {
            match self.refusal(channel, i) {
                Some(reason) => refusal = refusal.max(reason),
                None if !event && self.quiet(channel, i) => return Verdict::Held(Reason::Quiet),
                None => {
                    return match self.take(channel, i, taken) {
                        Some(Losers::Skip) => {
                            *dropped = true;
                            Verdict::Held(Reason::Capped)
                        }
                        Some(Losers::Wait) if !event => Verdict::Held(Reason::Capped),
                        _ => Verdict::Planned(nth as u8),
                    };
                }
            }
        }
        Verdict::Held(refusal)
    }

    /// Takes a place under each cap that counts the message; where there is none, what happens to it.
    fn take(&mut self, channel: &str, i: usize, taken: &mut Vec<Taken>) -> Option<Losers> {
        let caps = self.shop.program.policy.caps.iter().enumerate().filter(|(_, cap)| cap.counts(channel));
        let full: Vec<Losers> = caps
            .clone()
            .filter(|(c, cap)| self.used[&(*c, i)] >= cap.count as usize)
            .map(|(_, cap)| cap.losers)
            .collect();
        if full.is_empty() {
            for (c, _) in caps {
                *self.used.get_mut(&(c, i)).unwrap() += 1;
                taken.push((c, i));
            }
        }
        if full.contains(&Losers::Skip) { Some(Losers::Skip) } else { full.first().copied() }
    }

    fn refusal(&self, channel: &str, i: usize) -> Option<Reason> {
        let (customer, standing) = (&self.customers[i], &self.shop.standing);
        let (address, consent) = match channel {
            "email" => (customer.email, customer.email_ok),
            _ => (customer.phone, customer.sms_ok),
        };
        let Some(address) = address.map(str::trim).filter(|a| !a.is_empty()) else {
            return Some(Reason::NoAddress);
        };
        if consent != Some(true) || standing.withdrawn.get(channel).is_some_and(|w| w.contains(&key(i))) {
            return Some(Reason::NoConsent);
        }
        let hash = address_hash(&standing.secret, channel, address);
        standing.suppressed.get(channel).is_some_and(|s| s.contains(&hash)).then_some(Reason::Suppressed)
    }

    fn quiet(&self, channel: &str, i: usize) -> bool {
        let hours: Vec<&Quiet> =
            self.shop.program.policy.quiet.iter().filter(|q| q.covers(channel)).collect();
        let silent = |zone: Tz| {
            let time = calendar::civil(self.shop.now.micros, zone).time();
            hours.iter().any(|q| between(q.from, q.to, time))
        };
        match self.customers[i].zone.and_then(|zone| zone.parse().ok()) {
            Some(zone) => silent(zone),
            None => hours.iter().any(|q| q.unknown_zone == UnknownZone::Held) || silent(self.shop.now.zone),
        }
    }

    /// Whether the rule as a whole waits for a person.
    fn over(&self, rule: &Rule, said: &Said) -> bool {
        let sent = |verdicts: &[Verdict]| verdicts.iter().any(|v| matches!(v, Verdict::Planned(_)));
        let planned = said.verdicts.values().filter(|(_, verdicts)| sent(verdicts)).count() as u64;
        let most = match rule.limit {
            Some(Limit::Customers(most)) => most,
            Some(Limit::Share(share)) => (share * self.customers.len() as f64 + 1e-6).floor() as u64,
            None => u64::MAX,
        };
        let cost = |(audience, verdicts): &(usize, Vec<Verdict>)| {
            let steps = if *audience == 0 { &rule.then } else { &rule.otherwise };
            let worth = |(step, verdict): (&Step, &Verdict)| match (&step.action, verdict) {
                (Action::Coupon(name) | Action::Message { coupon: Some(name), .. }, Verdict::Planned(_)) => {
                    rule.budget.as_ref().and_then(|b| b.worths.get(name)).copied().unwrap_or(0)
                }
                _ => 0,
            };
            steps.iter().zip(verdicts).map(worth).sum::<i64>()
        };
        let cost: i64 = said.verdicts.values().map(cost).sum();
        let over_budget = rule.budget.as_ref().is_some_and(|budget| {
            let spent = self.shop.history.spent.get(rule.identity()).into_iter().flatten();
            let start = before(budget.per, self.shop.now);
            let spent: i64 = spent.filter(|(at, _)| *at > start).map(|(_, worth)| worth).sum();
            cost > 0 && cost + spent > budget.amount
        });
        planned > most || over_budget || planned > 0 && self.shop.history.held.contains(rule.identity())
    }

    /// Who enters and who leaves.
    fn entries(&self, rule: &Rule, said: &Said, dropped: &BTreeSet<usize>) -> BTreeMap<String, Entry> {
        let empty = HashMap::new();
        let known = self.shop.history.rules.get(rule.identity()).map_or(&empty, |h| &h.entries);
        let mut changed = BTreeMap::new();
        for i in 0..self.customers.len() {
            let Some((_, verdicts)) = said.verdicts.get(&key(i)) else { continue };
            let before = known.get(&key(i)).copied().unwrap_or_default();
            let sent = verdicts.iter().find(|v| !matches!(v, Verdict::Held(_)));
            let first = sent.or(verdicts.first()).unwrap_or(&Verdict::Held(Reason::NotRun));
            let passes = matches!(first, Verdict::Held(reason) if reason.passes()) && !dropped.contains(&i);
            if !before.inside && !passes {
                changed.insert(key(i), Entry { ordinal: before.ordinal + 1, inside: true });
            }
        }
        for (key, entry) in known.iter().filter(|(key, e)| e.inside && !said.verdicts.contains_key(*key)) {
            changed.insert(key.clone(), Entry { inside: false, ..*entry });
        }
        changed
    }
}

/// A customer's key, by position in the shop.
pub fn key(i: usize) -> String {
    format!("{i:03}")
}

fn before(window: Window, now: Now) -> i64 {
    match window {
        Window::Days(days) => now.days_ago(days).micros,
        other => panic!("{other:?} is not generated"),
    }
}

fn between(from: NaiveTime, to: NaiveTime, time: NaiveTime) -> bool {
    if from < to { from <= time && time < to } else { from <= time || time < to }
}
