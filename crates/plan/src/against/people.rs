//! Whom one rule chooses in one version and not in the other, and who gets something else.

use super::layout::Layout;
use super::why::{Difference, difference, otherwise};
use super::{Edit, RuleChange, Side};
use crate::plan::{Audience, Reason, RulePlan, StepPlan, Verdict, Verdicts};
use std::cmp::Reverse;
use tidings_check::program::{Action, Rule};
use tidings_engine::Bitmap;
use tidings_engine::trace::{Trace, Verdict as Answer};

/// Customers whom a rule begins or ceases to choose.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Movement {
    /// How many.
    pub customers: u64,
    /// Some of them, the first by their keys.
    pub named: Vec<Moved>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Moved {
    /// The key.
    pub customer: String,
    /// The comparison that made the difference; none where the rule is there in one version only.
    pub why: Option<Difference>,
}

/// Customers whom a rule chooses in both versions, and who get something else.
#[derive(Clone, Debug, PartialEq)]
pub struct Shift {
    /// What they got, or why they did not: `wake-up email`, `held back: quiet`.
    pub before: String,
    /// The same now.
    pub after: String,
    /// How many.
    pub customers: u64,
    /// The keys of some of them.
    pub named: Vec<String>,
}

/// A set of customers, by chunk.
type Set = Vec<Bitmap>;

/// A rule's plan and its position on one side; nothing where that side does not have it.
type Of<'s, 'a> = (&'s Side<'a>, Option<usize>);

/// What changes for one rule.
pub(super) fn change(
    rule: &Rule,
    (before, old): Of<'_, '_>,
    (after, new): Of<'_, '_>,
    renamed: Option<String>,
    edits: Vec<Edit>,
    layout: &Layout<'_>,
    most: usize,
) -> RuleChange {
    let sides = Sides { before, after, old, new, layout, most };
    let (entering, leaving, staying, shifts) = sides.compare();
    RuleChange {
        name: rule.name.clone(),
        identity: rule.identity().to_owned(),
        before: old,
        after: new,
        renamed,
        edits,
        entering,
        leaving,
        staying,
        shifts,
    }
}

struct Sides<'s, 'a> {
    before: &'s Side<'a>,
    after: &'s Side<'a>,
    old: Option<usize>,
    new: Option<usize>,
    layout: &'s Layout<'s>,
    most: usize,
}

/// Where some customers go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    In,
    Out,
}

impl Sides<'_, '_> {
    fn compare(&self) -> (Movement, Movement, u64, Vec<Shift>) {
        let (old, new) = (self.before.plan_of(self.old), self.after.plan_of(self.new));
        let matched = |plan: Option<&RulePlan>, side: &Side<'_>| {
            let chunks = side.question.chunks.iter().enumerate();
            chunks
                .map(|(c, chunk)| {
                    plan.map_or(Bitmap::none(chunk.len()), |plan| members(plan, c, chunk.len()))
                })
                .collect()
        };
        let (was, lost) = self.layout.found_again(matched(old, self.before));
        let is: Set = matched(new, self.after);
        let (entering, mut leaving) = (without(&is, &was), self.movement(&without(&was, &is), Way::Out));
        leaving.customers += lost.len() as u64;
        let gone = lost.iter().map(|key| Moved { customer: (*key).to_owned(), why: None });
        leaving.named.extend(gone.take(self.most.saturating_sub(leaving.named.len())));
        let shifts = match (old, new) {
            (Some(old), Some(new)) => self.shifts(old, new),
            _ => Vec::new(),
        };
        (self.movement(&entering, Way::In), leaving, count(&both(&was, &is)), shifts)
    }

    /// Some customers of the later side's chunks, the first of them with what made the difference.
    fn movement(&self, whom: &Set, way: Way) -> Movement {
        let mut named = Vec::new();
        for (c, set) in whom.iter().enumerate() {
            let some: Vec<usize> = set.iter().take(self.most - named.len()).collect();
            let whys = self.differences(c, &some, way);
            named.extend(
                some.into_iter()
                    .zip(whys)
                    .filter_map(|(i, why)| Some(Moved { customer: self.layout.key(c, i)?.to_owned(), why })),
            );
        }
        Movement { customers: count(whom), named }
    }

    /// What made the difference for some customers of one of the later side's chunks.
    fn differences(&self, chunk: usize, customers: &[usize], way: Way) -> Vec<Option<Difference>> {
        let unknown = || vec![None; customers.len()];
        let (Some(old), Some(new)) = (self.old, self.new) else { return unknown() };
        if customers.is_empty() {
            return Vec::new();
        }
        let later: Vec<(usize, usize)> = customers.iter().map(|i| (chunk, *i)).collect();
        let earlier: Vec<Option<(usize, usize)>> =
            customers.iter().map(|i| self.layout.before(chunk, *i)).collect();
        let known: Vec<(usize, usize)> = earlier.iter().flatten().copied().collect();
        let mut before = self.before.traces(old, &known).into_iter();
        let after = self.after.traces(new, &later);
        let whys = earlier.into_iter().zip(after).map(|(place, after)| {
            let before = place.and_then(|_| before.next())?;
            let (had, has) = (self.before.has_else(old), self.after.has_else(new));
            // Whom the condition is not for is chosen by an `else` alone.
            if way == Way::In && has && !had && after.verdict != Answer::Yes {
                return Some(otherwise(&after, self.after.words, true));
            }
            if way == Way::Out && had && !has && before.verdict != Answer::Yes {
                return Some(otherwise(&before, self.before.words, false));
            }
            difference((&before, self.before.words), (&after, self.after.words))
        });
        whys.collect()
    }

    /// Those who match on both sides and get something else.
    fn shifts(&self, old: &RulePlan, new: &RulePlan) -> Vec<Shift> {
        let was = outcomes(old, &self.before.question.chunks.iter().map(|c| c.len()).collect::<Vec<_>>());
        let is = outcomes(new, &self.after.question.chunks.iter().map(|c| c.len()).collect::<Vec<_>>());
        let mut shifts = Vec::new();
        for (before, whom) in was {
            let (whom, _) = self.layout.found_again(whom);
            for (after, those) in is.iter().filter(|(after, _)| *after != before) {
                let both = both(&whom, those);
                let customers = count(&both);
                if customers > 0 {
                    let keys = both.iter().enumerate().flat_map(|(c, set)| set.iter().map(move |i| (c, i)));
                    let named =
                        keys.take(self.most).filter_map(|(c, i)| self.layout.key(c, i)).map(str::to_owned);
                    shifts.push(Shift {
                        before: before.clone(),
                        after: after.clone(),
                        customers,
                        named: named.collect(),
                    });
                }
            }
        }
        shifts.sort_by_key(|shift| Reverse(shift.customers));
        shifts
    }
}

impl Side<'_> {
    fn plan_of(&self, rule: Option<usize>) -> Option<&RulePlan> {
        let rule = rule?;
        self.plan.rules.iter().find(|plan| plan.rule == rule)
    }

    fn has_else(&self, rule: usize) -> bool {
        self.question.program.rules.get(rule).is_some_and(|rule| !rule.otherwise.is_empty())
    }

    /// Why a rule is or is not for each of some customers.
    fn traces(&self, rule: usize, customers: &[(usize, usize)]) -> Vec<Trace> {
        let explainer = self.evaluator.explainer(self.question.program, &[rule]);
        let trace = |(c, i): &(usize, usize)| {
            let chunk = self.question.chunks.get(*c)?.one(*i)?;
            explainer.trace(rule, &chunk, self.question.now, self.populations)
        };
        customers.iter().filter_map(trace).collect()
    }
}

/// Whom a rule chooses of a chunk with so many customers.
fn members(plan: &RulePlan, chunk: usize, customers: usize) -> Bitmap {
    let mut all = Bitmap::none(customers);
    for audience in &plan.audiences {
        audience.outcome.get(chunk).into_iter().for_each(|verdicts| all.or(&verdicts.members()));
    }
    all
}

/// Everybody whom a rule chooses, by what they get in words.
fn outcomes(plan: &RulePlan, customers: &[usize]) -> Vec<(String, Set)> {
    let mut all: Vec<(String, Set)> = Vec::new();
    for (c, audience) in plan.audiences.iter().flat_map(|a| (0..customers.len()).map(move |c| (c, a))) {
        for (words, whom) in in_chunk(audience, c) {
            let known = all.iter().position(|(known, _)| *known == words);
            let place = known.unwrap_or_else(|| {
                all.push((words, customers.iter().map(|n| Bitmap::none(*n)).collect()));
                all.len() - 1
            });
            let set = all.get_mut(place).and_then(|(_, sets)| sets.get_mut(c));
            set.into_iter().for_each(|set| set.or(&whom));
        }
    }
    all
}

/// What of each step becomes of somebody: in words, and the reason where it is held.
type Pieces = Vec<(String, Option<Reason>)>;

/// The members of an audience in one chunk, by what each step is for them.
fn in_chunk(audience: &Audience, chunk: usize) -> Vec<(String, Bitmap)> {
    let everybody = audience.outcome.get(chunk).map(Verdicts::members).unwrap_or_default();
    let mut parts: Vec<(Pieces, Bitmap)> = vec![(Vec::new(), everybody)];
    for step in &audience.steps {
        let Some(verdicts) = step.verdicts.get(chunk) else { continue };
        let split = parts.iter().flat_map(|(pieces, whom)| {
            verdicts.iter().map(move |(verdict, set)| {
                let mut both = whom.clone();
                both.and(set);
                (pieces.iter().cloned().chain([piece(step, verdict)]).collect(), both)
            })
        });
        parts = split.filter(|(_, whom): &(Pieces, Bitmap)| whom.any()).collect();
    }
    parts.into_iter().map(|(pieces, whom)| (in_words(&pieces), whom)).collect()
}

fn piece(step: &StepPlan, verdict: Verdict) -> (String, Option<Reason>) {
    let through = |channel: u8| match &step.action {
        Action::Message { template, channels, coupon } => {
            let with = coupon.as_ref().map(|c| format!(" with {c} coupon")).unwrap_or_default();
            let channel = channels.get(usize::from(channel)).map_or("", String::as_str);
            format!("{template} {channel}{with}")
        }
        Action::Coupon(name) => format!("{name} coupon"),
        Action::Webhook(name) => format!("{name} webhook"),
        Action::Notify(_) | Action::AddTag(..) | Action::RemoveTag(..) | Action::Set(..) => step.id.clone(),
    };
    match verdict {
        Verdict::Planned(channel) => (through(channel), None),
        Verdict::Waits(channel) => (format!("{} after a person's word", through(channel)), None),
        Verdict::Held(reason) => (format!("{} held back: {reason}", step.id), Some(reason)),
    }
}

fn in_words(pieces: &Pieces) -> String {
    match pieces.first().and_then(|(_, reason)| *reason) {
        Some(reason) if pieces.iter().all(|(_, of)| *of == Some(reason)) => format!("held back: {reason}"),
        _ => pieces.iter().map(|(words, _)| words.as_str()).collect::<Vec<_>>().join(", "),
    }
}

fn without(these: &Set, others: &Set) -> Set {
    let less = |(one, other): (&Bitmap, &Bitmap)| {
        let mut one = one.clone();
        one.without(other);
        one
    };
    these.iter().zip(others).map(less).collect()
}

fn both(these: &Set, others: &Set) -> Set {
    let common = |(one, other): (&Bitmap, &Bitmap)| {
        let mut one = one.clone();
        one.and(other);
        one
    };
    these.iter().zip(others).map(common).collect()
}

fn count(set: &Set) -> u64 {
    set.iter().map(|set| set.count() as u64).sum()
}
