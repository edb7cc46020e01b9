//! What a plan does for one customer, in the words of tests, and how that differs from what is expected.

use crate::expect::{Doing, Expected, NO_MATCH, NOTHING, Outcome};
use crate::rehearsal::Scene;
use crate::update::written as plain_or_quoted;
use std::fmt;
use tidings_check::Program;
use tidings_check::program::{Action, SegmentId, StagesId};
use tidings_plan::{Reason, RulePlan, Verdict};
use tidings_schema::show::show;
use tidings_schema::yaml::Node;

/// What is the case for one customer.
#[derive(Clone, Debug, PartialEq)]
pub enum Actual {
    /// A rule is not for them.
    NoMatch,
    /// A rule is for them: what it does, and why it does not do the rest. Of a rule that does nothing the first reason
    /// is that of the whole.
    Does(Vec<String>, Vec<Reason>),
    /// The stage that they are in; none for who is not there yet.
    Stage(Option<String>),
    /// Whether they are in a segment.
    Segment(bool),
}

/// Something that is not as it is expected.
#[derive(Clone, Debug)]
pub struct Difference<'d> {
    /// The customer's key.
    pub customer: String,
    /// What it is about.
    pub about: About,
    /// The name of the rule, the stages or the segment.
    pub name: String,
    /// What is expected, as the test writes it.
    pub expected: String,
    /// What is the case.
    pub actual: Actual,
    /// Where it is expected.
    pub node: Node<'d>,
    /// Whether nothing was expected of all the rules that are not named, and this is one of them.
    pub rest: bool,
}

/// What an expectation is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// A rule, by its position.
    Rule(usize),
    /// A partition, and the position of the stage that is expected.
    Stage(StagesId, u32),
    /// A segment.
    Segment(SegmentId),
}

/// Everything that is not as it is expected of one customer.
pub fn differences<'d>(scene: &Scene<'_>, expected: &Expected<'d>) -> Vec<Difference<'d>> {
    let program = scene.question.program;
    let mut found = Vec::new();
    let Some(at) = scene.position(&expected.customer) else { return found };
    let mut differs = |about: About, name: &str, expected_as: String, actual: Actual, node: &Node<'d>| {
        found.push(Difference {
            customer: expected.customer.clone(),
            about,
            name: name.to_owned(),
            expected: expected_as,
            actual,
            node: node.clone(),
            rest: false,
        });
    };
    for fact in &expected.facts {
        match &fact.outcome {
            Outcome::Rule(rule, doing) => {
                let actual = of_rule(scene, *rule, at);
                if !doing.holds(&actual) {
                    let name = program.rules.get(*rule).map_or("", |r| r.name.as_str());
                    differs(About::Rule(*rule), name, doing.to_string(), actual, &fact.node);
                }
            }
            Outcome::Stage(id, arm) => {
                let Some(stages) = program.stages.get(id.0 as usize) else { continue };
                let actual = of_stages(scene, *id, at);
                let expected = stages.list.words.get(*arm as usize).map(|w| w.name.clone());
                if actual != Actual::Stage(expected.clone()) {
                    let (about, name) = (About::Stage(*id, *arm), &stages.list.name);
                    differs(about, name, expected.unwrap_or_default(), actual, &fact.node);
                }
            }
            Outcome::Segment(id, inside) => {
                let actual = of_segment(scene, *id, at);
                if actual != Actual::Segment(*inside) {
                    let name = program.segments.get(id.0 as usize).map_or("", |s| s.name.as_str());
                    differs(About::Segment(*id), name, yes_no(*inside).to_owned(), actual, &fact.node);
                }
            }
        }
    }
    if let Some(node) = &expected.nothing_else {
        for plan in scene.plan.rules.iter().filter(|plan| !expected.is_about(plan.rule)) {
            let actual = of_rule(scene, plan.rule, at);
            if !Doing::Nothing.holds(&actual) {
                differs(About::Rule(plan.rule), &plan.name, NOTHING.to_owned(), actual, node);
            }
        }
    }
    for difference in &mut found {
        difference.rest = matches!(difference.about, About::Rule(rule) if !expected.is_about(rule));
    }
    found
}

/// What a rule does for the customer at a position.
pub fn of_rule(scene: &Scene<'_>, rule: usize, at: usize) -> Actual {
    let Some(plan) = scene.plan.rules.iter().find(|p| p.rule == rule) else { return Actual::NoMatch };
    let Some(audience) = audience(plan, at) else { return Actual::NoMatch };
    let (mut does, mut held) = (Vec::new(), Vec::new());
    let Some(audience) = plan.audiences.get(audience) else { return Actual::NoMatch };
    // Where nothing of a rule is carried out yet, there is a reason for the whole alone.
    let of_all = audience.outcome.first().filter(|_| audience.steps.is_empty());
    let verdicts = of_all.map(|outcome| (outcome.of(at), None)).into_iter();
    let steps = audience.steps.iter().map(|step| (step.verdict(0, at), Some(&step.action)));
    for (verdict, action) in verdicts.chain(steps) {
        match verdict {
            Some(Verdict::Planned(channel)) => {
                let deeds = action.map(|action| deeds(scene.question.program, action)).unwrap_or_default();
                does.extend(deeds.into_iter().nth(usize::from(channel)));
            }
            Some(Verdict::Waits(_)) => held.push(Reason::OverLimit),
            Some(Verdict::Held(reason)) => held.push(reason),
            None => {}
        }
    }
    Actual::Does(does, held)
}

/// Which audience of a rule the customer at a position is in: those who get `then` are the first.
pub fn audience(plan: &RulePlan, at: usize) -> Option<usize> {
    plan.audiences.iter().position(|a| a.outcome.first().is_some_and(|verdicts| verdicts.of(at).is_some()))
}

/// The stage of the customer at a position.
pub fn of_stages(scene: &Scene<'_>, id: StagesId, at: usize) -> Actual {
    let arms = scene.question.matches.first().and_then(|m| m.stages.get(id.0 as usize));
    let arm = arms.and_then(|arms| arms.iter().position(|set| set.contains(at)));
    let stages = scene.question.program.stages.get(id.0 as usize);
    let word = stages.zip(arm).and_then(|(stages, arm)| stages.list.words.get(arm));
    Actual::Stage(word.map(|w| w.name.clone()))
}

/// Whether the customer at a position is in a segment.
pub fn of_segment(scene: &Scene<'_>, id: SegmentId, at: usize) -> Actual {
    let set = scene.question.matches.first().and_then(|m| m.segments.get(id.0 as usize));
    Actual::Segment(set.is_some_and(|set| set.contains(at)))
}

/// What an action can be seen to do, in the rule's own words: a message once for each of its channels.
pub(crate) fn deeds(program: &Program, action: &Action) -> Vec<String> {
    let attribute = |id| program.vocabulary.attribute(id);
    let name = |id| attribute(id).map_or("", |a| a.name.as_str());
    match action {
        Action::Message { template, channels, coupon } => {
            let with = coupon.as_ref().map(|c| format!(" with {c} coupon")).unwrap_or_default();
            channels.iter().map(|channel| format!("{template} {channel}{with}")).collect()
        }
        Action::Coupon(name) => vec![format!("{name} coupon")],
        Action::Webhook(name) => vec![format!("call {name} webhook")],
        Action::Notify(team) => vec![format!("notify {team}")],
        Action::AddTag(_, tag) => vec![format!("add tag {tag}")],
        Action::RemoveTag(_, tag) => vec![format!("remove tag {tag}")],
        Action::Set(id, value) => {
            let shown =
                attribute(*id).map(|a| show(&a.ty, value, program.vocabulary.zone)).unwrap_or_default();
            vec![format!("set {} = {}", name(*id), shown.replace('"', ""))]
        }
    }
}

impl Expected<'_> {
    /// Whether a fact is about a rule.
    pub(crate) fn is_about(&self, rule: usize) -> bool {
        self.facts.iter().any(|fact| matches!(&fact.outcome, Outcome::Rule(of, _) if *of == rule))
    }
}

impl Doing {
    fn holds(&self, actual: &Actual) -> bool {
        let Actual::Does(does, held) = actual else { return !matches!(self, Doing::Does(..)) };
        match self {
            Doing::NoMatch => false,
            Doing::Nothing => does.is_empty(),
            Doing::Does(expected, reason) => {
                let sorted = |list: &[String]| {
                    let mut list = list.to_vec();
                    list.sort_unstable();
                    list
                };
                let held_so = |reason: &Reason| match does.is_empty() {
                    true => held.first() == Some(reason),
                    false => !held.is_empty() && held.iter().all(|h| h == reason),
                };
                sorted(expected) == sorted(does) && reason.as_ref().is_none_or(held_so)
            }
        }
    }
}

/// As tests write it.
impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Doing::NoMatch => f.write_str(NO_MATCH),
            Doing::Nothing => f.write_str(NOTHING),
            Doing::Does(does, reason) => written(f, does, *reason),
        }
    }
}

/// As tests write it.
impl fmt::Display for Actual {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Actual::NoMatch => f.write_str(NO_MATCH),
            Actual::Does(does, held) => {
                let reason = held.first().copied();
                // Some steps can be held for one reason and some for another: tests have a word for one.
                let one = does.is_empty() || held.iter().all(|h| Some(*h) == reason);
                written(f, does, reason.filter(|_| one))
            }
            Actual::Stage(Some(word)) => f.write_str(&plain_or_quoted(word)),
            Actual::Stage(None) => f.write_str("not there yet"),
            Actual::Segment(inside) => f.write_str(yes_no(*inside)),
        }
    }
}

fn written(f: &mut fmt::Formatter<'_>, does: &[String], held: Option<Reason>) -> fmt::Result {
    let does: Vec<String> = does.iter().map(|deed| plain_or_quoted(deed)).collect();
    let list = format!("[{}]", does.join(", "));
    match (does.as_slice(), held) {
        ([], Some(reason)) => write!(f, "{{held: {reason}}}"),
        (_, Some(reason)) => write!(f, "{{sends: {list}, held: {reason}}}"),
        ([one], None) => f.write_str(one),
        (_, None) => f.write_str(&list),
    }
}

fn yes_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}
