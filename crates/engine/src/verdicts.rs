//! From the sets of conditions to those of rules.

use crate::compile::RuleNodes;
use crate::graph::BitsId;
use crate::matches::{Outline, Verdicts};
use crate::packed::Packed;
use crate::results::Results;
use multiversion::multiversion;
use std::sync::Arc;

/// All rules.
#[derive(Clone, Debug)]
pub(crate) struct Jury {
    rules: Vec<Asked>,
    abouts: Vec<BitsId>,
    /// Who is decided or has a value, each set once: many are everybody, which is looked at once a chunk.
    decided: Vec<BitsId>,
    outline: Arc<Outline>,
}

/// A rule.
#[derive(Clone, Debug)]
struct Asked {
    about: BitsId,
    all: bool,
    /// For whom each condition is definitely true, and which of the decided say for whom it is decided.
    parts: Vec<(BitsId, usize)>,
    /// Which of the decided have each of its wants.
    wants: Vec<usize>,
}

/// What is used again from chunk to chunk.
#[derive(Debug, Default)]
pub(crate) struct Bench {
    then: Vec<u64>,
    undecided: Vec<u64>,
    /// How many words the sets of the last chunk took.
    room: usize,
}

/// For whom a condition is definitely true, and for whom it is decided; everybody where that is not said.
type Part<'a> = (&'a [u64], Option<&'a [u64]>);

impl Jury {
    pub fn new(rules: Vec<RuleNodes>) -> Jury {
        let (mut abouts, mut decided, mut outline) = (Vec::new(), Vec::new(), Outline::default());
        let rules = rules.into_iter().map(|rule| {
            let parts = rule.parts.iter().map(|part| (part.holds, place(&mut decided, part.decided)));
            let parts = parts.collect();
            let first = outline.wants.len();
            let wants = rule.wants.into_iter().map(|(name, known)| {
                outline.wants.push(name);
                place(&mut decided, known)
            });
            let wants: Vec<usize> = wants.collect();
            outline.rules.push((place(&mut abouts, rule.about), first..first + wants.len()));
            Asked { about: rule.about, all: rule.all, parts, wants }
        });
        let rules = rules.collect();
        Jury { rules, abouts, decided, outline: Arc::new(outline) }
    }

    /// The nodes whose results it reads.
    pub fn roots(&self) -> impl Iterator<Item = BitsId> {
        let parts = self.rules.iter().flat_map(|rule| &rule.parts).map(|(holds, _)| holds);
        parts.chain(&self.abouts).chain(&self.decided).copied()
    }

    /// What the rules say of a chunk of so many customers.
    pub fn verdicts(&self, len: usize, results: &mut Results) -> Verdicts {
        let mut bench = std::mem::take(&mut results.bench);
        let words = len.div_ceil(64);
        let nobody = vec![0; words];
        let set = |id: BitsId| match results.bits(id).words() {
            [] => nobody.as_slice(),
            words => words,
        };
        let unless_all = |id: &BitsId| (results.bits(*id).count() < len).then(|| set(*id));
        let decided: Vec<Option<&[u64]>> = self.decided.iter().map(unless_all).collect();
        let decided = |i: &usize| decided.get(*i).copied().flatten();
        let mut sets = Packed::new(len, 2 * self.rules.len(), bench.room + bench.room / 16);
        let mut lacking = Vec::with_capacity(self.outline.wants.len());
        [&mut bench.then, &mut bench.undecided].into_iter().for_each(|set| set.resize(words, 0));
        let mut parts = Vec::new();
        for rule in &self.rules {
            parts.clear();
            parts.extend(rule.parts.iter().map(|(holds, known)| (set(*holds), decided(known))));
            judge(set(rule.about), rule.all, &parts, &mut bench.then, &mut bench.undecided);
            sets.push(&bench.then);
            let without =
                |known: &usize| decided(known).map_or(0, |known| count_without(&bench.undecided, known));
            lacking.extend(rule.wants.iter().map(without));
            sets.push(&bench.undecided);
        }
        bench.room = sets.words();
        let abouts = self.abouts.iter().map(|id| results.bits(*id).clone()).collect();
        results.bench = bench;
        Verdicts { outline: self.outline.clone(), abouts, sets, lacking }
    }
}

/// Where something is in a list; it is put there if it is not.
fn place(list: &mut Vec<BitsId>, id: BitsId) -> usize {
    list.iter().position(|other| *other == id).unwrap_or_else(|| {
        list.push(id);
        list.len() - 1
    })
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn judge<'a>(about: &[u64], all: bool, parts: &[Part<'a>], then: &mut [u64], undecided: &mut [u64]) {
    if all {
        then.copy_from_slice(about);
        for (holds, _) in parts {
            then.iter_mut().zip(*holds).for_each(|(then, holds)| *then &= holds);
        }
    } else {
        then.fill(0);
        for (holds, _) in parts {
            then.iter_mut().zip(*holds).for_each(|(then, holds)| *then |= holds);
        }
        then.iter_mut().zip(about).for_each(|(then, about)| *then &= about);
    }
    if parts.iter().all(|(_, decided)| decided.is_none()) {
        return undecided.fill(0);
    }
    if all {
        // No condition is definitely false.
        let others = about.iter().zip(&*then);
        undecided.iter_mut().zip(others).for_each(|(rest, (about, then))| *rest = about & !then);
        for (holds, decided) in parts {
            match decided {
                Some(decided) => {
                    let answers = holds.iter().zip(*decided);
                    undecided.iter_mut().zip(answers).for_each(|(rest, (yes, known))| *rest &= yes | !known);
                }
                None => undecided.iter_mut().zip(*holds).for_each(|(rest, yes)| *rest &= yes),
            }
        }
    } else {
        // Not every condition is definitely false; none is definitely true.
        undecided.fill(0);
        for decided in parts.iter().filter_map(|(_, decided)| *decided) {
            undecided.iter_mut().zip(decided).for_each(|(rest, known)| *rest |= !known);
        }
        let others = about.iter().zip(&*then);
        undecided.iter_mut().zip(others).for_each(|(rest, (about, then))| *rest &= about & !then);
    }
}

#[multiversion(targets(
    "x86_64+avx512f+avx512vl+avx512vpopcntdq+popcnt",
    "x86_64+avx2+popcnt",
    "x86_64+popcnt"
))]
fn count_without(words: &[u64], others: &[u64]) -> u32 {
    let mut count = 0;
    for (word, other) in words.iter().zip(others) {
        count += (word & !other).count_ones();
    }
    count
}
