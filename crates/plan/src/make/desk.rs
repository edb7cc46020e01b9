//! The plan for one chunk: rule by rule, each verdict as a set of its customers.

use super::Question;
use super::asked::{Asked, Earlier, Repeats};
use super::caps::Caps;
use super::counts::Counts;
use super::found::{Before, found, used};
use super::policy::{Draw, before};
use super::ways::Ways;
use crate::events::Waits;
use crate::history::{PastMessage, Record};
use crate::occasions::{Numbers, Ordinals};
use crate::plan::{Reason, Verdict, Verdicts};
use crate::replay::{Memory, Reached};
use tidings_check::program::Repeat;
use tidings_engine::{Bitmap, Chunk, Matches};

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
    /// Of a replay, what it did here.
    memory: Option<&'a mut Memory>,
    /// Whether all that is made is kept.
    keep: bool,
    /// What was made of the last stretch of rules and is kept.
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
    /// Whether all that is made is kept.
    pub keep: bool,
    /// How many rows the rules have among the counts.
    pub rows: usize,
}

struct Happened {
    whom: Bitmap,
    moments: Vec<(usize, i64)>,
}

/// What one rule does in one chunk.
#[derive(Default)]
pub(crate) struct Made {
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

impl<'a> Desk<'a> {
    pub fn new(
        question: &'a Question<'a>,
        common: &Common<'a>,
        index: usize,
        memory: Option<&'a mut Memory>,
    ) -> Option<Desk<'a>> {
        let (chunk, matches) = (question.chunks.get(index)?, question.matches.get(index)?);
        let policy = &question.program.policy;
        let draw = policy.hold_out.map(|share| Draw::new(question.project, "", share));
        let known = match question.history {
            Record::Placed(runs) => runs.fixed.held_out(index),
            Record::Keyed(_) => None,
        };
        let held_out = match (known, draw) {
            (Some(known), _) => known.clone(),
            (None, Some(draw)) => Bitmap::from_fn(chunk.len(), |i| draw.holds_out(chunk.keys.value(i))),
            (None, None) => Bitmap::none(chunk.len()),
        };
        let mut caps = Caps::new(&policy.caps);
        caps.used_by(|cap| match (question.history, &memory) {
            (Record::Placed(runs), Some(memory)) => {
                let first = runs.first_after(before(cap.per, question.now));
                memory.messages(cap, first, &Bitmap::all(chunk.len()))
            }
            _ => {
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
            memory,
            keep: common.keep,
            made: Vec::new(),
        })
    }

    /// Plans some rules, of which the last may come to be stopped by what it does in all chunks together.
    pub fn plan(&mut self, rules: &[Asked<'a>]) -> Counts {
        let last = rules.len().saturating_sub(1);
        let mut counts = Counts::of(rules);
        for (i, asked) in rules.iter().enumerate() {
            if i == last {
                self.before = Some(self.caps.clone());
            }
            let made = self.rule(asked);
            counts.add(asked, &made);
            if self.keep || asked.may_stop {
                self.made.push(made);
            } else {
                self.remember(asked, &made);
            }
        }
        counts
    }

    /// Carries out what was kept for all chunks' sake: why each of the rules is stopped, if it is, is known now.
    pub fn settle(&mut self, rules: &[Asked<'a>], stopped: &[Option<String>]) {
        let mut made = std::mem::take(&mut self.made);
        let keep = self.keep;
        let kept = rules.iter().zip(stopped).filter(|(asked, _)| keep || asked.may_stop);
        for ((asked, stopped), made) in kept.zip(&mut made) {
            if stopped.is_some() {
                made.hold();
            }
            self.remember(asked, made);
        }
        if self.keep {
            self.made = made;
        }
        // No other can have been stopped by what it does, where there are caps.
        if stopped.last().is_some_and(Option::is_some) {
            self.caps = self.before.take().unwrap_or_else(|| self.caps.clone());
        }
    }

    fn remember(&mut self, asked: &Asked<'a>, made: &Made) {
        if let (Some(memory), Record::Placed(runs)) = (&mut self.memory, self.question.history) {
            memory.take(runs, self.question.program, (asked.index, asked.rule), made);
        }
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
        made.undecided = match happened {
            Some(happened) => matches.undecided().count_both(&happened.whom) as u64,
            None => matches.undecided_count(),
        };
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

    /// Who gets nothing for what the draw says, and perhaps others who do not match.
    fn held_out_of(&self, asked: &Asked<'a>, everybody: &Bitmap) -> Bitmap {
        let mut holdout = self.held_out.clone();
        let known = match self.question.history {
            Record::Placed(runs) => runs.fixed.held_out_by(asked.index, self.index),
            Record::Keyed(_) => None,
        };
        match (known, asked.draw) {
            (Some(known), _) => holdout.or(known),
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
        match self.reached(asked) {
            Some(reached) => self.kept(asked, reached, everybody, moments),
            None => {
                let past = asked.past.get(self.index).map_or(&[][..], Vec::as_slice);
                found(asked, past, everybody, moments)
            }
        }
    }

    /// Whom a rule reached here in a replay.
    fn reached(&self, asked: &Asked<'a>) -> Option<&Reached> {
        self.memory.as_ref()?.rule(asked.index)
    }

    /// What a replay says of those who match.
    fn kept(
        &self,
        asked: &Asked<'a>,
        reached: &Reached,
        everybody: &Bitmap,
        moments: &[(usize, i64)],
    ) -> Before {
        let Record::Placed(runs) = self.question.history else { return Before::default() };
        let ordinals = || if self.keep { reached.ordinals() } else { Ordinals::default() };
        match &asked.repeats {
            Repeats::Never => Before { already: reached.ever(everybody), ordinals: Ordinals::default() },
            Repeats::From(start) => {
                let already = reached.since(runs.first_after(*start), everybody);
                Before { already, ordinals: ordinals() }
            }
            Repeats::Entry => Before { already: reached.inside().clone(), ordinals: ordinals() },
            Repeats::Occurrence => {
                let first = runs.first_on(asked.index, &asked.occasion.usual);
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
        held.add(Verdict::Held(Reason::Holdout), rest.take(&barred.holdout));
        held.add(Verdict::Held(Reason::AlreadySent), rest.take(&barred.already));
        // Where one message waits for a quiet hour, the cap is looked at when that is over.
        let mut quiet = Bitmap::none(rest.len());
        if asked.event.is_none() {
            self.ways_of(steps).for_each(|ways| quiet.or(&ways.quiet));
        }
        let quiet = rest.take(&quiet);
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
        // Who finds no room for the only message took none.
        let messages: usize = self.ways_of(steps).map(|ways| ways.first.len()).sum();
        let before = (messages > 1).then(|| self.caps.clone());
        for ways in steps.iter().flatten().filter_map(|ways| self.ways.get(*ways)) {
            for (_, channel, whom) in &ways.first {
                let full = self.caps.take(channel, &customers.both(whom));
                used_up.or(&full.skip);
                capped.or(&full.skip);
                if waits {
                    capped.or(&full.wait);
                }
            }
        }
        if let Some(before) = before.filter(|_| capped.any()) {
            self.caps.give_back(&before, &capped);
        }
        capped
    }

    /// Who enters the rule's audience now, and who left it.
    fn entries(&self, asked: &Asked<'a>, members: Bitmap, passing: &Bitmap, made: &mut Made) {
        let mut inside = Bitmap::none(self.chunk.len());
        match self.reached(asked) {
            Some(reached) => inside.or(reached.inside()),
            None => {
                let entries = asked.past.get(self.index).into_iter().flatten();
                let entered = entries.filter(|(_, past)| matches!(past, Earlier::Entry(e) if e.inside));
                entered.for_each(|(i, _)| inside.insert(*i));
            }
        }
        made.left = inside.clone();
        made.left.without(&members);
        made.entered = members;
        made.entered.without(&inside);
        made.entered.without(passing);
    }
}

impl Made {
    /// Lets wait for a person whatever is planned.
    fn hold(&mut self) {
        for (outcome, steps) in &mut self.audiences {
            [outcome].into_iter().chain(steps).for_each(Verdicts::hold);
        }
    }

    /// Whose occasion is used up: who is sent something, now or after a person's word, and for whom a cap drops it.
    pub fn used(&self) -> Bitmap {
        let mut used = self.used_up.clone();
        self.audiences.iter().for_each(|(outcome, _)| used.or(&outcome.sent()));
        used
    }
}
