//! A past for replays, run after run over the same customers: what [`crate::Past`] takes in from the pages of a run, taken from
//! its plan as sets of customers by chunk and position, a few bits for each customer and rule.

mod fixed;
mod own;

use crate::digits::Digits;
use crate::intents::Supplies;
use crate::make::{Question, each, messages_since};
use crate::occasions::{Numbers, Ordinals};
use crate::plan::{Plan, RulePlan, Verdict};
use fixed::Fixed;
use own::Own;
use std::collections::HashMap;
use std::sync::Arc;
use tidings_check::Program;
use tidings_check::program::{Action, Cap, Repeat};
use tidings_engine::{Bitmap, Chunk, Needs};
use tidings_schema::Vocabulary;

/// What runs of all of whose sends left at once did, one after the other, over the same chunks.
pub struct Replay {
    /// Of each run, by its number less one, the moment in microseconds since 1970 UTC.
    moments: Vec<i64>,
    /// By position in the program.
    rules: Vec<RuleMemory>,
    /// By chunk.
    messages: Vec<Messages>,
    own: Own,
    fixed: Fixed,
}

/// What one rule did.
#[derive(Default)]
pub(crate) struct RuleMemory {
    /// By chunk.
    chunks: Vec<Reached>,
    /// The latest occasion that was everybody's, and the number of the first run that had it.
    usual: (String, u32),
    /// The moments of runs, and what their coupons are worth, in minor units.
    spent: Vec<(i64, i64)>,
}

/// Whom it reached in a chunk.
#[derive(Clone, Default)]
pub(crate) struct Reached {
    /// How often each customer was reached, or entered its audience where the rule goes by entries.
    times: Arc<Digits>,
    /// The number of the run that reached them last.
    last: Digits,
    /// Who is in its audience.
    inside: Bitmap,
    /// The latest event that they were reached for, in microseconds since 1970 UTC. Rows do not change in a replay, so no
    /// earlier one comes again.
    events: HashMap<usize, i64>,
}

/// The messages of a chunk's customers.
#[derive(Default)]
struct Messages {
    /// By run and channel, how many each customer had; only what some cap counts, and not longer than it does.
    counted: Vec<(usize, Arc<str>, Digits)>,
    /// How many each had in all.
    received: Digits,
}

impl Replay {
    /// Nothing yet. The questions of all runs are to be about the same chunks, rules and refusals as this one.
    pub fn new(question: &Question<'_>, threads: usize) -> Replay {
        let reached = |chunk: &Chunk| Reached { inside: Bitmap::none(chunk.len()), ..Reached::default() };
        let memory =
            || RuleMemory { chunks: question.chunks.iter().map(reached).collect(), ..RuleMemory::default() };
        Replay {
            moments: Vec::new(),
            rules: question.program.rules.iter().map(|_| memory()).collect(),
            messages: question.chunks.iter().map(|_| Messages::default()).collect(),
            own: Own::new(&question.program.vocabulary, question.needs, question.chunks.len()),
            fixed: Fixed::new(question, threads),
        }
    }

    /// Takes in a run that carried a plan out, made on this past for a later moment than those before.
    pub fn take(&mut self, program: &Program, supplies: &Supplies, plan: &Plan, threads: usize) {
        self.moments.push(plan.now.micros);
        let run = self.moments.len();
        let mut done: Vec<(Option<&mut RuleMemory>, &RulePlan)> =
            plan.rules.iter().map(|rule| (None, rule)).collect();
        let mut memories: HashMap<usize, &mut RuleMemory> = self.rules.iter_mut().enumerate().collect();
        done.iter_mut().for_each(|(memory, rule)| *memory = memories.remove(&rule.rule));
        each(&mut done, threads, |(memory, done)| {
            if let (Some(memory), Some(rule)) = (memory, program.rules.get(done.rule)) {
                memory.take(rule.repeat, done, run as u32);
                memory.spend(supplies, done, plan.now.micros);
            }
        });
        let mut chunks: Vec<(usize, &mut Messages)> = self.messages.iter_mut().enumerate().collect();
        let counts = self.moments.partition_point(|at| *at <= messages_since(program, plan.now)) + 1;
        each(&mut chunks, threads, |(chunk, messages)| {
            messages.counted.retain(|(run, _, _)| *run >= counts);
            messages.take(*chunk, &program.policy.caps, plan, run);
        });
        self.own.take(program, supplies, plan);
    }

    /// Puts what rules see of it into the chunks, which have these columns.
    pub fn show(&self, vocabulary: &Vocabulary, needs: &Needs, chunks: &mut [Chunk]) {
        self.own.show(vocabulary, needs, chunks);
    }

    /// How many customers had each number of messages, from none on.
    pub fn received(&self, customers: &[Bitmap]) -> Vec<u64> {
        let mut counts = vec![0];
        for (messages, there) in self.messages.iter().zip(customers) {
            for customer in there.iter() {
                let received = messages.received.of(customer) as usize;
                counts.resize(counts.len().max(received + 1), 0);
                counts.get_mut(received).into_iter().for_each(|n| *n += 1);
            }
        }
        counts
    }

    pub(crate) fn rule(&self, rule: usize) -> Option<&RuleMemory> {
        self.rules.get(rule)
    }

    pub(crate) fn fixed(&self) -> &Fixed {
        &self.fixed
    }

    /// The number of the first run after a moment, in microseconds since 1970 UTC.
    pub(crate) fn first_after(&self, moment: i64) -> u32 {
        self.moments.partition_point(|at| *at <= moment) as u32 + 1
    }

    /// The messages of a chunk's customers after a moment that a cap counts: sets that hold a customer as often as they
    /// had one.
    pub(crate) fn messages(&self, chunk: usize, cap: &Cap, after: i64, customers: &Bitmap) -> Vec<Bitmap> {
        let first = self.first_after(after) as usize;
        let counted = self.messages.get(chunk).map_or(&[][..], |messages| &messages.counted);
        let mut sets = Vec::new();
        for (_, _, had) in counted.iter().filter(|(run, channel, _)| *run >= first && cap.counts(channel)) {
            let several = (1..=cap.count).map(|n| had.at_least(n, customers));
            sets.extend(several.take_while(Bitmap::any));
        }
        sets
    }
}

impl RuleMemory {
    pub(crate) fn chunk(&self, chunk: usize) -> Option<&Reached> {
        self.chunks.get(chunk)
    }

    /// What the rule's coupons of runs after a moment are worth.
    pub(crate) fn spent_after(&self, moment: i64) -> i64 {
        self.spent.iter().filter(|(at, _)| *at > moment).map(|(_, worth)| worth).sum()
    }

    /// The number of the first run that had this usual occasion, if any had.
    pub(crate) fn first_on(&self, usual: &str) -> Option<u32> {
        (self.usual.1 > 0 && self.usual.0 == usual).then_some(self.usual.1)
    }

    fn take(&mut self, repeat: Repeat, plan: &RulePlan, run: u32) {
        if self.first_on(&plan.occasion.usual).is_none() {
            self.usual = (plan.occasion.usual.clone(), run);
        }
        for (c, reached) in self.chunks.iter_mut().enumerate() {
            match repeat {
                Repeat::EveryEntry => reached.enter(plan, c),
                _ => reached.take(repeat, plan, c, run),
            }
        }
    }

    /// What waits for a person counts too: it may yet be granted.
    fn spend(&mut self, supplies: &Supplies, plan: &RulePlan, at: i64) {
        let granted = plan.audiences.iter().flat_map(|a| &a.steps).map(|step| {
            let worth = coupon(&step.action).and_then(|name| supplies.coupons.get(name)?.worth);
            let worth = worth.map_or(0, |(minor, _)| minor);
            let sets = step.verdicts.iter().flat_map(|verdicts| verdicts.iter());
            let sent = sets.filter(|(verdict, _)| !matches!(verdict, Verdict::Held(_)));
            sent.map(|(_, set)| set.count() as i64).sum::<i64>().saturating_mul(worth)
        });
        let worth = granted.fold(0, i64::saturating_add);
        if worth > 0 {
            self.spent.push((at, worth));
        }
    }
}

/// The coupon that an action grants.
fn coupon(action: &Action) -> Option<&str> {
    match action {
        Action::Coupon(name) | Action::Message { coupon: Some(name), .. } => Some(name),
        _ => None,
    }
}

impl Reached {
    /// Those of some whom the rule ever reached.
    pub(crate) fn ever(&self, customers: &Bitmap) -> Bitmap {
        self.times.at_least(1, customers)
    }

    /// Those of some whom a run from a number on reached.
    pub(crate) fn since(&self, run: u32, customers: &Bitmap) -> Bitmap {
        self.last.at_least(run, customers)
    }

    /// Who is in its audience.
    pub(crate) fn inside(&self) -> &Bitmap {
        &self.inside
    }

    /// Whether a customer was reached for an event of that moment.
    pub(crate) fn for_event(&self, customer: usize, moment: i64) -> bool {
        self.events.get(&customer) == Some(&moment)
    }

    /// How often the rule reached each customer, or they entered its audience.
    pub(crate) fn ordinals(&self) -> Ordinals {
        Ordinals(Numbers::Counted(Arc::clone(&self.times)))
    }

    fn take(&mut self, repeat: Repeat, plan: &RulePlan, chunk: usize, run: u32) {
        let whom = plan.used(chunk);
        if !whom.any() {
            return;
        }
        match repeat {
            Repeat::Once => Arc::make_mut(&mut self.times).put(&whom, 1),
            Repeat::AtMostOncePer(_) => Arc::make_mut(&mut self.times).add(&whom),
            Repeat::EveryTime | Repeat::EveryEntry => {}
        }
        if !matches!(repeat, Repeat::Once) {
            self.last.put(&whom, run);
        }
        if let (Repeat::EveryTime, Some(ordinals)) = (repeat, plan.occasion.ordinals.get(chunk)) {
            self.events.extend(whom.iter().filter_map(|i| Some((i, ordinals.of(i)?))));
        }
    }

    fn enter(&mut self, plan: &RulePlan, chunk: usize) {
        if let Some(entered) = plan.entered.get(chunk).filter(|entered| entered.any()) {
            Arc::make_mut(&mut self.times).add(entered);
            self.inside.or(entered);
        }
        if let Some(left) = plan.left.get(chunk) {
            self.inside.without(left);
        }
    }
}

impl Messages {
    fn take(&mut self, chunk: usize, caps: &[Cap], plan: &Plan, run: usize) {
        let first = self.counted.len();
        for step in plan.rules.iter().flat_map(|rule| &rule.audiences).flat_map(|a| &a.steps) {
            let Action::Message { channels, .. } = &step.action else { continue };
            for (verdict, whom) in step.verdicts.get(chunk).into_iter().flat_map(|v| v.iter()) {
                let Verdict::Planned(channel) = verdict else { continue };
                self.received.add(whom);
                let Some(channel) = channels.get(usize::from(channel)) else { continue };
                if !caps.iter().any(|cap| cap.counts(channel)) {
                    continue;
                }
                let new = self.counted.get_mut(first..).unwrap_or_default();
                match new.iter_mut().find(|(_, of, _)| **of == **channel) {
                    Some((_, _, had)) => had.add(whom),
                    None => {
                        let mut had = Digits::default();
                        had.add(whom);
                        self.counted.push((run, channel.as_str().into(), had));
                    }
                }
            }
        }
    }
}
