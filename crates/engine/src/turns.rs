//! What would have to be different: the fewest comparisons of a trace that have to come out otherwise for its rule to be
//! for the customer.

use crate::trace::{Trace, Verdict, What};
use std::collections::{BTreeMap, HashMap};

/// So many ways are followed at once; with more of them, a shorter one could be missed.
const MOST_WAYS: usize = 256;
/// So many ways of the same length are told.
const MOST_TOLD: usize = 3;

/// A comparison that would have to come out otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Turn<'t> {
    /// It as it is.
    pub part: &'t Trace,
    /// Its position in [`comparisons`].
    pub position: usize,
    /// Whether it would have to hold; else it would have to be definitely false.
    pub holds: bool,
}

/// The comparisons of a trace, in the rule's order: what has no parts, or whose parts only tell where its values are from.
/// The same ones for a customer at every moment, save for whether the customer is there yet, which comes first where told.
pub fn comparisons(trace: &Trace) -> Vec<&Trace> {
    let mut found = Vec::new();
    gather(trace, &mut found);
    found
}

fn gather<'t>(trace: &'t Trace, found: &mut Vec<&'t Trace>) {
    if is_comparison(trace) {
        found.push(trace);
    } else {
        trace.children.iter().for_each(|child| gather(child, found));
    }
}

fn is_comparison(trace: &Trace) -> bool {
    match trace.what {
        What::Test | What::Known | What::Created | What::Constant | What::Entered(_) | What::Stage { .. } => {
            true
        }
        // What stands behind a name is told where it comes first, and nowhere if that part is not told.
        What::Define(_) | What::Segment(_) => trace.children.is_empty(),
        What::Rule(_) | What::All | What::Any | What::Not => false,
    }
}

/// The smallest sets of comparisons that make a rule be for the customer by coming out otherwise, while all others stay as
/// they are. Empty where it is for the customer already, and where no comparison can bring that about.
pub fn turns(rule: &Trace) -> Vec<Vec<Turn<'_>>> {
    if rule.verdict == Verdict::Yes {
        return Vec::new();
    }
    let parts = comparisons(rule);
    let position = |part: &&Trace| std::ptr::from_ref::<Trace>(part);
    let positions = parts.iter().enumerate().map(|(i, part)| (position(part), i)).collect();
    let mut behind = HashMap::new();
    let repeats = name(rule, &mut behind);
    let ways = Ways { positions, behind, repeats }.of(rule, YES);
    let fewest = ways.first().map_or(0, Way::turned);
    let told = ways.iter().filter(|way| way.turned() == fewest).take(MOST_TOLD);
    told.map(|way| way.turns(&parts)).collect()
}

/// What stands behind names; whether one of them is told without it.
fn name<'t>(trace: &'t Trace, behind: &mut HashMap<&'t What, &'t Trace>) -> bool {
    let mut repeats = false;
    if matches!(trace.what, What::Define(_) | What::Segment(_)) {
        repeats = trace.children.is_empty();
        if let Some(child) = trace.children.first() {
            behind.insert(&trace.what, child);
        }
    }
    if is_comparison(trace) {
        return repeats;
    }
    trace.children.iter().fold(repeats, |repeats, child| name(child, behind) || repeats)
}

/// Some of the three verdicts.
type Verdicts = u8;

const YES: Verdicts = 1;
const NO: Verdicts = 2;
const UNKNOWN: Verdicts = 4;

fn only(verdict: Verdict) -> Verdicts {
    match verdict {
        Verdict::Yes => YES,
        Verdict::No => NO,
        Verdict::Unknown => UNKNOWN,
    }
}

/// Verdicts that some comparisons have to have, each with the one that it has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Way(BTreeMap<usize, (Verdicts, Verdicts)>);

impl Way {
    /// How many of them do not have it.
    fn turned(&self) -> usize {
        self.0.values().filter(|(wanted, is)| wanted & is == 0).count()
    }

    /// Both at once; none where they contradict each other. Nothing can be made unknown.
    fn with(&self, other: &Way) -> Option<Way> {
        let mut both = self.clone();
        for (part, (wanted, is)) in &other.0 {
            let (all, _) = both.0.entry(*part).or_insert((YES | NO | UNKNOWN, *is));
            *all &= wanted;
            if *all & (is | YES | NO) == 0 {
                return None;
            }
        }
        Some(both)
    }

    fn turns<'t>(&self, parts: &[&'t Trace]) -> Vec<Turn<'t>> {
        let turned = self.0.iter().filter(|(_, (wanted, is))| wanted & is == 0);
        turned
            .filter_map(|(position, (wanted, _))| {
                Some(Turn { part: parts.get(*position)?, position: *position, holds: wanted & YES != 0 })
            })
            .collect()
    }
}

struct Ways<'t> {
    positions: HashMap<*const Trace, usize>,
    behind: HashMap<&'t What, &'t Trace>,
    /// Whether a comparison can stand in several places: then those that are right already have to stay so.
    repeats: bool,
}

impl<'t> Ways<'t> {
    /// The ways in which a part comes to one of some verdicts, the fewest turns first.
    fn of(&self, trace: &'t Trace, wanted: Verdicts) -> Vec<Way> {
        if !self.repeats && only(trace.verdict) & wanted != 0 {
            return vec![Way::default()];
        }
        if let Some(position) = self.positions.get(&std::ptr::from_ref(trace)) {
            return match (&trace.what, self.behind.get(&trace.what)) {
                (What::Define(_) | What::Segment(_), Some(behind)) => self.named(&trace.what, behind, wanted),
                _ => self.comparison(trace, *position, wanted),
            };
        }
        match (&trace.what, trace.children.as_slice()) {
            (What::Not, [inner]) => self.of(inner, swapped(wanted)),
            (What::Define(_) | What::Segment(_), [behind]) => self.named(&trace.what, behind, wanted),
            // All of them for yes, and to be not no; one of them for no, and to be not yes.
            (What::Any, parts) => self.gather(parts, wanted, wanted & NO != 0),
            (_, parts) => self.gather(parts, wanted, wanted & YES != 0),
        }
    }

    fn comparison(&self, trace: &Trace, position: usize, wanted: Verdicts) -> Vec<Way> {
        let is = only(trace.verdict);
        let can_turn = trace.what != What::Constant && wanted & (YES | NO) != 0;
        let way = Way(BTreeMap::from([(position, (wanted, is))]));
        if wanted & is != 0 || can_turn { vec![way] } else { Vec::new() }
    }

    /// Who is not definitely in a segment is not in it.
    fn named(&self, what: &What, behind: &'t Trace, wanted: Verdicts) -> Vec<Way> {
        let wanted = match what {
            What::Segment(_) if wanted & YES != 0 => YES,
            What::Segment(_) => NO | UNKNOWN,
            _ => wanted,
        };
        self.of(behind, wanted)
    }

    fn gather(&self, parts: &'t [Trace], wanted: Verdicts, all: bool) -> Vec<Way> {
        let each = parts.iter().map(|part| self.of(part, wanted));
        if !all {
            return shortest(each.flatten().collect());
        }
        each.fold(vec![Way::default()], |ways, more| {
            let both = ways.iter().flat_map(|way| more.iter().filter_map(|other| way.with(other)));
            shortest(both.collect())
        })
    }
}

fn swapped(wanted: Verdicts) -> Verdicts {
    wanted & UNKNOWN | (wanted & YES) << 1 | (wanted & NO) >> 1
}

fn shortest(mut ways: Vec<Way>) -> Vec<Way> {
    ways.sort_by_key(Way::turned);
    ways.dedup();
    ways.truncate(MOST_WAYS);
    ways
}
