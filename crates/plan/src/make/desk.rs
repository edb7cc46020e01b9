//! The plan for one chunk: rule by rule, each verdict as a set of its customers.

use super::Question;
use super::asked::{Asked, Earlier, Past, Repeats};
use super::caps::Caps;
use super::policy::{Draw, before, messages_under};
use crate::events::Waits;
use crate::history::{PastMessage, Record};
use crate::occasions::{Numbers, Ordinals};
use crate::plan::{Reason, Verdict, Verdicts};
use crate::reach::Reach;
use crate::replay::Reached;
use std::collections::HashMap;
use tidings_check::program::{Cap, Repeat};
use tidings_engine::{Bitmap, Chunk, Matches};
use tidings_schema::Now;

/// What the plan for a chunk is made on.
pub(super) struct Desk<'a> {
    question: &'a Question<'a>,
    index: usize,
    chunk: &'a Chunk,
    matches: &'a Matches,
    /// Who is held out from all rules.
    held_out: Bitmap,
    /// For each list of channels.
    ways: Vec<Ways<'a>>,
    /// For each event, to whom it happened.
    events: Vec<Happened>,
    caps: Caps<'a>,
    /// The caps before the last rule of a stretch.
    before: Option<Caps<'a>>,
    /// What was made of the last stretch of rules.
    pub made: Vec<Made>,
}

/// What some rules have in common.
#[derive(Default)]
pub(super) struct Common<'a> {
    /// The lists of channels that messages go through.
    pub channels: Vec<&'a [String]>,
    /// What rules wait for.
    pub events: Vec<Waits<'a>>,
    /// By chunk, messages that customers had before.
    pub messages: Vec<Vec<(usize, &'a [PastMessage])>>,
}

/// How the customers of a chunk can be reached through the first of some channels that reaches them.
struct Ways<'a> {
    /// Channels by their positions, and whom each reaches that none before it does.
    first: Vec<(u8, &'a str, Bitmap)>,
    /// Those of them for whom it is a time of silence there.
    quiet: Bitmap,
    /// The others, by the reason of the channel that came nearest.
    refused: [(Reason, Bitmap); 3],
}

struct Happened {
    whom: Bitmap,
    moments: Vec<(usize, i64)>,
}

/// What one rule does in one chunk.
#[derive(Default)]
pub(super) struct Made {
    /// For each audience, what happens to whom, and the verdicts of each step.
    pub audiences: Vec<(Verdicts, Vec<Verdicts>)>,
    pub undecided: u64,
    /// Customers with an occasion of their own.
    pub ordinals: Ordinals,
    pub used_up: Bitmap,
    /// For rules that go by entries.
    pub entered: Bitmap,
    pub left: Bitmap,
}

/// Who gets nothing at all from a rule.
#[derive(Default)]
struct Barred {
    holdout: Bitmap,
    already: Bitmap,
}

/// What a rule did before.
#[derive(Default)]
struct Before {
    /// Whom it does not reach again.
    already: Bitmap,
    /// How often it reached others, or the moments of the events that they are reached for.
    ordinals: Ordinals,
}

impl<'a> Desk<'a> {
    pub fn new(question: &'a Question<'a>, common: &Common<'a>, index: usize) -> Option<Desk<'a>> {
        let (chunk, matches) = (question.chunks.get(index)?, question.matches.get(index)?);
        let policy = &question.program.policy;
        let draw = policy.hold_out.map(|share| Draw::new(question.project, "", share));
        let known = match question.history {
            Record::Placed(replay) => replay.fixed().held_out(index),
            Record::Keyed(_) => None,
        };
        let held_out = match (known, draw) {
            (Some(known), _) => known.clone(),
            (None, Some(draw)) => Bitmap::from_fn(chunk.len(), |i| draw.holds_out(chunk.keys.value(i))),
            (None, None) => Bitmap::none(chunk.len()),
        };
        let mut caps = Caps::new(&policy.caps);
        caps.used_by(|cap| match question.history {
            Record::Placed(replay) => {
                replay.messages(index, cap, before(cap.per, question.now), &Bitmap::all(chunk.len()))
            }
            Record::Keyed(_) => {
                let messages = common.messages.get(index).map_or(&[][..], Vec::as_slice);
                used(cap, question.now, messages, chunk.len())
            }
        });
        let happened = |event: &Waits<'a>| {
            let moments = event.latest(question, chunk);
            let mut whom = Bitmap::none(chunk.len());
            moments.iter().for_each(|(i, _)| whom.insert(*i));
            Happened { whom, moments }
        };
        Some(Desk {
            question,
            index,
            chunk,
            matches,
            held_out,
            ways: Ways::all(question, index, chunk, &common.channels),
            events: common.events.iter().map(happened).collect(),
            caps,
            before: None,
            made: Vec::new(),
        })
    }

    /// Plans some rules, of which the last may come to be stopped by what it does in all chunks together.
    pub fn plan(&mut self, rules: &[Asked<'a>]) {
        let last = rules.len().saturating_sub(1);
        for (i, asked) in rules.iter().enumerate() {
            if i == last {
                self.before = Some(self.caps.clone());
            }
            let made = self.rule(asked);
            self.made.push(made);
        }
    }

    /// Gives back what the last rule took of the caps.
    pub fn give_back(&mut self) {
        self.caps = self.before.take().unwrap_or_else(|| self.caps.clone());
    }

    fn rule(&mut self, asked: &Asked<'a>) -> Made {
        let Some(matches) = self.matches.rule(asked.index) else { return Made::default() };
        let rule = asked.rule;
        let mut made = Made { used_up: Bitmap::none(self.chunk.len()), ..Made::default() };
        let happened = asked.event.and_then(|event| self.events.get(event));
        let among = |mut members: Bitmap| {
            happened.into_iter().for_each(|happened| members.and(&happened.whom));
            members
        };
        made.undecided = among(matches.undecided()).count() as u64;
        let mut audiences = vec![(among(matches.then()), &asked.then)];
        if !rule.otherwise.is_empty() {
            audiences.push((among(matches.otherwise()), &asked.otherwise));
        }
        let mut everybody = Bitmap::none(self.chunk.len());
        audiences.iter().for_each(|(members, _)| everybody.or(members));
        let mut passing = Bitmap::none(self.chunk.len());
        let moments = happened.filter(|_| rule.repeat == Repeat::EveryTime).map(|h| h.moments.as_slice());
        let before = self.before_now(asked, &everybody, moments.unwrap_or_default());
        made.ordinals = before.ordinals;
        let barred = match asked.stop {
            Some(_) => Barred::default(),
            None => Barred { holdout: self.held_out_of(asked, &everybody), already: before.already },
        };
        for (members, steps) in audiences {
            let stop = asked.stop.as_ref().map(|(reason, _)| *reason);
            // What is not run yet has no step.
            let stop = stop.or(steps.is_empty().then_some(Reason::NotRun));
            let verdicts = match stop {
                Some(reason) => {
                    if reason.passes() {
                        passing.or(&members);
                    }
                    let mut all = Verdicts::default();
                    all.add(Verdict::Held(reason), members);
                    (all.clone(), vec![all; steps.len()])
                }
                None => {
                    let steps = self.steps(asked, members, steps, &barred, &mut made.used_up, &mut passing);
                    (Verdicts::together(&steps), steps)
                }
            };
            made.audiences.push(verdicts);
        }
        if rule.repeat == Repeat::EveryEntry {
            passing.without(&made.used_up);
            self.entries(asked, everybody, &passing, &mut made);
        }
        made
    }

    /// Who gets nothing for what the draw says.
    fn held_out_of(&self, asked: &Asked<'a>, everybody: &Bitmap) -> Bitmap {
        let mut holdout = everybody.clone();
        holdout.and(&self.held_out);
        let known = match self.question.history {
            Record::Placed(replay) => replay.fixed().held_out_by(asked.index, self.index),
            Record::Keyed(_) => None,
        };
        match (known, asked.draw) {
            (Some(known), _) => {
                let mut out = everybody.clone();
                out.and(known);
                holdout.or(&out);
            }
            (None, Some(draw)) => {
                let out = everybody.iter().filter(|i| draw.holds_out(self.chunk.keys.value(*i)));
                out.for_each(|i| holdout.insert(i));
            }
            (None, None) => {}
        }
        holdout
    }

    /// What history says of those who match; `moments` are those of the events that they are reached for.
    fn before_now(&self, asked: &Asked<'a>, everybody: &Bitmap, moments: &[(usize, i64)]) -> Before {
        match &asked.past {
            Past::Found(past) => {
                let past = past.get(self.index).map_or(&[][..], Vec::as_slice);
                found(asked, past, everybody, moments)
            }
            Past::Kept(memory) => match memory.chunk(self.index) {
                Some(reached) => self.kept(asked, reached, everybody, moments),
                None => Before::default(),
            },
        }
    }

    /// The same of a replay.
    fn kept(
        &self,
        asked: &Asked<'a>,
        reached: &Reached,
        everybody: &Bitmap,
        moments: &[(usize, i64)],
    ) -> Before {
        let Record::Placed(replay) = self.question.history else { return Before::default() };
        match &asked.repeats {
            Repeats::Never => Before { already: reached.ever(everybody), ordinals: Ordinals::default() },
            Repeats::From(start) => Before {
                already: reached.since(replay.first_after(*start), everybody),
                ordinals: reached.ordinals(),
            },
            Repeats::Entry => Before { already: reached.inside().clone(), ordinals: reached.ordinals() },
            Repeats::Occurrence => {
                let first = replay.rule(asked.index).and_then(|rule| rule.first_on(&asked.occasion.usual));
                let mut already = match first.filter(|_| asked.event.is_none()) {
                    Some(run) => reached.since(run, everybody),
                    None => Bitmap::none(everybody.len()),
                };
                let again = moments.iter().filter(|(i, moment)| reached.for_event(*i, *moment));
                again.for_each(|(i, _)| already.insert(*i));
                Before { already, ordinals: Ordinals(Numbers::Listed(moments.to_vec())) }
            }
        }
    }

    /// The verdicts on all steps for some customers. One step uses the occasion up, so where a message has to wait for
    /// a quiet hour or a cap, everything waits with it: no coupon leaves without the mail that speaks of it. Where a
    /// cap drops the message, everything is dropped with it, and the occasion is used up. An event does not come
    /// again, so there the message waits in the outbox, where the gate puts it off.
    fn steps(
        &mut self,
        asked: &Asked<'a>,
        members: Bitmap,
        steps: &[Option<usize>],
        barred: &Barred,
        used_up: &mut Bitmap,
        passing: &mut Bitmap,
    ) -> Vec<Verdicts> {
        let (mut rest, mut held) = (members, Verdicts::default());
        held.add(Verdict::Held(Reason::Holdout), taken_out(&mut rest, &barred.holdout));
        held.add(Verdict::Held(Reason::AlreadySent), taken_out(&mut rest, &barred.already));
        // Where one message waits for a quiet hour, the cap is looked at when that is over.
        let mut quiet = Bitmap::none(rest.len());
        if asked.event.is_none() {
            self.ways_of(steps).for_each(|ways| quiet.or(&ways.quiet));
        }
        let quiet = taken_out(&mut rest, &quiet);
        let capped = self.capped(asked.event.is_none(), &rest, steps, used_up);
        rest.without(&capped);
        passing.or(&quiet);
        passing.or(&capped);
        held.add(Verdict::Held(Reason::Quiet), quiet);
        held.add(Verdict::Held(Reason::Capped), capped);
        let verdicts = steps.iter().map(|step| {
            let mut verdicts = held.clone();
            match step.and_then(|ways| self.ways.get(ways)) {
                Some(ways) => ways.sort(&rest, &mut verdicts),
                None => verdicts.add(Verdict::Planned(0), rest.clone()),
            }
            verdicts
        });
        verdicts.collect()
    }

    fn ways_of(&self, steps: &[Option<usize>]) -> impl Iterator<Item = &Ways<'a>> {
        steps.iter().flatten().filter_map(|ways| self.ways.get(*ways))
    }

    /// Takes the places of some customers under the caps; those for whom there is not room for everything take none.
    fn capped(
        &mut self,
        waits: bool,
        customers: &Bitmap,
        steps: &[Option<usize>],
        used_up: &mut Bitmap,
    ) -> Bitmap {
        let mut capped = Bitmap::none(customers.len());
        if self.caps.are_none() || !customers.any() {
            return capped;
        }
        let before = self.caps.clone();
        for ways in steps.iter().flatten().filter_map(|ways| self.ways.get(*ways)) {
            for (_, channel, whom) in &ways.first {
                let mut through = whom.clone();
                through.and(customers);
                let full = self.caps.take(channel, &through);
                used_up.or(&full.skip);
                capped.or(&full.skip);
                if waits {
                    capped.or(&full.wait);
                }
            }
        }
        if capped.any() {
            self.caps.give_back(&before, &capped);
        }
        capped
    }

    /// Who enters the rule's audience now, and who left it.
    fn entries(&self, asked: &Asked<'a>, members: Bitmap, passing: &Bitmap, made: &mut Made) {
        let mut inside = Bitmap::none(self.chunk.len());
        match &asked.past {
            Past::Found(past) => {
                let entries = past.get(self.index).into_iter().flatten();
                let entered = entries.filter(|(_, past)| matches!(past, Earlier::Entry(e) if e.inside));
                entered.for_each(|(i, _)| inside.insert(*i));
            }
            Past::Kept(memory) => memory.chunk(self.index).into_iter().for_each(|r| inside.or(r.inside())),
        }
        made.left = inside.clone();
        made.left.without(&members);
        made.entered = members;
        made.entered.without(&inside);
        made.entered.without(passing);
    }
}

/// What history, of customers by position and ascending, says of those who match.
fn found(
    asked: &Asked<'_>,
    past: &[(usize, Earlier<'_>)],
    everybody: &Bitmap,
    moments: &[(usize, i64)],
) -> Before {
    let (mut already, mut ordinals) = (Bitmap::none(everybody.len()), moments.to_vec());
    for (i, past) in past.iter().filter(|(i, _)| everybody.contains(*i)) {
        let ordinal = match (&asked.repeats, past) {
            (Repeats::Entry, Earlier::Entry(entry)) => (!entry.inside).then_some(i64::from(entry.ordinal)),
            (Repeats::From(start), Earlier::Reached(reached)) => {
                (reached.last_at <= *start).then_some(i64::from(reached.occasions))
            }
            (Repeats::Occurrence, Earlier::Reached(reached)) => {
                let moment = moments.binary_search_by_key(i, |(at, _)| *at).ok();
                let moment = moment.and_then(|at| moments.get(at)).map(|(_, moment)| *moment);
                if !reached.has(&asked.occasion.named(moment)) {
                    continue;
                }
                None
            }
            _ => None,
        };
        match ordinal {
            // Who never entered has the usual occasion.
            Some(0) if matches!(asked.repeats, Repeats::Entry) => {}
            Some(ordinal) => ordinals.push((*i, ordinal)),
            None => already.insert(*i),
        }
    }
    Before { already, ordinals: Ordinals(Numbers::Listed(ordinals)) }
}

/// Sets of customers, by position, that hold each as often as they had a message that a cap counts, up to its most.
fn used(cap: &Cap, now: Now, messages: &[(usize, &[PastMessage])], customers: usize) -> Vec<Bitmap> {
    let mut sets: Vec<Bitmap> = Vec::new();
    for (customer, messages) in messages {
        let used = messages_under(cap, now, messages).min(cap.count as usize);
        sets.resize_with(sets.len().max(used), || Bitmap::none(customers));
        sets.iter_mut().take(used).for_each(|set| set.insert(*customer));
    }
    sets
}

impl<'a> Ways<'a> {
    /// One for each list of channels.
    fn all(question: &'a Question<'a>, index: usize, chunk: &Chunk, lists: &[&'a [String]]) -> Vec<Ways<'a>> {
        let vocabulary = &question.program.vocabulary;
        let mut known: HashMap<&str, Option<Reach>> = HashMap::new();
        for channel in lists.iter().copied().flatten() {
            let reach = || vocabulary.contact(channel).and_then(|contact| question.reach(index, contact));
            known.entry(channel).or_insert_with(reach);
        }
        lists.iter().map(|channels| Ways::through(channels, &known, chunk.len())).collect()
    }

    fn through(channels: &'a [String], known: &HashMap<&str, Option<Reach>>, customers: usize) -> Ways<'a> {
        let (mut first, mut left) = (Vec::new(), Bitmap::all(customers));
        let none = Bitmap::none(customers);
        let (mut quiet, mut no_consent, mut suppressed) = (none.clone(), none.clone(), none);
        for (i, channel) in channels.iter().enumerate() {
            let Some(reach) = known.get(channel.as_str()).and_then(Option::as_ref) else { continue };
            let mut unwilling = reach.address.clone();
            unwilling.without(&reach.consent);
            no_consent.or(&unwilling);
            let mut reached = reach.address.clone();
            reached.and(&reach.consent);
            let mut refusing = reached.clone();
            refusing.and(&reach.suppressed);
            suppressed.or(&refusing);
            reached.without(&reach.suppressed);
            let reached = taken_out(&mut left, &reached);
            let mut silent = reached.clone();
            silent.and(&reach.quiet);
            quiet.or(&silent);
            first.push((i as u8, channel.as_str(), reached));
        }
        let suppressed = taken_out(&mut left, &suppressed);
        let no_consent = taken_out(&mut left, &no_consent);
        let refused =
            [(Reason::NoAddress, left), (Reason::NoConsent, no_consent), (Reason::Suppressed, suppressed)];
        Ways { first, quiet, refused }
    }

    /// The verdicts on some customers for whom nothing but their channels decides.
    fn sort(&self, customers: &Bitmap, into: &mut Verdicts) {
        let planned = self.first.iter().map(|(i, _, set)| (Verdict::Planned(*i), set));
        let refused = self.refused.iter().map(|(reason, set)| (Verdict::Held(*reason), set));
        for (verdict, set) in planned.chain(refused) {
            let mut both = customers.clone();
            both.and(set);
            into.add(verdict, both);
        }
    }
}

/// Takes those of a set out of others.
fn taken_out(from: &mut Bitmap, set: &Bitmap) -> Bitmap {
    let mut out = from.clone();
    out.and(set);
    from.without(&out);
    out
}
