//! What came of a test, and why it is not as it is expected.

use crate::file::{Step, Test};
use crate::outcome::{About, Difference, differences};
use crate::rehearsal::{Rehearsal, Scene};
use tidings_check::program::{Condition, ConditionKind, Rule, Term, TermKind};
use tidings_engine::Trace;
use tidings_plan::{Plan, Situation, situation};
use tidings_schema::{Now, Type, Value};
use tidings_syntax::tree::CompareOp;

/// A step of a test that is not as it is expected.
#[derive(Clone, Debug)]
pub struct Failure<'d> {
    /// The position of the step.
    pub step: usize,
    /// Its moment.
    pub now: Now,
    /// What is not as it is expected; one at least.
    pub differences: Vec<Difference<'d>>,
    /// Why the first of them is as it is, where it is the first of the test.
    pub why: Option<Why>,
}

/// Why something is as it is.
#[derive(Clone, Debug)]
pub struct Why {
    /// Each comparison with what it saw.
    pub trace: Trace,
    /// The plan of the step.
    pub plan: Plan,
    /// For a rule, its position and what policy and history say.
    pub rule: Option<(usize, Situation)>,
}

impl Rehearsal<'_> {
    /// Carries a test out; every step that is not as it is expected.
    pub fn failures<'d>(&self, test: &Test<'d>) -> Vec<Failure<'d>> {
        let mut failures: Vec<Failure<'d>> = Vec::new();
        self.run(test, |scene, step| {
            let differences = all(scene, step);
            if let Some(first) = differences.first() {
                let why = if failures.is_empty() { why(scene, first) } else { None };
                failures.push(Failure { step: scene.index, now: scene.question.now, differences, why });
            }
            true
        });
        failures
    }

    /// Whether a test is as it is expected.
    pub fn passes(&self, test: &Test<'_>) -> bool {
        let mut passes = true;
        self.run(test, |scene, step| {
            passes = all(scene, step).is_empty();
            passes
        });
        passes
    }
}

fn all<'d>(scene: &Scene<'_>, step: &Step<'d>) -> Vec<Difference<'d>> {
    step.expected.iter().flat_map(|expected| differences(scene, expected)).collect()
}

fn why(scene: &Scene<'_>, difference: &Difference<'_>) -> Option<Why> {
    let Scene { question, plan, populations, evaluator, .. } = scene;
    let chunk = scene.alone(&difference.customer)?;
    let explain = |program, rule| evaluator.explain(program, rule, &chunk, question.now, populations);
    let (trace, rule) = match difference.about {
        About::Rule(rule) => {
            let situation = situation(question, plan, rule, &difference.customer)?;
            (explain(question.program, rule)?, Some((rule, situation)))
        }
        // A rule that asks for nothing else has the trace of it.
        about => {
            let mut program = question.program.clone();
            let asks = asking(scene, about, program.rules.first()?)?;
            program.rules.push(asks);
            let trace = explain(&program, program.rules.len() - 1)?;
            // Below the comparison with the stage are the stages themselves.
            let stage = matches!(about, About::Stage(..));
            (if stage { trace.children.into_iter().next()? } else { trace }, None)
        }
    };
    Some(Why { trace, plan: (*plan).clone(), rule })
}

/// A rule for those who are in a stage or a segment. Nothing of the model but its form stays.
fn asking(scene: &Scene<'_>, about: About, model: &Rule) -> Option<Rule> {
    let program = scene.question.program;
    let (kind, place) = match about {
        About::Rule(_) => return None,
        About::Segment(id) => {
            (ConditionKind::Segment(id), program.segments.get(id.0 as usize)?.condition.place)
        }
        About::Stage(id, arm) => {
            let stages = program.stages.get(id.0 as usize)?;
            let (place, ty) = (stages.arms.first()?.place, Type::OneOf(stages.list.clone()));
            let term = |kind| Term { kind, ty: ty.clone(), place };
            let word = TermKind::Constant(Value::Word(arm));
            (ConditionKind::Compare(CompareOp::Equal, term(TermKind::Stage(id)), term(word)), place)
        }
    };
    Some(Rule { segment: None, condition: Some(Condition { kind, place }), place, ..model.clone() })
}
