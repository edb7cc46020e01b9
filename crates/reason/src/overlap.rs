//! Pairs of rules that can send the same channel to the same customer in one run, each with a customer to whom they do:
//! what the evaluator does not confirm is not told.

use crate::asked::Asked;
use crate::candidates::Candidates;
use crate::findings::running_places;
use crate::formula::Formula;
use crate::sample::{Dice, Sample};
use crate::solve::{Room, room};
use std::collections::{BTreeMap, HashMap, HashSet};
use tidings_check::Program;
use tidings_check::program::{Action, Rule, Schedule, Step};
use tidings_engine::people::chunk;
use tidings_engine::{Bitmap, Evaluator, Person, Populations};
use tidings_plan::schedule::{next, occurrences};
use tidings_schema::show::show;
use tidings_schema::{Now, Vocabulary, calendar};
use tidings_syntax::allow::Allowances;
use tidings_syntax::{Code, Diagnostic, Place};

/// Of more rules the first are looked at.
const MOST_RULES: usize = 300;
/// For so many pairs a customer is looked for; the others are found where such a customer happens to match both.
const MOST_PAIRS: usize = 400;
/// How many customers are made for all pairs together, and for one at least and at most.
const PEOPLE: usize = 60_000;
const OF_A_PAIR: (usize, usize) = (128, 4_096);
/// How many are evaluated together.
const TOGETHER: usize = 4_096;
/// How many pairs of a channel are named.
const NAMED: usize = 4;
/// The day at noon of which everybody is looked at, 2026-06-15: what is found does not depend on when it is looked for.
const DAY: i32 = 20_619;

/// Two rules that send the same channel to a customer at once.
#[derive(Clone, Debug)]
pub struct Overlap {
    /// The position of one rule in the program.
    pub first: usize,
    /// That of the other.
    pub second: usize,
    /// The channel.
    pub channel: String,
    /// A customer whom both reach.
    pub witness: Person,
    places: (Place, Place),
}

/// The moment for which customers are made.
pub fn moment(vocabulary: &Vocabulary) -> Now {
    let zone = vocabulary.zone;
    Now { micros: calendar::start_of_day(DAY, zone).saturating_add(12 * 3_600 * 1_000_000), zone }
}

/// The pairs that are found, in the order of the rules. Where a cap of the policy counts the channel it is meant so, and
/// rules whose schedules never come together, or that are over by the day that is looked at, send nothing together.
pub fn overlaps(program: &Program) -> Vec<Overlap> {
    looked_for(program).0
}

/// The same, and messages of rules for which not every other was looked for.
fn looked_for(program: &Program) -> (Vec<Overlap>, Vec<Place>) {
    let all = sides(program);
    let rules = all.chunk_by(|a, b| a.rule == b.rule).take(MOST_RULES).map(<[Side<'_>]>::len).sum();
    let (sides, others) = all.split_at(rules);
    let pairs = pairs(program, sides);
    let (found, mut unseen) =
        if pairs.is_empty() { Default::default() } else { Search::new(program, sides).witnessed(&pairs) };
    let beyond: HashSet<&str> =
        others.iter().flat_map(|side| &side.channels).map(|(channel, _)| *channel).collect();
    let partners = all.iter().flat_map(|side| &side.channels).filter(|(channel, _)| beyond.contains(channel));
    unseen.extend(partners.map(|(_, place)| *place));
    (found, unseen)
}

/// One finding for each channel, of the pairs that neither of their messages allows.
pub(crate) fn of_overlaps(program: &Program, allowances: &mut Allowances<'_>, out: &mut Vec<Diagnostic>) {
    let mut by_channel: BTreeMap<String, Vec<Overlap>> = BTreeMap::new();
    let (found, unseen) = looked_for(program);
    // Whether these are of use nobody knows.
    unseen.into_iter().for_each(|place| _ = allowances.allow(Code::BOTH_SEND, place));
    for overlap in found {
        // Both are asked: each allowance is of use where there is a pair.
        let (first, second) = overlap.places;
        let allowed = [first, second].map(|place| allowances.allow(Code::BOTH_SEND, place));
        if allowed.contains(&true) {
            continue;
        }
        by_channel.entry(overlap.channel.clone()).or_default().push(overlap);
    }
    out.extend(by_channel.iter().filter_map(|(channel, found)| finding(program, channel, found)));
}

fn finding(program: &Program, channel: &str, found: &[Overlap]) -> Option<Diagnostic> {
    let (first, others) = found.split_first()?;
    let name = |rule: usize| program.rules.get(rule).map_or("", |rule| rule.name.as_str());
    let names = |o: &Overlap| format!("`{}` and `{}`", name(o.first), name(o.second));
    let more = match others.len() {
        0 => String::new(),
        1 => ", and so can one more pair of rules".to_owned(),
        n => format!(", and so can {n} more pairs of rules"),
    };
    let message = format!("{} can both send {channel} to one customer in the same run{more}", names(first));
    let mut finding = Diagnostic::new(Code::BOTH_SEND, first.places.0, message)
        .label(format!("to {}, for one", described(program, &first.witness)))
        .also(first.places.1, "and this");
    for other in others.iter().take(NAMED - 1) {
        finding = finding.also(other.places.1, format!("{} can, too", names(other)));
    }
    let help = "write `at most 3 messages per 7 days`, or another cap, into the policy, and which goes first by `priority`; \
        or write `# allow W035: why` above the message that is meant beside others";
    Some(finding.help(help))
}

/// `a customer with visits 11 and 2 orders`
fn described(program: &Program, person: &Person) -> String {
    let vocabulary = &program.vocabulary;
    let mut said: Vec<String> = person
        .attributes
        .iter()
        .filter(|(id, _)| vocabulary.customer.created != Some(*id))
        .filter_map(|(id, value)| {
            let attribute = vocabulary.attribute(*id)?;
            Some(format!("{} {}", attribute.name, show(&attribute.ty, value, vocabulary.zone)))
        })
        .collect();
    let mut rows: BTreeMap<&str, usize> = BTreeMap::new();
    for collection in person.rows.iter().filter_map(|(id, _)| vocabulary.collection(*id)) {
        *rows.entry(&collection.name).or_default() += 1;
    }
    said.extend(rows.iter().map(|(name, count)| match count {
        1 => format!("one row of {name}"),
        _ => format!("{count} {name}"),
    }));
    match said.split_last() {
        None => "any customer".to_owned(),
        Some((last, [])) => format!("a customer with {last}"),
        Some((last, others)) => format!("a customer with {} and {last}", others.join(", ")),
    }
}

/// What a rule sends to one of its audiences.
struct Side<'p> {
    rule: usize,
    of: &'p Rule,
    otherwise: bool,
    /// The channels that no cap counts, each with its first step.
    channels: Vec<(&'p str, Place)>,
}

fn sides(program: &Program) -> Vec<Side<'_>> {
    let mut sides = Vec::new();
    let day = calendar::date(DAY);
    let not_over = |of: &Rule| of.expires.is_none_or(|expires| expires > day);
    for (rule, of) in running_places(program).filter(|(_, of)| not_over(of)) {
        for (otherwise, steps) in [(false, &of.then), (true, &of.otherwise)] {
            let channels = uncapped(program, steps);
            if !channels.is_empty() {
                sides.push(Side { rule, of, otherwise, channels });
            }
        }
    }
    sides
}

fn uncapped<'p>(program: &'p Program, steps: &'p [Step]) -> Vec<(&'p str, Place)> {
    let mut all: Vec<(&str, Place)> = Vec::new();
    for step in steps {
        let Action::Message { channels, .. } = &step.action else { continue };
        for channel in channels {
            let capped = program.policy.caps.iter().any(|cap| cap.counts(channel));
            if !capped && !all.iter().any(|(other, _)| other == channel) {
                all.push((channel, step.place));
            }
        }
    }
    all
}

/// Two sides by their positions, and the channel with its two steps.
struct Pair<'p> {
    first: usize,
    second: usize,
    channel: &'p str,
    places: (Place, Place),
}

fn pairs<'p>(program: &Program, sides: &[Side<'p>]) -> Vec<Pair<'p>> {
    let mut meetings = Meetings { now: moment(&program.vocabulary), known: HashMap::new() };
    let mut pairs = Vec::new();
    for (first, a) in sides.iter().enumerate() {
        for (second, b) in sides.iter().enumerate().skip(first + 1) {
            let shared = a.channels.iter().filter_map(|(channel, place)| {
                let other = b.channels.iter().find(|(other, _)| other == channel)?;
                Some(Pair { first, second, channel, places: (*place, other.1) })
            });
            let mut shared = shared.peekable();
            if shared.peek().is_some() && a.rule != b.rule && meetings.meet(a.of, b.of) {
                pairs.extend(shared);
            }
        }
    }
    pairs
}

/// Which schedules come at the same moment some time in a year.
struct Meetings {
    now: Now,
    known: HashMap<(String, String), bool>,
}

impl Meetings {
    fn meet(&mut self, a: &Rule, b: &Rule) -> bool {
        let key = (format!("{:?}", a.schedule), format!("{:?}", b.schedule));
        let now = self.now;
        *self.known.entry(key).or_insert_with(|| meet(&a.schedule, &b.schedule, now))
    }
}

fn meet(a: &Schedule, b: &Schedule, now: Now) -> bool {
    match (a, b) {
        // Of events it is not known which come together.
        (Schedule::On(_), _) | (_, Schedule::On(_)) => false,
        (Schedule::Interval(_), Schedule::Interval(_)) => true,
        (Schedule::Interval(_), _) => meet(b, a, now),
        _ => {
            let year = now.micros.saturating_add(366 * 86_400 * 1_000_000);
            let comes = |s: &Schedule, at: i64| next(s, now.zone, at - 1).is_some_and(|other| other.at == at);
            let first = |s| occurrences(s, now.zone, now.micros, year).take(400);
            // Of the rarer one these are all that matter.
            first(a).any(|o| comes(b, o.at)) || first(b).any(|o| comes(a, o.at))
        }
    }
}

struct Search<'p, 's> {
    program: &'p Program,
    sides: &'s [Side<'p>],
    evaluator: Evaluator,
    now: Now,
}

impl<'p, 's> Search<'p, 's> {
    fn new(program: &'p Program, sides: &'s [Side<'p>]) -> Search<'p, 's> {
        let (evaluator, now) = (Evaluator::compile(program), moment(&program.vocabulary));
        Search { program, sides, evaluator, now }
    }

    /// The pairs for which a customer is found, and the messages of those for which none was looked for nor found by chance.
    fn witnessed(&self, pairs: &[Pair<'p>]) -> (Vec<Overlap>, Vec<Place>) {
        let mut found: Vec<Option<Person>> = vec![None; pairs.len()];
        let every = pairs.len().div_ceil(MOST_PAIRS);
        let (least, most) = OF_A_PAIR;
        let each = (PEOPLE * every / pairs.len()).clamp(least, most);
        let mut waiting = Vec::new();
        for (i, pair) in pairs.iter().enumerate().step_by(every) {
            if found.get(i).is_some_and(Option::is_none) {
                waiting.extend(self.people(pair, each, i as u64));
            }
            if waiting.len() >= TOGETHER {
                self.look(pairs, &mut found, std::mem::take(&mut waiting));
            }
        }
        self.look(pairs, &mut found, waiting);
        let unseen =
            pairs.iter().zip(&found).enumerate().filter(|(i, (_, found))| i % every > 0 && found.is_none());
        let unseen = unseen.flat_map(|(_, (pair, _))| [pair.places.0, pair.places.1]).collect();
        let mut shown: Vec<&str> = Vec::new();
        let overlap = |(pair, witness): (&Pair<'p>, Option<Person>)| {
            let rule = |side: usize| self.sides.get(side).map(|side| side.rule);
            let mut witness = witness?;
            // One of each channel is shown.
            if !shown.contains(&pair.channel) {
                shown.push(pair.channel);
                witness = self.smallest(pair, witness);
            }
            Some(Overlap {
                first: rule(pair.first)?,
                second: rule(pair.second)?,
                channel: pair.channel.to_owned(),
                witness,
                places: pair.places,
            })
        };
        (pairs.iter().zip(found).filter_map(overlap).collect(), unseen)
    }

    /// Customers who may match both.
    fn people(&self, pair: &Pair<'_>, most: usize, seed: u64) -> Vec<Person> {
        let mut asked = Asked::new(self.program);
        let mut candidates = Candidates::new(self.program, self.now);
        let mut all: Vec<Formula> = Vec::new();
        for side in [pair.first, pair.second].into_iter().filter_map(|i| self.sides.get(i)) {
            if let Some(id) = side.of.segment {
                candidates.segment(id);
                all.push(asked.model.segment(id));
            }
            if let Some(condition) = &side.of.condition {
                candidates.condition(condition, None);
                let holds = asked.holds(condition);
                all.push(if side.otherwise { holds.negated() } else { holds });
            } else if side.otherwise {
                return Vec::new();
            }
        }
        let attributes = candidates.attributes.keys();
        let vars: HashMap<_, _> = attributes.map(|id| (*id, asked.model.attribute(*id))).collect();
        let room = if asked.model.is_too_large() {
            None
        } else {
            room(&asked.model, &all.iter().collect::<Vec<_>>())
        };
        let Some(room) = room else { return Vec::new() };
        let mut dice = Dice(seed);
        let lets =
            |room: &Room, id, value: Option<&_>| vars.get(&id).is_none_or(|var| room.lets(*var, value));
        let mut people = Sample::new(self.program, &candidates, |id, value| lets(&room, id, value))
            .people(most / 2, &mut dice);
        people.extend(Sample::new(self.program, &candidates, |_, _| true).people(most - most / 2, &mut dice));
        people
    }

    /// Takes in for which pairs there is a customer among these.
    fn look(&self, pairs: &[Pair<'_>], found: &mut [Option<Person>], mut people: Vec<Person>) {
        let sets = self.sets(&mut people);
        for (pair, found) in pairs.iter().zip(found).filter(|(_, found)| found.is_none()) {
            *found = both(&sets, pair).and_then(|i| people.get(i).cloned());
        }
    }

    /// For each side, whom it is for.
    fn sets(&self, people: &mut [Person]) -> Vec<Bitmap> {
        people.iter_mut().enumerate().for_each(|(i, person)| person.key = format!("{i:08}"));
        let chunk = chunk(&self.program.vocabulary, self.evaluator.needs(), people);
        let matches = self.evaluator.evaluate(&chunk, self.now, &Populations::default());
        let set = |side: &Side<'_>| match matches.rule(side.rule) {
            Some(rule) if side.otherwise => rule.otherwise(),
            Some(rule) => rule.then(),
            None => Bitmap::none(people.len()),
        };
        self.sides.iter().map(set).collect()
    }

    /// The customer with as little as is needed.
    fn smallest(&self, pair: &Pair<'_>, mut person: Person) -> Person {
        loop {
            let without_attribute = (0..person.attributes.len()).map(|i| {
                let mut less = person.clone();
                less.attributes.remove(i);
                less
            });
            let without_row = (0..person.rows.len()).map(|i| {
                let mut less = person.clone();
                less.rows.remove(i);
                less
            });
            let mut fewer: Vec<Person> = without_attribute.chain(without_row).collect();
            let sets = self.sets(&mut fewer);
            match both(&sets, pair).and_then(|i| fewer.get(i).cloned()) {
                Some(less) => person = less,
                None => return person,
            }
        }
    }
}

/// The first whom both sides of a pair are for.
fn both(sets: &[Bitmap], pair: &Pair<'_>) -> Option<usize> {
    let mut both = sets.get(pair.first)?.clone();
    both.and(sets.get(pair.second)?);
    both.iter().next()
}
