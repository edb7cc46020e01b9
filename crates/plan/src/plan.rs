//! The plan: one plain value that `tidings plan` prints and `tidings run` enqueues.

use crate::history::Entry;
use crate::occasions::Occasions;
use std::fmt;
use std::sync::Arc;
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
    /// Which occasion it is for the planned customers.
    pub occasion: Occasions,
    /// By chunk, those for whom a cap drops what it has no room for: the occasion is used up, though nothing is sent.
    pub used_up: Vec<Bitmap>,
    /// Why the whole rule is held back, or waits for a person, in words for people.
    pub stopped: Option<String>,
    /// By chunk, who enters the rule's audience now, for rules that go by entries.
    pub entered: Vec<Bitmap>,
    /// By chunk, who left it.
    pub left: Vec<Bitmap>,
    /// Who was in it and is no customer any more, by key, in the order of keys.
    pub gone: Vec<(String, Entry)>,
}

/// Some customers and what each of them gets.
#[derive(Clone, Debug, PartialEq)]
pub struct Audience {
    /// By chunk, what happens to them: planned where any step is, else the first step's reason.
    pub outcome: Vec<Verdicts>,
    /// What they get; each step has a verdict on each of them.
    pub steps: Vec<StepPlan>,
}

/// One step for all members of an audience.
#[derive(Clone, Debug, PartialEq)]
pub struct StepPlan {
    /// The step's identity in its rule.
    pub id: String,
    /// What it does.
    pub action: Action,
    /// By chunk.
    pub verdicts: Vec<Verdicts>,
}

/// Some customers of one chunk by what happens to them: each is in one set, and no set is of nobody.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdicts {
    sets: Vec<(Verdict, Arc<Bitmap>)>,
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

impl Verdict {
    /// Why it is not sent, where it is not.
    pub fn held(self) -> Option<Reason> {
        match self {
            Verdict::Held(reason) => Some(reason),
            Verdict::Waits(_) => Some(Reason::OverLimit),
            Verdict::Planned(_) => None,
        }
    }
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

/// How many were planned, and how many held for each reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Planned.
    pub planned: u64,
    /// Held, by reason.
    pub held: std::collections::BTreeMap<Reason, u64>,
}

impl Tally {
    fn of<'v>(all: impl Iterator<Item = &'v Verdicts>) -> Tally {
        let mut tally = Tally::default();
        all.flat_map(Verdicts::iter).for_each(|(verdict, set)| tally.add(verdict, set.count() as u64));
        tally
    }

    /// Adds so many.
    fn add(&mut self, verdict: Verdict, customers: u64) {
        let counted = match verdict {
            Verdict::Planned(_) => &mut self.planned,
            Verdict::Waits(_) => self.held.entry(Reason::OverLimit).or_default(),
            Verdict::Held(reason) => self.held.entry(reason).or_default(),
        };
        *counted += customers;
    }

    /// Planned and held together.
    pub fn total(&self) -> u64 {
        self.planned + self.held.values().sum::<u64>()
    }
}

impl RulePlan {
    /// How many customers matched, in both audiences.
    pub fn matched(&self) -> u64 {
        self.tally().total()
    }

    /// Customers by what happens to them. The total is [`RulePlan::matched`].
    pub fn tally(&self) -> Tally {
        Tally::of(self.outcomes().map(|(_, verdicts)| verdicts))
    }

    /// How many customers wait for a person's word.
    pub fn waiting(&self) -> u64 {
        self.outcomes().map(|(_, verdicts)| verdicts.count(|v| matches!(v, Verdict::Waits(_)))).sum()
    }

    /// Audience by audience, the chunks with what happens to each customer.
    fn outcomes(&self) -> impl Iterator<Item = (usize, &Verdicts)> {
        self.audiences.iter().flat_map(|a| a.outcome.iter().enumerate())
    }

    /// Each member with its chunk, position and verdict, audience by audience.
    pub fn members(&self) -> impl Iterator<Item = (usize, usize, Verdict)> {
        self.outcomes().flat_map(|(chunk, verdicts)| {
            let members: Vec<usize> = verdicts.members().iter().collect();
            members.into_iter().filter_map(move |i| Some((chunk, i, verdicts.of(i)?)))
        })
    }

    /// Who is planned, by chunk and position, audience by audience.
    pub fn planned(&self) -> impl Iterator<Item = (usize, usize)> {
        self.outcomes().flat_map(|(chunk, verdicts)| {
            let planned = verdicts.those(|verdict| matches!(verdict, Verdict::Planned(_)));
            planned.iter().map(|i| (chunk, i)).collect::<Vec<_>>()
        })
    }
}

impl StepPlan {
    /// The verdict on a customer, by chunk and position.
    pub fn verdict(&self, chunk: usize, customer: usize) -> Option<Verdict> {
        self.verdicts.get(chunk)?.of(customer)
    }

    /// How many are planned and held.
    pub fn tally(&self) -> Tally {
        Tally::of(self.verdicts.iter())
    }

    /// The planned ones by channel, in the action's order; steps that are no messages have none.
    pub fn by_channel(&self) -> Vec<(&str, u64)> {
        let Action::Message { channels, .. } = &self.action else { return Vec::new() };
        let count = |i: usize| {
            let through = |verdicts: &Verdicts| verdicts.count(|v| v == Verdict::Planned(i as u8));
            self.verdicts.iter().map(through).sum()
        };
        channels.iter().enumerate().map(|(i, c)| (c.as_str(), count(i))).collect()
    }
}

impl Verdicts {
    /// Adds some who are in no set yet.
    pub fn add(&mut self, verdict: Verdict, customers: Bitmap) {
        if customers.any() {
            self.sets.push((verdict, Arc::new(customers)));
        }
    }

    /// The sets.
    pub fn iter(&self) -> impl Iterator<Item = (Verdict, &Bitmap)> {
        self.sets.iter().map(|(verdict, set)| (*verdict, set.as_ref()))
    }

    /// The verdict on a customer, by position; none for who is no member.
    pub fn of(&self, customer: usize) -> Option<Verdict> {
        self.iter().find(|(_, set)| set.contains(customer)).map(|(verdict, _)| verdict)
    }

    /// Everybody on whom there is a verdict.
    pub fn members(&self) -> Bitmap {
        self.those(|_| true)
    }

    /// Those who are sent something, now or after a person's word.
    pub fn sent(&self) -> Bitmap {
        self.those(|verdict| !matches!(verdict, Verdict::Held(_)))
    }

    fn those(&self, which: impl Fn(Verdict) -> bool) -> Bitmap {
        let sets = self.iter().filter(|(verdict, _)| which(*verdict)).map(|(_, set)| set.clone());
        let together = sets.reduce(|mut all, set| {
            all.or(&set);
            all
        });
        together.unwrap_or_default()
    }

    /// What happens to customers over some steps: planned where any is, else the first one's reason.
    pub(crate) fn together(steps: &[Verdicts]) -> Verdicts {
        let (first, later) =
            steps.split_first().map_or((Verdicts::default(), &[][..]), |(f, l)| (f.clone(), l));
        later.iter().fold(first, |mut all, step| {
            all.and_then(step);
            all
        })
    }

    fn and_then(&mut self, later: &Verdicts) {
        for (verdict, set) in later.iter().filter(|(verdict, _)| !matches!(verdict, Verdict::Held(_))) {
            let mut sent = Bitmap::none(set.len());
            for (_, held) in self.sets.iter_mut().filter(|(v, _)| matches!(v, Verdict::Held(_))) {
                let both = held.both(set);
                if both.any() {
                    Arc::make_mut(held).without(&both);
                    sent.or(&both);
                }
            }
            self.sets.retain(|(_, set)| set.any());
            self.add(verdict, sent);
        }
    }

    /// Lets wait for a person whatever is planned.
    pub(crate) fn hold(&mut self) {
        for (verdict, _) in &mut self.sets {
            if let Verdict::Planned(channel) = *verdict {
                *verdict = Verdict::Waits(channel);
            }
        }
    }

    fn count(&self, which: impl Fn(Verdict) -> bool) -> u64 {
        self.iter().filter(|(verdict, _)| which(*verdict)).map(|(_, set)| set.count() as u64).sum()
    }
}
