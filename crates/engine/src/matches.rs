//! What a program says of the customers of a chunk.

use crate::bitmap::Bitmap;
use crate::packed::Packed;
use std::ops::Range;
use std::sync::Arc;

/// Whom the rules are for, and who is in which segment and stage.
#[derive(Clone, Debug, PartialEq)]
pub struct Matches {
    /// Who is there at now, so far as is known; the others are in no other set.
    pub existing: Bitmap,
    /// Who is in each of [`Program::segments`](tidings_check::Program::segments).
    pub segments: Vec<Bitmap>,
    /// For each of [`Program::stages`](tidings_check::Program::stages), who is in each of its arms.
    pub stages: Vec<Vec<Bitmap>>,
    pub(crate) rules: Verdicts,
}

/// What all rules say.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Verdicts {
    pub outline: Arc<Outline>,
    pub abouts: Vec<Bitmap>,
    /// Of each rule, for whom it is definitely true and for whom it is undecided.
    pub sets: Packed,
    /// How many of the undecided lack each of the outline's wants.
    pub lacking: Vec<u32>,
}

/// What is the same for all chunks.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Outline {
    /// Of each rule, which of the sets it is about, and which wants are its own.
    pub rules: Vec<(usize, Range<usize>)>,
    pub wants: Vec<String>,
}

/// Whom a rule is for.
#[derive(Clone, Copy, Debug)]
pub struct RuleMatches<'a> {
    verdicts: &'a Verdicts,
    rule: usize,
    about: &'a Bitmap,
    wants: &'a Range<usize>,
}

impl Matches {
    /// What a rule says, by its position in [`Program::rules`](tidings_check::Program::rules).
    pub fn rule(&self, rule: usize) -> Option<RuleMatches<'_>> {
        let verdicts = &self.rules;
        let (about, wants) = verdicts.outline.rules.get(rule)?;
        Some(RuleMatches { verdicts, rule, about: verdicts.abouts.get(*about)?, wants })
    }

    /// What each rule says.
    pub fn rules(&self) -> impl Iterator<Item = RuleMatches<'_>> {
        (0..self.rules.outline.rules.len()).filter_map(|rule| self.rule(rule))
    }

    /// How much memory it takes, in bytes.
    pub fn bytes(&self) -> usize {
        let places = self.segments.iter().chain(self.stages.iter().flatten()).chain(&self.rules.abouts);
        let sets: usize = places.chain([&self.existing]).map(Bitmap::bytes).sum();
        sets + self.rules.sets.bytes() + self.rules.lacking.len() * size_of::<u32>()
    }
}

impl<'a> RuleMatches<'a> {
    /// Who is in its segment.
    pub fn about(&self) -> &'a Bitmap {
        self.about
    }

    /// Those of them for whom its condition is definitely true.
    pub fn then(&self) -> Bitmap {
        self.verdicts.sets.set(2 * self.rule)
    }

    /// How many those are.
    pub fn then_count(&self) -> u64 {
        self.verdicts.sets.count(2 * self.rule)
    }

    /// Those in its segment for whom its condition is not definitely true.
    pub fn otherwise(&self) -> Bitmap {
        let mut others = self.about.clone();
        others.without(&self.then());
        others
    }

    /// Those of the others for whom the condition is not definitely false either.
    pub fn undecided(&self) -> Bitmap {
        self.verdicts.sets.set(2 * self.rule + 1)
    }

    /// How many those are.
    pub fn undecided_count(&self) -> u64 {
        self.verdicts.sets.count(2 * self.rule + 1)
    }

    /// For want of which value, by its name, and how many of the undecided lack it. One customer may lack several,
    /// or none, where a result had no value: a division by zero.
    pub fn wants(self) -> impl Iterator<Item = (&'a str, u64)> {
        let names = self.verdicts.outline.wants.get(self.wants.clone()).unwrap_or_default();
        let lacking = self.verdicts.lacking.get(self.wants.clone()).unwrap_or_default();
        let wants = names.iter().zip(lacking).filter(|(_, count)| **count > 0);
        wants.map(|(name, count)| (name.as_str(), u64::from(*count)))
    }
}
