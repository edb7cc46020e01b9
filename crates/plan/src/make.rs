//! How a plan is made: chunk by chunk, on several threads, each verdict of a rule as a set of the chunk's customers.

mod asked;
mod caps;
mod desk;
pub(crate) mod policy;

use crate::Addresses;
use crate::history::{PastMessage, Record};
use crate::plan::{Audience, Plan, RulePlan, StepPlan};
use crate::reach::{Reach, Reaching, Standing};
use crate::situation::find;
use asked::Asked;
use desk::{Common, Desk, Made};
use policy::before;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use tidings_check::Program;
use tidings_check::program::{Action, Limit, Rule, Step};
use tidings_engine::{Chunk, Matches, Needs};
use tidings_schema::{Contact, Now, money};

pub use policy::held_out;

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
            Record::Placed(replay) => replay.fixed().reach(chunk, &contact.channel),
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
    // A few customers are planned before another thread has begun.
    let threads = if question.chunks.len() <= 1 { 1 } else { threads };
    let rules = question.program.rules.iter().enumerate();
    let mut order: Vec<(usize, &Rule)> =
        rules.filter(|(i, _)| question.only.is_none_or(|only| only.contains(i))).collect();
    order.sort_by_key(|(i, rule)| (std::cmp::Reverse(rule.priority), *i));
    let mut common = Common { messages: messages(question), ..Common::default() };
    let mut asked: Vec<Asked<'_>> =
        order.into_iter().map(|(i, rule)| Asked::new(question, i, rule, &mut common)).collect();
    each(&mut asked, threads, |asked| asked.look_back(question));

    let mut desks: Vec<(usize, Option<Desk<'_>>)> = (0..question.chunks.len()).map(|i| (i, None)).collect();
    each(&mut desks, threads, |(i, desk)| *desk = Desk::new(question, &common, *i));
    let mut desks: Vec<Desk<'_>> = desks.into_iter().filter_map(|(_, desk)| desk).collect();
    let customers = question.matches.iter().map(|m| m.existing.count() as u64).sum();
    let mut rules = Vec::new();
    // Where a rule is stopped by what it does in all chunks together, those after it find its places under the caps
    // free: so all chunks wait for one another there.
    let stops = |asked: &Asked<'_>| question.may_stop(asked.rule) && !question.program.policy.caps.is_empty();
    for stretch in asked.split_inclusive(stops) {
        each(&mut desks, threads, |desk| desk.plan(stretch));
        let mut made: Vec<_> =
            desks.iter_mut().map(|desk| std::mem::take(&mut desk.made).into_iter()).collect();
        for asked in stretch {
            let parts: Vec<Made> = made.iter_mut().filter_map(Iterator::next).collect();
            let mut plan = question.whole(asked, parts);
            let stopped = question.limit(asked.rule, &mut plan, customers);
            if stopped {
                desks.iter_mut().for_each(Desk::give_back);
            }
            rules.push(plan);
        }
    }
    rules.sort_by_key(|r| r.rule);
    Plan { now: question.now, customers, rules }
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
    /// Whether what a rule does in all chunks together may stop it.
    fn may_stop(&self, rule: &Rule) -> bool {
        rule.limit.is_some() || rule.budget.is_some() || self.history.held(rule.identity())
    }

    /// What a rule does in all chunks.
    fn whole(&self, asked: &Asked<'a>, parts: Vec<Made>) -> RulePlan {
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
            stopped: asked.stop.as_ref().map(|(_, words)| words.clone()),
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

    /// Lets the whole rule wait for a person where it would reach more customers than it may; whether it does.
    fn limit(&self, rule: &Rule, plan: &mut RulePlan, customers: u64) -> bool {
        if !self.may_stop(rule) {
            return false;
        }
        let why = over_limit(rule, plan, customers).or_else(|| self.over_budget(rule, plan));
        let Some(why) = why.or_else(|| self.cut_short(rule, plan)) else { return false };
        plan.stopped = Some(why);
        plan.hold();
        true
    }

    /// What is left of a run that was over the limit or the budget as a whole may be under it.
    fn cut_short(&self, rule: &Rule, plan: &RulePlan) -> Option<String> {
        let rest = self.history.held(rule.identity()) && plan.tally().planned > 0;
        rest.then(|| "it goes on with a run that was cut short and waits for a person".to_owned())
    }

    fn over_budget(&self, rule: &Rule, plan: &RulePlan) -> Option<String> {
        let budget = rule.budget.as_ref()?;
        let start = before(budget.per, self.now);
        let spent = self.history.spent_after((plan.rule, rule.identity()), start);
        let steps = plan.audiences.iter().flat_map(|a| &a.steps);
        let planned = steps.map(|step| {
            let (Action::Coupon(name) | Action::Message { coupon: Some(name), .. }) = &step.action else {
                return 0;
            };
            let worth = budget.worths.get(name).copied().unwrap_or(0);
            i64::try_from(step.tally().planned).unwrap_or(i64::MAX).saturating_mul(worth)
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

fn over_limit(rule: &Rule, plan: &RulePlan, customers: u64) -> Option<String> {
    let planned = plan.tally().planned;
    let most = match rule.limit? {
        Limit::Customers(most) => most,
        // 29% of 100 is 29, whatever binary fractions make of it.
        Limit::Share(share) => (share * customers as f64 + 1e-6).floor() as u64,
    };
    (planned > most).then(|| format!("it would reach {planned} customers, and its limit is {most}"))
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
