//! What tests have seen of the rules: each rule, stage, segment and comparison both ways, for customers of whom the
//! test expects something.

use crate::comparisons::{Comparison, comparisons};
use crate::file::{Step, TestFile};
use crate::outcome::audience;
use crate::rehearsal::{Rehearsal, Scene};
use tidings_check::Program;
use tidings_check::program::{Condition, ConditionKind, Segment, SegmentId};
use tidings_plan::{Addresses, Supplies};
use tidings_syntax::Place;

/// What tests have seen.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    /// Everything that can be seen, in the order of the text.
    pub all: Vec<Seen>,
}

/// One thing that can be the case for a customer or not.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// What it is.
    pub what: What,
    /// Where it stands.
    pub place: Place,
    /// Whether a test saw that it is the case.
    pub yes: bool,
    /// Whether a test saw that it is not.
    pub no: bool,
}

/// What can be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// That a rule does what its `then` says.
    Then(String),
    /// That a rule does what its `else` says.
    Else(String),
    /// That a customer is in a stage: the partition and the stage.
    Stage(String, String),
    /// That a customer is in a segment.
    Segment(String),
    /// That a comparison holds.
    Comparison,
}

impl Coverage {
    /// What no test has seen both ways.
    pub fn missing(&self) -> impl Iterator<Item = &Seen> {
        self.all.iter().filter(|seen| !(seen.yes && seen.no))
    }

    /// Carries out all tests and looks on.
    pub fn of(
        program: &Program,
        files: &[TestFile<'_>],
        (project, addresses, supplies): (&str, &dyn Addresses, &Supplies),
    ) -> Coverage {
        let comparisons = comparisons(program);
        let mut coverage = Coverage { all: things(program) };
        let first = coverage.all.len();
        let seen = |c: &Comparison| Seen { what: What::Comparison, place: c.place, yes: false, no: false };
        coverage.all.extend(comparisons.iter().map(seen));
        // A comparison is looked at as a segment of its own that nobody names, and another of who is not in it, for want
        // of a value too.
        let mut probed = program.clone();
        for Comparison { place, holds, fails, .. } in &comparisons {
            let inside = Condition {
                kind: ConditionKind::Segment(SegmentId(probed.segments.len() as u32)),
                place: *place,
            };
            let outside = Condition { kind: ConditionKind::Not(Box::new(inside)), place: *place };
            for condition in [holds.clone(), fails.clone().unwrap_or(outside)] {
                probed.segments.push(Segment { name: String::new(), label: None, condition });
            }
        }
        let rehearsal = Rehearsal::new(&probed, project, addresses, supplies);
        let probes = program.segments.len();
        for test in files.iter().flat_map(|file| &file.tests) {
            rehearsal.run(test, |scene, step| {
                let (things, comparisons) = coverage.all.split_at_mut(first);
                look(scene, step, probes, things);
                look_at_probes(scene, step, probes, comparisons);
                true
            });
        }
        coverage.all.sort_by_key(|seen| seen.place);
        coverage
    }
}

/// Everything but comparisons, in the order in which [`look`] goes through it.
fn things(program: &Program) -> Vec<Seen> {
    let mut all = Vec::new();
    let mut add = |what: What, place: Place| all.push(Seen { what, place, yes: false, no: false });
    for rule in &program.rules {
        add(What::Then(rule.name.clone()), rule.place);
        if !rule.otherwise.is_empty() {
            add(What::Else(rule.name.clone()), rule.place);
        }
    }
    for stages in &program.stages {
        for (arm, word) in stages.arms.iter().zip(&stages.list.words) {
            add(What::Stage(stages.list.name.clone(), word.name.clone()), arm.place);
        }
    }
    for segment in &program.segments {
        add(What::Segment(segment.name.clone()), segment.condition.place);
    }
    all
}

/// Looks at everything but comparisons; so many segments are the rules' own.
fn look(scene: &Scene<'_>, step: &Step<'_>, segments: usize, things: &mut [Seen]) {
    let program = scene.question.program;
    let Some(matches) = scene.question.matches.first() else { return };
    for expected in &step.expected {
        let at = scene.position(&expected.customer).filter(|at| matches.existing.contains(*at));
        let Some(at) = at else { continue };
        let mut seen = things.iter_mut();
        let mut mark = |yes: Option<bool>| {
            if let (Some(seen), Some(yes)) = (seen.next(), yes) {
                if yes { seen.yes = true } else { seen.no = true }
            }
        };
        for (i, rule) in program.rules.iter().enumerate() {
            let asked = expected.is_about(i) || expected.nothing_else.is_some();
            let plan = scene.plan.rules.iter().find(|plan| plan.rule == i).filter(|_| asked);
            let of = plan.map(|plan| audience(plan, at));
            mark(of.map(|of| of == Some(0)));
            if !rule.otherwise.is_empty() {
                mark(of.map(|of| of == Some(1)));
            }
        }
        for arms in &matches.stages {
            arms.iter().for_each(|arm| mark(Some(arm.contains(at))));
        }
        for segment in matches.segments.iter().take(segments) {
            mark(Some(segment.contains(at)));
        }
    }
}

fn look_at_probes(scene: &Scene<'_>, step: &Step<'_>, first: usize, seen: &mut [Seen]) {
    let Some(matches) = scene.question.matches.first() else { return };
    let (_, probes) = matches.segments.split_at_checked(first).unwrap_or_default();
    let expected = step.expected.iter().filter_map(|expected| scene.position(&expected.customer));
    for at in expected.filter(|at| matches.existing.contains(*at)) {
        for (seen, pair) in seen.iter_mut().zip(probes.chunks_exact(2)) {
            let is_in = |i: usize| pair.get(i).is_some_and(|set| set.contains(at));
            seen.yes |= is_in(0);
            seen.no |= is_in(1);
        }
    }
}
