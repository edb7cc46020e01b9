//! How a plan is made.

use crate::Addresses;
use crate::events;
use crate::history::{Entry, History, RuleHistory};
use crate::plan::{Audience, Occasions, Plan, Reason, RulePlan, StepPlan, Verdict};
use crate::reach::{Reach, Reaching, Standing};
use crate::schedule::latest_occurrence;
use std::collections::{HashMap, HashSet};
use tidings_check::Program;
use tidings_check::program::{Action, Cap, Limit, Losers, Repeat, Rule, Schedule, Window};
use tidings_engine::{Bitmap, Chunk, Matches, Needs, RuleMatches};
use tidings_schema::{Now, calendar, money};
use xxhash_rust::xxh3::xxh3_64_with_seed;

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
    pub history: &'a History,
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
}

/// Makes the plan: rule by rule, the higher priority first where caps bind.
pub fn plan(question: &Question<'_>) -> Plan {
    let mut planner = Planner::new(question);
    let rules = question.program.rules.iter().enumerate();
    let mut order: Vec<(usize, &Rule)> =
        rules.filter(|(i, _)| question.only.is_none_or(|only| only.contains(i))).collect();
    order.sort_by_key(|(i, rule)| (std::cmp::Reverse(rule.priority), *i));
    let mut rules: Vec<RulePlan> = order.into_iter().map(|(i, rule)| planner.rule(i, rule)).collect();
    rules.sort_by_key(|r| r.rule);
    Plan { now: question.now, customers: planner.customers, rules }
}

/// Whether what a rule does for some customers depends on how many others there are.
pub fn counts_customers(rule: &Rule) -> bool {
    matches!(rule.limit, Some(Limit::Share(_)))
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

struct Planner<'a> {
    question: &'a Question<'a>,
    customers: u64,
    /// By channel and chunk.
    reach: HashMap<String, Vec<Reach>>,
    caps: Caps<'a>,
}

impl<'a> Planner<'a> {
    fn new(question: &'a Question<'a>) -> Planner<'a> {
        let program = question.program;
        let reaching = question.reaching();
        let used = |channel: &str| program.rules.iter().flat_map(Rule::channels).any(|c| c == channel);
        let contacts = program.vocabulary.contacts.iter().filter(|c| used(&c.channel));
        let reach = contacts.map(|contact| {
            (contact.channel.clone(), question.chunks.iter().map(|c| reaching.of(c, contact)).collect())
        });
        Planner {
            question,
            customers: question.matches.iter().map(|m| m.existing.count() as u64).sum(),
            reach: reach.collect(),
            caps: Caps::new(question),
        }
    }

    fn rule(&mut self, index: usize, rule: &Rule) -> RulePlan {
        let question = self.question;
        let identity = rule.identity();
        let empty = RuleHistory::default();
        let history = question.history.rules.get(identity).unwrap_or(&empty);
        let (usual, repeats) = Repeats::of(rule, question.now);
        let mut plan = RulePlan {
            rule: index,
            name: rule.name.clone(),
            identity: identity.to_owned(),
            audiences: Vec::new(),
            undecided: 0,
            wants: wants(question.matches, index),
            occasion: Occasions { usual, ordinals: HashMap::new() },
            used_up: HashSet::new(),
            stopped: None,
            entries: Vec::new(),
        };
        let happened = self.happened(index, rule, &mut plan.occasion);
        let whom = |which: fn(&RuleMatches<'_>) -> Bitmap| -> Vec<Bitmap> {
            let matched = question.matches.iter().filter_map(|m| m.rule(index)).enumerate();
            let among = matched.map(|(chunk, m)| {
                let mut members = which(&m);
                happened.get(chunk).into_iter().for_each(|happened| members.and(happened));
                members
            });
            among.collect()
        };
        plan.undecided = whom(|m| m.undecided()).iter().map(|m| m.count() as u64).sum();
        let stop = stopped(rule, question.now);
        let mut audiences = vec![(whom(|m| m.then()), &rule.then)];
        if !rule.otherwise.is_empty() {
            audiences.push((whom(|m| m.otherwise()), &rule.otherwise));
        }
        let (mut taken, mut verdicts) = (Vec::new(), Vec::new());
        for (members, steps) in audiences {
            let steps = steps.iter().map(|step| StepPlan {
                id: step.id.clone(),
                action: step.action.clone(),
                verdicts: members.iter().map(|m| Vec::with_capacity(m.count())).collect(),
            });
            let mut steps: Vec<StepPlan> = steps.collect();
            let event = matches!(rule.schedule, Schedule::On(_));
            for (chunk, members) in members.iter().enumerate() {
                for customer in members.iter() {
                    let held = match &stop {
                        Some((reason, _)) => Some(*reason),
                        None => {
                            self.held(rule, identity, history, &repeats, chunk, customer, &mut plan.occasion)
                        }
                    };
                    verdicts.clear();
                    match held {
                        Some(reason) => verdicts.resize(steps.len(), Verdict::Held(reason)),
                        None if self.steps(event, &steps, chunk, customer, &mut verdicts, &mut taken) => {
                            plan.used_up.insert((chunk, customer));
                        }
                        None => {}
                    }
                    for (step, verdict) in steps.iter_mut().zip(&verdicts) {
                        if let Some(of_chunk) = step.verdicts.get_mut(chunk) {
                            of_chunk.push(*verdict);
                        }
                    }
                }
            }
            plan.audiences.push(Audience { members, steps });
        }
        plan.stopped = stop.map(|(_, words)| words);
        self.limit(rule, &mut plan, taken);
        if rule.repeat == Repeat::EveryEntry {
            plan.entries = self.entries(&plan, history);
        }
        plan
    }

    /// By chunk, to whom the event happened that a rule waits for; nothing for a rule that waits for none. Where it
    /// reaches them every time, the occasion is the event's moment: no event brings anything twice.
    fn happened(&self, index: usize, rule: &Rule, occasions: &mut Occasions) -> Vec<Bitmap> {
        let mut happened = Vec::new();
        for (c, chunk) in self.question.chunks.iter().enumerate() {
            let Some(moments) = events::latest(self.question, index, chunk) else { continue };
            happened.push(Bitmap::from_fn(chunk.len(), |i| moments.get(i).is_some_and(Option::is_some)));
            if rule.repeat == Repeat::EveryTime {
                let moments = moments.into_iter().enumerate();
                occasions.ordinals.extend(moments.filter_map(|(i, at)| Some(((c, i), at?))));
            }
        }
        happened
    }

    /// Why a customer gets nothing at all from a rule.
    #[expect(clippy::too_many_arguments, reason = "one customer's whole situation, used in one place")]
    fn held(
        &self,
        rule: &Rule,
        identity: &str,
        history: &RuleHistory,
        repeats: &Repeats,
        chunk: usize,
        customer: usize,
        occasions: &mut Occasions,
    ) -> Option<Reason> {
        let key = self.question.chunks.get(chunk)?.keys.value(customer);
        let project = self.question.project;
        let everywhere = self.question.program.policy.hold_out;
        if everywhere.is_some_and(|share| held_out(project, "", key, share))
            || rule.hold_out.is_some_and(|share| held_out(project, identity, key, share))
        {
            return Some(Reason::Holdout);
        }
        if let Repeats::Entry = repeats {
            let entry = history.entries.get(key).copied().unwrap_or_default();
            if entry.inside {
                return Some(Reason::AlreadySent);
            }
            if entry.ordinal > 0 {
                occasions.ordinals.insert((chunk, customer), i64::from(entry.ordinal));
            }
            return None;
        }
        let reached = history.reached.get(key)?;
        match repeats {
            Repeats::Never => Some(Reason::AlreadySent),
            Repeats::From(start) if reached.last_at > *start => Some(Reason::AlreadySent),
            Repeats::From(_) => {
                occasions.ordinals.insert((chunk, customer), i64::from(reached.occasions));
                None
            }
            Repeats::Occurrence => reached.has(&occasions.of(chunk, customer)).then_some(Reason::AlreadySent),
            Repeats::Entry => None,
        }
    }

    /// The verdicts on all steps for one customer. One step uses the occasion up, so where a message has to wait
    /// for a quiet hour or a cap, everything waits with it: no coupon leaves without the mail that speaks of it.
    /// Where a cap drops the message, everything is dropped with it, and the answer is yes: the occasion is used up.
    /// An event does not come again, so there the message waits in the outbox, where the gate puts it off.
    fn steps(
        &mut self,
        event: bool,
        steps: &[StepPlan],
        chunk: usize,
        customer: usize,
        verdicts: &mut Vec<Verdict>,
        taken: &mut Vec<Taken>,
    ) -> bool {
        let before = taken.len();
        let mut dropped = false;
        for step in steps {
            verdicts.push(match self.step(event, &step.action, chunk, customer, taken) {
                Ok(verdict) => verdict,
                Err(losers) => {
                    dropped |= losers == Losers::Skip;
                    Verdict::Held(Reason::Capped)
                }
            });
        }
        let held = verdicts.iter().filter_map(|verdict| match verdict {
            Verdict::Held(reason) if reason.passes() => Some(*reason),
            _ => None,
        });
        // Where one message waits for a quiet hour, the cap is looked at when that is over.
        let waits = held.min();
        if let Some(reason) = waits {
            taken.drain(before..).for_each(|one| self.caps.give_back(one));
            verdicts.fill(Verdict::Held(reason));
        }
        dropped && waits == Some(Reason::Capped)
    }

    /// The verdict on one step; or what happens to it, where a cap has no room.
    fn step(
        &mut self,
        event: bool,
        action: &Action,
        chunk: usize,
        customer: usize,
        taken: &mut Vec<Taken>,
    ) -> Result<Verdict, Losers> {
        let Action::Message { channels, .. } = action else { return Ok(Verdict::Planned(0)) };
        let mut refusal = Reason::NoAddress;
        for (i, channel) in channels.iter().enumerate() {
            let Some(reach) = self.reach.get(channel).and_then(|r| r.get(chunk)) else { continue };
            let reason = if !reach.address.contains(customer) {
                Reason::NoAddress
            } else if !reach.consent.contains(customer) {
                Reason::NoConsent
            } else if reach.suppressed.contains(customer) {
                Reason::Suppressed
            } else if reach.quiet.contains(customer) && !event {
                return Ok(Verdict::Held(Reason::Quiet));
            } else {
                match self.caps.take(chunk, customer, channel) {
                    Ok(place) => taken.push(place),
                    Err(Losers::Wait) if event => {}
                    Err(losers) => return Err(losers),
                }
                return Ok(Verdict::Planned(i as u8));
            };
            // Of several channels that cannot reach the customer, the one that came nearest says why.
            refusal = refusal.max(reason);
        }
        Ok(Verdict::Held(refusal))
    }

    /// Lets the whole rule wait for a person where it would reach more customers than it may, and gives its
    /// places under the caps back: the gate looks at them again.
    fn limit(&mut self, rule: &Rule, plan: &mut RulePlan, taken: Vec<Taken>) {
        let why = self.over_limit(rule, plan).or_else(|| self.over_budget(rule, plan));
        let Some(why) = why.or_else(|| self.cut_short(rule, plan)) else { return };
        plan.stopped = Some(why);
        let steps = plan.audiences.iter_mut().flat_map(|a| &mut a.steps);
        for verdict in steps.flat_map(|s| &mut s.verdicts).flatten() {
            if let Verdict::Planned(channel) = *verdict {
                *verdict = Verdict::Waits(channel);
            }
        }
        taken.into_iter().for_each(|one| self.caps.give_back(one));
    }

    fn over_limit(&self, rule: &Rule, plan: &RulePlan) -> Option<String> {
        let planned = plan.tally().planned;
        let most = match rule.limit? {
            Limit::Customers(most) => most,
            // 29% of 100 is 29, whatever binary fractions make of it.
            Limit::Share(share) => (share * self.customers as f64 + 1e-6).floor() as u64,
        };
        (planned > most).then(|| format!("it would reach {planned} customers, and its limit is {most}"))
    }

    /// What is left of a run that was over the limit or the budget as a whole may be under it.
    fn cut_short(&self, rule: &Rule, plan: &RulePlan) -> Option<String> {
        let rest = self.question.history.held.contains(rule.identity()) && plan.tally().planned > 0;
        rest.then(|| "it goes on with a run that was cut short and waits for a person".to_owned())
    }

    fn over_budget(&self, rule: &Rule, plan: &RulePlan) -> Option<String> {
        let budget = rule.budget.as_ref()?;
        let start = before(budget.per, self.question.now);
        let spent = self.question.history.spent.get(rule.identity()).into_iter().flatten();
        let spent: i64 = spent.filter(|(at, _)| *at > start).map(|(_, worth)| worth).sum();
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

    /// Who enters the rule's audience now, and who left it.
    fn entries(&self, plan: &RulePlan, history: &RuleHistory) -> Vec<(String, Entry)> {
        let mut changed = Vec::new();
        let mut inside = HashSet::new();
        plan.for_each_member(|chunk, customer, verdict| {
            let Some(key) = self.question.chunks.get(chunk).map(|c| c.keys.value(customer)) else { return };
            inside.insert(key);
            let before = history.entries.get(key).copied().unwrap_or_default();
            let passes = matches!(verdict, Verdict::Held(reason) if reason.passes())
                && !plan.used_up.contains(&(chunk, customer));
            if !before.inside && !passes {
                changed.push((key.to_owned(), Entry { ordinal: before.ordinal + 1, inside: true }));
            }
        });
        let left = history.entries.iter().filter(|(key, e)| e.inside && !inside.contains(key.as_str()));
        changed.extend(left.map(|(key, e)| (key.clone(), Entry { inside: false, ..*e })));
        changed.sort_by(|a, b| a.0.cmp(&b.0));
        changed
    }
}

/// What stops a rule as a whole, for whoever matches, with the words for it.
fn stopped(rule: &Rule, now: Now) -> Option<(Reason, String)> {
    if rule.expires.is_some_and(|day| now.today() >= calendar::day_number(day)) {
        let day = rule.expires.map(|d| d.to_string()).unwrap_or_default();
        return Some((Reason::Expired, format!("it expired on {day}")));
    }
    let blocks = rule.not_run.iter().find(|n| n.blocks)?;
    Some((Reason::NotRun, format!("`{}` is not run yet", blocks.what)))
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

/// How a repeat policy reads history at one moment.
enum Repeats {
    /// Who was reached is reached no more.
    Never,
    /// Who was last reached after this instant is not reached again.
    From(i64),
    /// Who was reached at this occurrence is not reached again.
    Occurrence,
    /// Who is inside is not reached again.
    Entry,
}

impl Repeats {
    /// With the occasion of those who were never reached.
    fn of(rule: &Rule, now: Now) -> (String, Repeats) {
        match rule.repeat {
            Repeat::Once => ("once".to_owned(), Repeats::Never),
            Repeat::AtMostOncePer(window) => ("time 0".to_owned(), Repeats::From(before(window, now))),
            Repeat::EveryEntry => ("entry 0".to_owned(), Repeats::Entry),
            Repeat::EveryTime => {
                let occurrence = latest_occurrence(&rule.schedule, now).unwrap_or_default();
                (format!("at {occurrence}"), Repeats::Occurrence)
            }
        }
    }
}

/// The instant that lies a rolling length of time before now: the same time of day for days and months.
pub(crate) fn before(window: Window, now: Now) -> i64 {
    match window {
        Window::Seconds(seconds) => now.micros.saturating_sub(seconds.saturating_mul(1_000_000)),
        Window::Days(days) => now.days_ago(days).micros,
        Window::Months(months) => {
            let days = now.today() - calendar::months_before(now.today(), months);
            now.days_ago(days.unsigned_abs()).micros
        }
        Window::Between(..) => i64::MIN,
    }
}

/// Whether a customer falls into a holdout: xxh3 of rule and customer, seeded by the project, as a share of
/// its range. Stable for ever; independent between rules; the empty rule is the holdout from all of them.
pub fn held_out(project: &str, rule: &str, customer: &str, share: f64) -> bool {
    let seed = xxh3_64_with_seed(project.as_bytes(), 0);
    let draw = xxh3_64_with_seed(customer.as_bytes(), xxh3_64_with_seed(rule.as_bytes(), seed));
    (draw as f64) < share * (u64::MAX as f64)
}

/// A place under the caps.
struct Taken {
    chunk: usize,
    customer: usize,
    caps: Vec<usize>,
}

/// How many past messages of a customer count under a cap.
pub(crate) fn messages_under(cap: &Cap, question: &Question<'_>, customer: &str) -> usize {
    let Some(messages) = question.history.messages.get(customer) else { return 0 };
    let start = before(cap.per, question.now);
    messages.iter().filter(|m| m.at > start && cap.counts(&m.channel)).count()
}

/// The caps, and how much of them each customer has used.
struct Caps<'a> {
    caps: &'a [Cap],
    /// By cap, chunk and customer.
    used: Vec<Vec<Vec<u32>>>,
}

impl<'a> Caps<'a> {
    fn new(question: &'a Question<'_>) -> Caps<'a> {
        let caps = &question.program.policy.caps;
        let used = caps.iter().map(|cap| {
            let past = |key: &str| messages_under(cap, question, key);
            question
                .chunks
                .iter()
                .map(|chunk| (0..chunk.len()).map(|i| past(chunk.keys.value(i)) as u32).collect())
                .collect()
        });
        Caps { caps, used: used.collect() }
    }

    /// Takes a place for one message under every cap that counts it, or none where one is full, and then what
    /// happens to the message.
    fn take(&mut self, chunk: usize, customer: usize, channel: &str) -> Result<Taken, Losers> {
        let caps: Vec<usize> =
            self.caps.iter().enumerate().filter(|(_, cap)| cap.counts(channel)).map(|(i, _)| i).collect();
        let full = |i: &usize| {
            let used = self.used.get(*i).and_then(|u| u.get(chunk)).and_then(|u| u.get(customer));
            used.zip(self.caps.get(*i)).is_none_or(|(used, cap)| *used >= cap.count)
        };
        let full: Vec<Losers> =
            caps.iter().filter(|i| full(i)).filter_map(|i| self.caps.get(*i)).map(|c| c.losers).collect();
        if full.contains(&Losers::Skip) {
            return Err(Losers::Skip);
        } else if !full.is_empty() {
            return Err(Losers::Wait);
        }
        let taken = Taken { chunk, customer, caps };
        self.change(&taken, |used| used + 1);
        Ok(taken)
    }

    fn give_back(&mut self, taken: Taken) {
        self.change(&taken, |used| used.saturating_sub(1));
    }

    fn change(&mut self, taken: &Taken, change: impl Fn(u32) -> u32) {
        for i in &taken.caps {
            let used = self
                .used
                .get_mut(*i)
                .and_then(|u| u.get_mut(taken.chunk))
                .and_then(|u| u.get_mut(taken.customer));
            if let Some(used) = used {
                *used = change(*used);
            }
        }
    }
}
