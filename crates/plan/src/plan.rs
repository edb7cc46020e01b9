//! The plan: one plain value that `tidings plan` prints and `tidings run` enqueues.

use std::collections::{HashMap, HashSet};
use std::fmt;
use tidings_check::program::Action;
use tidings_engine::Bitmap;
use tidings_schema::Now;

/// Who is sent what, who is held back and why, at one moment. Customers are named by chunk and position.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The moment for which it was made.
    pub now: Now,
    /// How many customers there are.
    pub customers: u64,
    /// Every rule that was asked for, in the program's order.
    pub rules: Vec<RulePlan>,
}

/// What one rule does.
#[derive(Clone, Debug, PartialEq)]
pub struct RulePlan {
    /// Its position in the program.
    pub rule: usize,
    /// Its name.
    pub name: String,
    /// The name that its keys and its history go by: the one that it had first.
    pub identity: String,
    /// Those who get `then`, and those who get `else`.
    pub audiences: Vec<Audience>,
    /// Customers for whom the condition was neither yes nor no.
    pub undecided: u64,
    /// What was missing for them, and for how many.
    pub wants: Vec<(String, u64)>,
    /// Which occasion it is for the planned customers: the same for all, but for those in `ordinals`.
    pub occasion: Occasions,
    /// Those for whom a cap drops what it has no room for, by chunk and position: the occasion is used up, though
    /// nothing is sent.
    pub used_up: HashSet<(usize, usize)>,
    /// Why the whole rule is held back, or waits for a person, in words for people.
    pub stopped: Option<String>,
    /// How each customer's being in the audience changes, for rules that go by entries.
    pub entries: Vec<(String, crate::history::Entry)>,
}

/// Some customers and what each of them gets.
#[derive(Clone, Debug, PartialEq)]
pub struct Audience {
    /// Who they are, by chunk.
    pub members: Vec<Bitmap>,
    /// What they get.
    pub steps: Vec<StepPlan>,
}

/// One step for all members of an audience.
#[derive(Clone, Debug, PartialEq)]
pub struct StepPlan {
    /// The step's identity in its rule.
    pub id: String,
    /// What it does.
    pub action: Action,
    /// By chunk, one verdict for each member, in their order.
    pub verdicts: Vec<Vec<Verdict>>,
}

/// What happens to one step for one customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is sent, through the channel at this position of the action's channels; 0 where it has none.
    Planned(u8),
    /// The same once a person has said so: the rule is over its limit or its budget.
    Waits(u8),
    /// It is not.
    Held(Reason),
}

/// Why a customer who matched is not sent something: the closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// The rule is over.
    Expired,
    /// The rule says something that is not run yet.
    NotRun,
    /// The customer is held out, to measure what the sends bring.
    Holdout,
    /// The rule's repeat policy: this customer had it.
    AlreadySent,
    /// There is no address in any of the channels.
    NoAddress,
    /// There is no consent; unknown is none.
    NoConsent,
    /// The address is on the suppression list.
    Suppressed,
    /// It is a time of silence where the customer is.
    Quiet,
    /// The customer has had as many messages as the policy allows.
    Capped,
    /// The rule is over its limit or its budget, and what it would send waits for a person.
    OverLimit,
}

impl Reason {
    /// Every reason, in the order in which they are looked at.
    pub const ALL: [Reason; 10] = [
        Reason::Expired,
        Reason::NotRun,
        Reason::Holdout,
        Reason::AlreadySent,
        Reason::NoAddress,
        Reason::NoConsent,
        Reason::Suppressed,
        Reason::Quiet,
        Reason::Capped,
        Reason::OverLimit,
    ];

    /// As JSON and the reports write it.
    pub fn name(self) -> &'static str {
        match self {
            Reason::Expired => "expired",
            Reason::NotRun => "not_run",
            Reason::Holdout => "holdout",
            Reason::AlreadySent => "already_sent",
            Reason::NoAddress => "no_address",
            Reason::NoConsent => "no_consent",
            Reason::Suppressed => "suppressed",
            Reason::Quiet => "quiet",
            Reason::Capped => "capped",
            Reason::OverLimit => "over_limit",
        }
    }

    /// Whether it can pass by itself before the next run, so that an entry is not used up.
    pub fn passes(self) -> bool {
        matches!(self, Reason::Quiet | Reason::Capped | Reason::NotRun | Reason::Expired)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which occasion it is, by the rule's repeat policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Occasions {
    /// For everybody who is not in `ordinals`. It begins with the kind of the repeat policy, so that the
    /// occasions of one kind are never those of another.
    pub usual: String,
    /// For the others, by chunk and position: how often the rule reached them before, or the moment of the event
    /// that they are reached for, in microseconds since 1970 UTC.
    pub ordinals: HashMap<(usize, usize), i64>,
}

impl Occasions {
    /// The occasion of a customer.
    pub fn of(&self, chunk: usize, customer: usize) -> String {
        let kind = self.usual.split(' ').next().unwrap_or_default();
        let ordinal = self.ordinals.get(&(chunk, customer));
        ordinal.map_or_else(|| self.usual.clone(), |n| format!("{kind} {n}"))
    }
}

/// How many were planned, and how many held for each reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Planned.
    pub planned: u64,
    /// Held, by reason.
    pub held: std::collections::BTreeMap<Reason, u64>,
}

impl Tally {
    /// Adds one.
    pub fn add(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Planned(_) => self.planned += 1,
            Verdict::Waits(_) => *self.held.entry(Reason::OverLimit).or_default() += 1,
            Verdict::Held(reason) => *self.held.entry(reason).or_default() += 1,
        }
    }

    /// Planned and held together.
    pub fn total(&self) -> u64 {
        self.planned + self.held.values().sum::<u64>()
    }
}

impl RulePlan {
    /// How many customers matched, in both audiences.
    pub fn matched(&self) -> u64 {
        self.audiences.iter().flat_map(|a| &a.members).map(|m| m.count() as u64).sum()
    }

    /// Customers by what happens to them: planned where any of their steps is, else the first step's reason.
    /// The total is [`RulePlan::matched`].
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        self.for_each_member(|_, _, verdict| tally.add(verdict));
        tally
    }

    /// How many customers wait for a person's word.
    pub fn waiting(&self) -> u64 {
        let mut waiting = 0;
        self.for_each_member(|_, _, verdict| waiting += u64::from(matches!(verdict, Verdict::Waits(_))));
        waiting
    }

    /// Each member with its chunk, position and verdict, audience by audience.
    pub fn for_each_member(&self, mut each: impl FnMut(usize, usize, Verdict)) {
        for audience in &self.audiences {
            for (chunk, members) in audience.members.iter().enumerate() {
                for (nth, customer) in members.iter().enumerate() {
                    each(chunk, customer, audience.verdict(chunk, nth));
                }
            }
        }
    }
}

impl Audience {
    /// What happens to the `nth` member of a chunk: planned where any step is, else the first step's reason.
    pub fn verdict(&self, chunk: usize, nth: usize) -> Verdict {
        let mut verdicts = self.steps.iter().filter_map(|s| s.verdict(chunk, nth));
        let first = verdicts.next().unwrap_or(Verdict::Held(Reason::NotRun));
        match first {
            Verdict::Held(_) => verdicts.find(|v| !matches!(v, Verdict::Held(_))).unwrap_or(first),
            sent => sent,
        }
    }
}

impl StepPlan {
    /// The verdict on the `nth` member of a chunk.
    pub fn verdict(&self, chunk: usize, nth: usize) -> Option<Verdict> {
        self.verdicts.get(chunk)?.get(nth).copied()
    }

    /// How many are planned and held.
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        self.verdicts.iter().flatten().for_each(|v| tally.add(*v));
        tally
    }

    /// The planned ones by channel, in the action's order; steps that are no messages have none.
    pub fn by_channel(&self) -> Vec<(&str, u64)> {
        let Action::Message { channels, .. } = &self.action else { return Vec::new() };
        let count = |i: usize| {
            let through = |v: &&Verdict| **v == Verdict::Planned(i as u8);
            self.verdicts.iter().flatten().filter(through).count() as u64
        };
        channels.iter().enumerate().map(|(i, c)| (c.as_str(), count(i))).collect()
    }
}
