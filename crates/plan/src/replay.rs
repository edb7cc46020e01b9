//! Replays, run after run over the same customers: plans whose sends all leave at once. What [`crate::Past`] takes in from the
//! pages of a run is taken here while it is planned, as sets of customers by chunk and position, a few bits for each
//! customer and rule.

mod fixed;
mod own;

use crate::Record;
use crate::digits::Digits;
use crate::intents::Supplies;
use crate::make::{Decided, Made, Question, RuleCounts, decide, each, messages_since};
use crate::occasions::{Numbers, Ordinals};
use crate::plan::{Plan, Verdict};
use fixed::Fixed;
use own::{Own, OwnChunk};
use std::collections::HashMap;
use std::sync::Arc;
use tidings_check::Program;
use tidings_check::program::{Action, Cap, Repeat, Rule};
use tidings_engine::{Bitmap, Chunk, Needs};
use tidings_schema::{Now, Vocabulary};

/// What runs of all of whose sends left at once did, one after the other, over the same chunks.
pub struct Replay {
    runs: Runs,
    /// By chunk.
    memories: Vec<Memory>,
}

/// What one run came to.
pub struct Run {
    /// Its moment.
    pub now: Now,
    /// How many customers there were.
    pub customers: u64,
    /// What the rules did in numbers, in the program's order.
    pub rules: Vec<RuleCounts>,
    /// Its plan, where it was asked for.
    pub plan: Option<Plan>,
}

/// What is the same of a replay for all chunks.
pub struct Runs {
    /// Of each run, by its number less one, the moment in microseconds since 1970 UTC.
    moments: Vec<i64>,
    /// By position in the program.
    rules: Vec<RuleRuns>,
    own: Own,
    pub(crate) fixed: Fixed,
}

/// What one rule did.
#[derive(Clone, Default)]
struct RuleRuns {
    /// The latest occasion that was everybody's, and the number of the first run that had it.
    usual: (String, u32),
    /// The moments of runs, and what their coupons are worth, in minor units.
    spent: Vec<(i64, i64)>,
}

/// What it did in one chunk.
pub(crate) struct Memory {
    /// By position in the program.
    rules: Vec<Reached>,
    messages: Messages,
    own: OwnChunk,
}

/// Whom one rule reached in a chunk.
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
    pub fn new(question: &Question<'_>, supplies: &Supplies, threads: usize) -> Replay {
        let rules = &question.program.rules;
        let memory = |chunk: &Chunk| {
            let reached = || Reached { inside: Bitmap::none(chunk.len()), ..Reached::default() };
            Memory {
                rules: rules.iter().map(|_| reached()).collect(),
                messages: Messages::default(),
                own: OwnChunk::default(),
            }
        };
        Replay {
            runs: Runs {
                moments: Vec::new(),
                rules: vec![RuleRuns::default(); rules.len()],
                own: Own::new(question.program, question.needs, supplies),
                fixed: Fixed::new(question, threads),
            },
            memories: question.chunks.iter().map(memory).collect(),
        }
    }

    /// Plans and carries out, for a later moment than those before: what the question says of history is not looked at. Its
    /// plan is the value that [`crate::plan`] would make on the pages of the runs before.
    pub fn run(
        &mut self,
        question: &Question<'_>,
        supplies: &Supplies,
        wants_plan: bool,
        threads: usize,
    ) -> Run {
        let now = question.now;
        let placed = Question { history: Record::Placed(&self.runs), ..*question };
        let decided = decide(&placed, self.memories.iter_mut().collect(), wants_plan, threads);
        let Decided { customers, counts: mut rules, usual, rules: mut plans } = decided;
        for (counts, usual) in rules.iter().zip(usual) {
            self.runs.take(question.program, counts, usual, supplies, now.micros);
        }
        self.runs.moments.push(now.micros);
        let counting = self.runs.first_after(messages_since(question.program, now)) as usize;
        each(&mut self.memories, threads, |memory| {
            memory.messages.counted.retain(|(run, _, _)| *run >= counting);
            memory.own.turn(&self.runs.own, now.micros);
        });
        rules.sort_by_key(|rule| rule.rule);
        plans.sort_by_key(|plan| plan.rule);
        Run { now, customers, rules, plan: wants_plan.then_some(Plan { now, customers, rules: plans }) }
    }

    /// Puts what rules see of it into the chunks, which have these columns.
    pub fn show(&self, vocabulary: &Vocabulary, needs: &Needs, chunks: &mut [Chunk]) {
        let own = self.memories.iter().map(|memory| &memory.own);
        self.runs.own.show(own, vocabulary, needs, chunks);
    }

    /// How many customers had each number of messages, from none on.
    pub fn received(&self, customers: &[Bitmap]) -> Vec<u64> {
        let mut counts = vec![0];
        for (memory, there) in self.memories.iter().zip(customers) {
            for customer in there.iter() {
                let received = memory.messages.received.of(customer) as usize;
                counts.resize(counts.len().max(received + 1), 0);
                counts.get_mut(received).into_iter().for_each(|n| *n += 1);
            }
        }
        counts
    }
}

impl Runs {
    /// The number of the first run after a moment, in microseconds since 1970 UTC.
    pub(crate) fn first_after(&self, moment: i64) -> u32 {
        self.moments.partition_point(|at| *at <= moment) as u32 + 1
    }

    /// What the coupons of a rule, by its position, of runs after a moment are worth.
    pub(crate) fn spent_after(&self, rule: usize, moment: i64) -> i64 {
        let spent = self.rules.get(rule).map_or(&[][..], |rule| &rule.spent);
        spent.iter().filter(|(at, _)| *at > moment).map(|(_, worth)| worth).sum()
    }

    /// The number of the first run in which a rule, by its position, had this usual occasion, if any had.
    pub(crate) fn first_on(&self, rule: usize, usual: &str) -> Option<u32> {
        let (latest, run) = &self.rules.get(rule)?.usual;
        (*run > 0 && latest == usual).then_some(*run)
    }

    /// The number of the run that is planned.
    fn next(&self) -> u32 {
        self.moments.len() as u32 + 1
    }

    /// Takes in what a rule did in a run.
    fn take(&mut self, program: &Program, counts: &RuleCounts, usual: String, supplies: &Supplies, at: i64) {
        let (run, first) = (self.next(), self.first_on(counts.rule, &usual).is_none());
        let rule = program.rules.get(counts.rule);
        let Some((rule, known)) = rule.zip(self.rules.get_mut(counts.rule)) else { return };
        if first {
            known.usual = (usual, run);
        }
        // What waits for a person counts too: it may yet be granted.
        let granted = counts.steps(rule).map(|(action, step)| {
            let worth = action.coupon().and_then(|name| supplies.coupons.get(name)?.worth);
            let worth = worth.map_or(0, |(minor, _)| minor);
            let granted = step.sent.iter().sum::<u64>() + step.waiting;
            i64::try_from(granted).unwrap_or(i64::MAX).saturating_mul(worth)
        });
        let worth = granted.fold(0, i64::saturating_add);
        if worth > 0 {
            known.spent.push((at, worth));
        }
    }
}

impl Memory {
    /// Whom a rule, by its position, reached.
    pub(crate) fn rule(&self, rule: usize) -> Option<&Reached> {
        self.rules.get(rule)
    }

    /// The messages from a run on that a cap counts: sets that hold a customer as often as they had one.
    pub(crate) fn messages(&self, cap: &Cap, first: u32, customers: &Bitmap) -> Vec<Bitmap> {
        let counted = self.messages.counted.iter();
        let mut sets = Vec::new();
        for (_, _, had) in counted.filter(|(run, channel, _)| *run >= first as usize && cap.counts(channel)) {
            let several = (1..=cap.count).map(|n| had.at_least(n, customers));
            sets.extend(several.take_while(Bitmap::any));
        }
        sets
    }

    /// Takes in what a rule, by its position, does in the run that is planned.
    pub(crate) fn take(
        &mut self,
        runs: &Runs,
        program: &Program,
        (index, rule): (usize, &Rule),
        made: &Made,
    ) {
        let run = runs.next();
        if let Some(reached) = self.rules.get_mut(index) {
            match rule.repeat {
                Repeat::EveryEntry => reached.enter(made),
                _ => reached.take(rule.repeat, made, run),
            }
        }
        for ((_, verdicts), steps) in made.audiences.iter().zip([&rule.then, &rule.otherwise]) {
            for (verdicts, step) in verdicts.iter().zip(steps) {
                let Action::Message { channels, .. } = &step.action else { continue };
                for (verdict, whom) in verdicts.iter() {
                    if let Verdict::Planned(channel) = verdict {
                        let channel = channels.get(usize::from(channel)).map_or("", String::as_str);
                        self.messages.take(run as usize, &program.policy.caps, channel, whom);
                    }
                }
            }
        }
        self.own.take(&runs.own, index, made);
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

    fn take(&mut self, repeat: Repeat, made: &Made, run: u32) {
        let whom = made.used();
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
        if let Repeat::EveryTime = repeat {
            self.events.extend(whom.iter().filter_map(|i| Some((i, made.ordinals.of(i)?))));
        }
    }

    fn enter(&mut self, made: &Made) {
        if made.entered.any() {
            Arc::make_mut(&mut self.times).add(&made.entered);
            self.inside.or(&made.entered);
        }
        self.inside.without(&made.left);
    }
}

impl Messages {
    /// One more through a channel for some customers.
    fn take(&mut self, run: usize, caps: &[Cap], channel: &str, whom: &Bitmap) {
        self.received.add(whom);
        if !caps.iter().any(|cap| cap.counts(channel)) {
            return;
        }
        match self.counted.iter_mut().rfind(|(of, through, _)| *of == run && **through == *channel) {
            Some((_, _, had)) => had.add(whom),
            None => {
                let mut had = Digits::default();
                had.add(whom);
                self.counted.push((run, channel.into(), had));
            }
        }
    }
}
