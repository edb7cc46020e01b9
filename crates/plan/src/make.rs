//! How a plan is made: chunk by chunk, on several threads, each verdict of a rule as a set of the chunk's customers.

mod asked;
mod caps;
mod counts;
mod desk;
mod found;
pub(crate) mod policy;
mod ways;

use crate::Addresses;
use crate::history::{PastMessage, Record};
use crate::plan::{Audience, Plan, RulePlan, StepPlan};
use crate::reach::{Reach, Reaching, Standing};
use crate::replay::Memory;
use crate::situation::find;
use asked::Asked;
use counts::Counts;
use desk::{Common, Desk};
use policy::before;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use tidings_check::Program;
use tidings_check::program::{Limit, Rule, Step};
use tidings_engine::{Chunk, Matches, Needs};
use tidings_schema::show::{count, counted};
use tidings_schema::{Contact, Now, money};

pub use counts::{AudienceCounts, RuleCounts, StepCounts};
pub(crate) use desk::Made;
pub use policy::held_out;

/// How many rules at most are decided, of which each may be stopped by what it does for all customers, before it is known
/// whether they are: what they would do is in memory meanwhile.
const TOGETHER: usize = 16;

/// Everything that a plan depends on. Equal questions have equal plans.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// The rules.
    pub program: &'a Program,
    /// The project's name: part of every key and of the draw for holdouts.
    pub project: &'a str,
    /// The moment.
    pub now: Now,
    /// Every customer, with at least the columns of [`crate::events::needs`].
    pub chunks: &'a [Chunk],
    /// Which columns the chunks have.
    pub needs: &'a Needs,
    /// Who matches, by chunk.
    pub matches: &'a [Matches],
    /// What happened before.
    pub history: Record<'a>,
    /// Who said no.
    pub standing: &'a Standing,
    /// How addresses are read.
    pub addresses: &'a dyn Addresses,
    /// The rules that are planned, by position; none is all of them.
    pub only: Option<&'a [usize]>,
    /// From when on events count for rules that wait for them, by position, in microseconds since 1970 UTC, and one
    /// hour before, since rows come late; now where it is not said. No event counts twice.
    pub since: &'a [(usize, i64)],
}

impl<'a> Question<'a> {
    pub(crate) fn reaching(&self) -> Reaching<'a> {
        Reaching {
            vocabulary: &self.program.vocabulary,
            policy: &self.program.policy,
            needs: self.needs,
            standing: self.standing,
            addresses: self.addresses,
            now: self.now,
        }
    }

    /// How the customers of a chunk, by its position, can be reached through a channel.
    fn reach(&self, chunk: usize, contact: &Contact) -> Option<Reach> {
        let customers = self.chunks.get(chunk)?;
        let fixed = match self.history {
            Record::Placed(runs) => runs.fixed.reach(chunk, &contact.channel),
            Record::Keyed(_) => None,
        };
        Some(match fixed {
            Some(fixed) => {
                Reach { quiet: self.reaching().quiet(customers, &contact.channel), ..fixed.clone() }
            }
            None => self.reaching().of(customers, contact),
        })
    }
}

/// Makes the plan: rule by rule, the higher priority first where caps bind. How many threads there are makes no
/// difference to it.
pub fn plan(question: &Question<'_>, threads: usize) -> Plan {
    let Decided { customers, mut rules, .. } = decide(question, Vec::new(), true, threads);
    rules.sort_by_key(|r| r.rule);
    Plan { now: question.now, customers, rules }
}

/// What was decided, in the order in which it was.
pub(crate) struct Decided {
    /// How many customers there are.
    pub customers: u64,
    /// What the rules do in numbers.
    pub counts: Vec<RuleCounts>,
    /// The occasion of each that is everybody's who has none of their own.
    pub usual: Vec<String>,
    /// What the rules do, where it is kept.
    pub rules: Vec<RulePlan>,
}

/// Decides what the rules do. In a replay there is the memory of each chunk, which takes in what is decided for it; what is
/// not kept is forgotten rule by rule.
pub(crate) fn decide<'a>(
    question: &'a Question<'a>,
    memories: Vec<&'a mut Memory>,
    keep: bool,
    threads: usize,
) -> Decided {
    // A few customers are planned before another thread has begun.
    let threads = if question.chunks.len() <= 1 { 1 } else { threads };
    let rules = question.program.rules.iter().enumerate();
    let mut order: Vec<(usize, &Rule)> =
        rules.filter(|(i, _)| question.only.is_none_or(|only| only.contains(i))).collect();
    order.sort_by_key(|(i, _)| question.program.turn(*i));
    let mut common = Common { messages: messages(question), keep, ..Common::default() };
    let mut asked: Vec<Asked<'_>> =
        order.into_iter().map(|(i, rule)| Asked::new(question, i, rule, &mut common)).collect();
    each(&mut asked, threads, |asked| asked.look_back(question));

    let memories = memories.into_iter().map(Some).chain(std::iter::repeat_with(|| None));
    let desks = (0..question.chunks.len()).zip(memories);
    let mut desks: Vec<_> = desks.map(|(i, memory)| (i, memory, None)).collect();
    each(&mut desks, threads, |(i, memory, desk)| *desk = Desk::new(question, &common, *i, memory.take()));
    let mut desks: Vec<Desk<'_>> = desks.into_iter().filter_map(|(_, _, desk)| desk).collect();
    let customers = question.matches.iter().map(|m| m.existing.count() as u64).sum();
    let mut decided = Decided { customers, counts: Vec::new(), usual: Vec::new(), rules: Vec::new() };
    // Where a rule is stopped by what it does in all chunks together, those after it find its places under the caps
    // free: so all chunks wait for one another there. Without caps a few such rules are stopped or not in one go.
    let most = if question.program.policy.caps.is_empty() { TOGETHER } else { 1 };
    let mut undecided = 0;
    let stops = |asked: &Asked<'_>| {
        undecided = undecided % most + usize::from(asked.may_stop);
        undecided == most
    };
    for stretch in asked.split_inclusive(stops) {
        let sums = Mutex::new(Counts::of(stretch));
        each(&mut desks, threads, |desk| {
            let counts = desk.plan(stretch);
            sums.lock().unwrap_or_else(PoisonError::into_inner).together(&counts);
        });
        let counts = sums.into_inner().unwrap_or_else(PoisonError::into_inner);
        let stopped: Vec<_> =
            stretch.iter().map(|asked| question.stopped(asked, &counts, customers)).collect();
        each(&mut desks, threads, |desk| desk.settle(stretch, &stopped));
        let mut made: Vec<_> =
            desks.iter_mut().map(|desk| std::mem::take(&mut desk.made).into_iter()).collect();
        for (asked, stopped) in stretch.iter().zip(stopped) {
            if keep {
                let parts = made.iter_mut().filter_map(Iterator::next).collect();
                decided.rules.push(question.whole(asked, parts, stopped.clone()));
            }
            decided.usual.push(asked.occasion.usual.clone());
            decided.counts.push(counts.rule(asked, stopped));
        }
    }
    decided
}

/// Whether what a rule does for some customers depends on how many others there are.
pub fn counts_customers(rule: &Rule) -> bool {
    matches!(rule.limit, Some(Limit::Share(_)))
}

/// Whether what a plan of all rules says of a customer and a rule, by its position, may depend on other customers:
/// where a rule is stopped by how much it does for all of them. Where caps bind, other rules count too.
pub fn needs_everybody(program: &Program, rule: usize) -> bool {
    let bounded = |rule: &Rule| rule.limit.is_some() || rule.budget.is_some();
    let capped = !program.policy.caps.is_empty();
    program.rules.get(rule).is_some_and(bounded) || capped && program.rules.iter().any(bounded)
}

/// From which moment on past messages count under some cap, in microseconds since 1970 UTC.
pub fn messages_since(program: &Program, now: Now) -> i64 {
    program.policy.caps.iter().map(|cap| before(cap.per, now)).min().unwrap_or(i64::MAX)
}

/// From which moment on past coupons count under some budget, in microseconds since 1970 UTC.
pub fn coupons_since(program: &Program, now: Now) -> i64 {
    let budgets = program.rules.iter().filter_map(|rule| rule.budget.as_ref());
    budgets.map(|budget| before(budget.per, now)).min().unwrap_or(i64::MAX)
}

impl<'a> Question<'a> {
    /// What a rule does in all chunks.
    fn whole(&self, asked: &Asked<'a>, parts: Vec<Made>, stopped: Option<String>) -> RulePlan {
        let rule = asked.rule;
        let mut audiences = vec![audience(&rule.then)];
        if !rule.otherwise.is_empty() {
            audiences.push(audience(&rule.otherwise));
        }
        let mut plan = RulePlan {
            rule: asked.index,
            name: rule.name.clone(),
            identity: rule.identity().to_owned(),
            audiences,
            undecided: 0,
            wants: wants(self.matches, asked.index),
            occasion: asked.occasion.clone(),
            used_up: Vec::new(),
            stopped,
            entered: Vec::new(),
            left: Vec::new(),
            gone: asked.gone.clone(),
        };
        for made in parts {
            for (audience, (outcome, steps)) in plan.audiences.iter_mut().zip(made.audiences) {
                audience.outcome.push(outcome);
                let steps = audience.steps.iter_mut().zip(steps);
                steps.for_each(|(step, verdicts)| step.verdicts.push(verdicts));
            }
            plan.undecided += made.undecided;
            plan.occasion.ordinals.push(made.ordinals);
            plan.used_up.push(made.used_up);
            plan.entered.push(made.entered);
            plan.left.push(made.left);
        }
        plan.gone.sort_by(|a, b| a.0.cmp(&b.0));
        plan
    }

    /// Why a whole rule is held back, or waits for a person: it would reach more customers than it may.
    fn stopped(&self, asked: &Asked<'a>, counts: &Counts, customers: u64) -> Option<String> {
        if let Some((_, words)) = &asked.stop {
            return Some(words.clone());
        }
        if !asked.may_stop {
            return None;
        }
        let planned = counts.planned(asked);
        let why = over_limit(asked.rule, planned, customers).or_else(|| self.over_budget(asked, counts));
        // What is left of a run that was over the limit or the budget as a whole may be under it.
        let rest = || self.history.held(asked.rule.identity()) && planned > 0;
        let cut_short = || "it goes on with a run that was cut short and waits for a person".to_owned();
        why.or_else(|| rest().then(cut_short))
    }

    fn over_budget(&self, asked: &Asked<'a>, counts: &Counts) -> Option<String> {
        let budget = asked.rule.budget.as_ref()?;
        let start = before(budget.per, self.now);
        let spent = self.history.spent_after((asked.index, asked.rule.identity()), start);
        let planned = counts.steps(asked).map(|(action, planned)| {
            let worth = action.coupon().and_then(|name| budget.worths.get(name)).copied().unwrap_or(0);
            i64::try_from(planned).unwrap_or(i64::MAX).saturating_mul(worth)
        });
        let planned = planned.fold(0, i64::saturating_add);
        let money = |minor| format!("{} {}", money::to_major(minor, budget.currency), budget.currency.code());
        // Somebody to whom nothing is granted costs nothing, however much was spent.
        (planned > 0 && spent.saturating_add(planned) > budget.amount).then(|| {
            format!(
                "its coupons would be worth {}, after {} that count already, and its budget is {}",
                money(planned),
                money(spent),
                money(budget.amount)
            )
        })
    }
}

fn over_limit(rule: &Rule, planned: u64, customers: u64) -> Option<String> {
    let most = match rule.limit? {
        Limit::Customers(most) => most,
        // 29% of 100 is 29, whatever binary fractions make of it.
        Limit::Share(share) => (share * customers as f64 + 1e-6).floor() as u64,
    };
    (planned > most)
        .then(|| format!("it would reach {}, and its limit is {}", counted(planned, "customer"), count(most)))
}

fn audience(steps: &[Step]) -> Audience {
    let step =
        |step: &Step| StepPlan { id: step.id.clone(), action: step.action.clone(), verdicts: Vec::new() };
    Audience { outcome: Vec::new(), steps: steps.iter().map(step).collect() }
}

/// By chunk and position, the messages that customers had before.
fn messages<'a>(question: &Question<'a>) -> Vec<Vec<(usize, &'a [PastMessage])>> {
    let mut by_chunk = vec![Vec::new(); question.chunks.len()];
    if question.program.policy.caps.is_empty() {
        return by_chunk;
    }
    let Record::Keyed(history) = question.history else { return by_chunk };
    for (key, messages) in &history.messages {
        if let Some((chunk, customer)) = find(question.chunks, key)
            && let Some(of_chunk) = by_chunk.get_mut(chunk)
        {
            of_chunk.push((customer, messages.as_slice()));
        }
    }
    by_chunk
}

/// What was missing, summed over the chunks, the most frequent first.
fn wants(matches: &[Matches], rule: usize) -> Vec<(String, u64)> {
    let mut sums: HashMap<&str, u64> = HashMap::new();
    for (name, count) in matches.iter().filter_map(|m| m.rule(rule)).flat_map(|m| m.wants()) {
        *sums.entry(name).or_default() += count;
    }
    let mut wants: Vec<(String, u64)> =
        sums.into_iter().filter(|(_, n)| *n > 0).map(|(name, n)| (name.to_owned(), n)).collect();
    wants.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    wants
}

/// The same work for each of some items, on several threads.
pub(crate) fn each<T: Send>(items: &mut [T], threads: usize, work: impl Fn(&mut T) + Sync) {
    let threads = threads.min(items.len());
    if threads <= 1 {
        return items.iter_mut().for_each(work);
    }
    let waiting = Mutex::new(items.iter_mut());
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(item) = next() {
                    work(item);
                }
            });
        }
    });
}
