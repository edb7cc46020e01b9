//! The plan for one chunk: rule by rule, each verdict as a set of its customers.

use super::Question;
use super::asked::{Asked, Earlier, Repeats};
use super::caps::Caps;
use super::policy::{Draw, messages_under};
use crate::events::Waits;
use crate::history::{Entry, PastMessage};
use crate::plan::{Reason, Verdict, Verdicts};
use crate::reach::Reach;
use std::collections::HashMap;
use tidings_check::program::Repeat;
use tidings_engine::{Bitmap, Chunk, Matches};

/// What the plan for a chunk is made on.
pub(super) struct Desk<'a> {
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
    pub ordinals: Vec<(usize, i64)>,
    pub used_up: Bitmap,
    /// For rules that go by entries.
    pub entered: Bitmap,
    pub left: Vec<(String, Entry)>,
}

/// Who gets nothing at all from a rule.
#[derive(Default)]
struct Barred {
    holdout: Bitmap,
    already: Bitmap,
}

impl<'a> Desk<'a> {
    pub fn new(question: &'a Question<'a>, common: &Common<'a>, index: usize) -> Option<Desk<'a>> {
        let (chunk, matches) = (question.chunks.get(index)?, question.matches.get(index)?);
        let policy = &question.program.policy;
        let draw = policy.hold_out.map(|share| Draw::new(question.project, "", share));
        let out = |i: usize| draw.is_some_and(|draw| draw.holds_out(chunk.keys.value(i)));
        let held_out = match draw {
            Some(_) => Bitmap::from_fn(chunk.len(), out),
            None => Bitmap::none(chunk.len()),
        };
        let mut caps = Caps::new(&policy.caps, chunk.len());
        for (customer, messages) in common.messages.get(index).into_iter().flatten() {
            caps.used_before(*customer, |cap| messages_under(cap, question.now, messages));
        }
        let happened = |event: &Waits<'a>| {
            let moments = event.latest(question, chunk);
            let mut whom = Bitmap::none(chunk.len());
            moments.iter().for_each(|(i, _)| whom.insert(*i));
            Happened { whom, moments }
        };
        Some(Desk {
            index,
            chunk,
            matches,
            held_out,
            ways: Ways::all(question, chunk, &common.channels),
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
        if let Some(happened) = happened.filter(|_| rule.repeat == Repeat::EveryTime) {
            made.ordinals.clone_from(&happened.moments);
        }
        made.undecided = among(matches.undecided()).count() as u64;
        let mut audiences = vec![(among(matches.then()), &asked.then)];
        if !rule.otherwise.is_empty() {
            audiences.push((among(matches.otherwise()), &asked.otherwise));
        }
        let mut everybody = Bitmap::none(self.chunk.len());
        audiences.iter().for_each(|(members, _)| everybody.or(members));
        let mut passing = Bitmap::none(self.chunk.len());
        let barred = match asked.stop {
            Some(_) => Barred::default(),
            None => self.barred(asked, &everybody, &mut made),
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

    /// Who gets nothing for what the draw or history says. What history says of the others is put with the ordinals.
    fn barred(&self, asked: &Asked<'a>, everybody: &Bitmap, made: &mut Made) -> Barred {
        let mut holdout = everybody.clone();
        holdout.and(&self.held_out);
        if let Some(draw) = asked.draw {
            let out = everybody.iter().filter(|i| draw.holds_out(self.chunk.keys.value(*i)));
            out.for_each(|i| holdout.insert(i));
        }
        let mut already = Bitmap::none(self.chunk.len());
        for (i, past) in asked.past.get(self.index).into_iter().flatten() {
            if !everybody.contains(*i) || holdout.contains(*i) {
                continue;
            }
            let ordinal = match (&asked.repeats, past) {
                (Repeats::Entry, Earlier::Entry(entry)) => {
                    (!entry.inside).then_some(i64::from(entry.ordinal))
                }
                (Repeats::From(start), Earlier::Reached(reached)) => {
                    (reached.last_at <= *start).then_some(i64::from(reached.occasions))
                }
                (Repeats::Occurrence, Earlier::Reached(reached)) => {
                    let moment = made.ordinals.binary_search_by_key(i, |(at, _)| *at).ok();
                    let moment = moment.and_then(|at| made.ordinals.get(at)).map(|(_, moment)| *moment);
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
                Some(ordinal) => made.ordinals.push((*i, ordinal)),
                None => already.insert(*i),
            }
        }
        Barred { holdout, already }
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
        for (i, past) in asked.past.get(self.index).into_iter().flatten() {
            let Earlier::Entry(entry) = past else { continue };
            if !entry.inside {
                continue;
            }
            inside.insert(*i);
            if !members.contains(*i) {
                made.left.push((self.chunk.keys.value(*i).to_owned(), Entry { inside: false, ..*entry }));
            }
        }
        made.entered = members;
        made.entered.without(&inside);
        made.entered.without(passing);
    }
}

impl<'a> Ways<'a> {
    /// One for each list of channels.
    fn all(question: &'a Question<'a>, chunk: &Chunk, lists: &[&'a [String]]) -> Vec<Ways<'a>> {
        let (reaching, vocabulary) = (question.reaching(), &question.program.vocabulary);
        let mut known: HashMap<&str, Option<Reach>> = HashMap::new();
        for channel in lists.iter().copied().flatten() {
            let reach = || vocabulary.contact(channel).map(|contact| reaching.of(chunk, contact));
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
