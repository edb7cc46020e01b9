//! Stages and scores as tiers: one that no rule treats, and tiers that are all treated alike.

use crate::asked::Asked;
use crate::formula::Formula;
use crate::same::Same;
use std::collections::{BTreeMap, BTreeSet};
use tidings_check::Program;
use tidings_check::program::{
    Action, Bands, Body, Condition, ConditionKind, Entrance, Rule, ScoreId, SegmentId, StagesId, Term,
    TermKind,
};
use tidings_schema::Value;
use tidings_syntax::tree::CompareOp;
use tidings_syntax::{Code, Diagnostic, Place};

/// What puts each customer in one of several tiers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Ladder {
    Stages(StagesId),
    Score(ScoreId),
}

/// Findings about all tiers of a program.
pub(crate) fn of_tiers(program: &Program, out: &mut Vec<Diagnostic>) {
    let rules: Vec<&Rule> = crate::findings::running(program).collect();
    let mut used = Used { program, ladders: BTreeSet::new(), looked_at: BTreeSet::new() };
    rules.iter().for_each(|rule| used.rule(rule));
    out.extend(used.ladders.iter().filter_map(|ladder| untreated(program, *ladder, &rules)));
    out.extend(alike(program, &rules));
}

/// The tiers that no rule reaches, where several rules treat most tiers between them. Where one rule treats all that are
/// treated, it is about them and not about tiers.
fn untreated(program: &Program, ladder: Ladder, rules: &[&Rule]) -> Option<Diagnostic> {
    let (mut left, mut treated) = (Vec::new(), Vec::new());
    for tier in ladder.tiers(program) {
        let mut asked = Asked::new(program);
        let inside = ladder.inside(&mut asked, tier);
        if asked.never(&[&inside]) {
            // That has a finding of its own.
            continue;
        }
        if rules.iter().any(|rule| reaches(program, rule, ladder, tier)) {
            treated.push(tier);
        } else {
            left.push(tier);
        }
    }
    let reaches_all = |rule: &&Rule| treated.iter().all(|tier| reaches(program, rule, ladder, *tier));
    if left.is_empty() || left.len() >= treated.len() || rules.iter().any(reaches_all) {
        return None;
    }
    let names: Vec<String> =
        left.iter().map(|tier| format!("`{}`", ladder.tier_name(program, *tier))).collect();
    let message =
        format!("no rule reaches a customer whose `{}` is {}", ladder.name(program), names.join(" or "));
    let mut finding = Diagnostic::new(Code::UNTREATED, ladder.place(program, *left.first()?)?, message)
        .label("nobody here is sent anything");
    for tier in left.iter().skip(1) {
        finding = match ladder.place(program, *tier) {
            Some(place) if place != finding.place => finding.also(place, "nor here"),
            _ => finding,
        };
    }
    Some(
        finding
            .help("write a rule for them, or say in a comment that they are let alone: `# allow W036: why`"),
    )
}

/// Whether a rule may be for a customer of a tier, as far as can be told.
fn reaches(program: &Program, rule: &Rule, ladder: Ladder, tier: u32) -> bool {
    let mut asked = Asked::new(program);
    let mut all = vec![ladder.inside(&mut asked, tier)];
    all.extend(rule.segment.map(|id| asked.model.segment(id)));
    // The others of its segment get `else`.
    if rule.otherwise.is_empty() {
        all.extend(rule.condition.as_ref().map(|condition| asked.holds(condition)));
    }
    !asked.never(&all.iter().collect::<Vec<_>>())
}

/// Rules that send the same to all tiers, and would be one rule without the comparison.
fn alike(program: &Program, rules: &[&Rule]) -> Vec<Diagnostic> {
    let mut same = Same::new(program);
    let mut groups: BTreeMap<(Ladder, String), Vec<Choice<'_>>> = BTreeMap::new();
    for rule in rules.iter().filter(|rule| rule.otherwise.is_empty()) {
        let Some(condition) = &rule.condition else { continue };
        let parts = match &condition.kind {
            ConditionKind::All(parts) => parts.as_slice(),
            _ => std::slice::from_ref(condition),
        };
        for (i, part) in parts.iter().enumerate() {
            let Some((ladder, tiers)) = chosen(program, part) else { continue };
            let others = parts.iter().enumerate().filter(|(other, _)| *other != i);
            let others: BTreeSet<u32> = others.map(|(_, other)| same.condition(other)).collect();
            let sent: Vec<&Action> = rule.then.iter().map(|step| &step.action).collect();
            let rest = format!(
                "{others:?} {sent:?} {:?}",
                (
                    (rule.segment, &rule.schedule, &rule.repeat, rule.hold_out, rule.limit, &rule.budget),
                    (rule.priority, rule.expires, rule.late, rule.overlap, rule.catch_up)
                )
            );
            groups.entry((ladder, rest)).or_default().push(Choice { rule, place: part.place, tiers });
        }
    }
    groups.into_iter().filter_map(|((ladder, _), group)| one_for_all(program, ladder, &group)).collect()
}

/// Which tiers a rule is for, by a comparison.
struct Choice<'p> {
    rule: &'p Rule,
    place: Place,
    tiers: BTreeSet<u32>,
}

fn one_for_all(program: &Program, ladder: Ladder, group: &[Choice<'_>]) -> Option<Diagnostic> {
    let covered: BTreeSet<u32> = group.iter().flat_map(|choice| &choice.tiers).copied().collect();
    let (first, others) = group.split_first()?;
    if others.is_empty() || !ladder.tiers(program).all(|tier| covered.contains(&tier)) {
        return None;
    }
    let name = ladder.name(program);
    let more = if others.len() == 1 { "one rule".to_owned() } else { format!("{} rules", others.len()) };
    let message = format!("every `{name}` gets the same from `{}` and {more} more", first.rule.name);
    let mut finding =
        Diagnostic::new(Code::SAME_FOR_ALL, first.place, message).label("this makes no difference");
    for other in others {
        finding = finding.also(other.place, format!("`{}` sends the same", other.rule.name));
    }
    Some(finding.help(format!("send each `{name}` its own, or write one rule without the comparison")))
}

/// The tiers that a comparison chooses, where it is one with constants alone.
fn chosen(program: &Program, part: &Condition) -> Option<(Ladder, BTreeSet<u32>)> {
    let (term, holds): (&Term, Box<dyn Fn(u32) -> bool>) = match &part.kind {
        ConditionKind::In(term, values) => {
            (term, Box::new(|tier| values.iter().any(|v| number(v) == Some(tier))))
        }
        ConditionKind::Compare(op, left, right) => match (&left.kind, &right.kind) {
            (_, TermKind::Constant(value)) => (left, Box::new(|tier| compares(*op, tier, value))),
            (TermKind::Constant(value), _) => (right, Box::new(|tier| compares(op.mirrored(), tier, value))),
            _ => return None,
        },
        _ => return None,
    };
    let ladder = ladder_of(program, term)?;
    Some((ladder, ladder.tiers(program).filter(|tier| holds(*tier)).collect()))
}

fn ladder_of(program: &Program, term: &Term) -> Option<Ladder> {
    match &term.kind {
        TermKind::Stage(id) => Some(Ladder::Stages(*id)),
        TermKind::Score(id) => Some(Ladder::Score(*id)),
        TermKind::Define(id) => match &program.defines.get(id.0 as usize)?.body {
            Body::Value(term) => ladder_of(program, term),
            Body::Condition(_) => None,
        },
        _ => None,
    }
}

fn number(value: &Value) -> Option<u32> {
    match value {
        Value::Word(word) => Some(*word),
        Value::Number(n) if n.fract() == 0.0 && (0.0..1e6).contains(n) => Some(*n as u32),
        _ => None,
    }
}

fn compares(op: CompareOp, tier: u32, value: &Value) -> bool {
    let value = match value {
        Value::Word(word) => f64::from(*word),
        Value::Number(n) => *n,
        _ => return false,
    };
    let tier = f64::from(tier);
    match op {
        CompareOp::Equal => tier == value,
        CompareOp::NotEqual => tier != value,
        CompareOp::Less => tier < value,
        CompareOp::AtMost => tier <= value,
        CompareOp::More => tier > value,
        CompareOp::AtLeast => tier >= value,
    }
}

impl Ladder {
    /// Positions of stages, numbers of bands.
    fn tiers(self, program: &Program) -> std::ops::Range<u32> {
        match self {
            Ladder::Stages(id) => 0..program.stages.get(id.0 as usize).map_or(0, |s| s.arms.len() as u32),
            Ladder::Score(id) => match program.scores.get(id.0 as usize).map(|s| &s.bands) {
                Some(Bands::Shares(shares)) => 1..shares + 1,
                Some(Bands::Fixed(bounds)) => 1..bounds.len() as u32 + 2,
                None => 0..0,
            },
        }
    }

    fn inside(self, asked: &mut Asked<'_>, tier: u32) -> Formula {
        match self {
            Ladder::Stages(id) => asked.model.stage(id, tier),
            Ladder::Score(id) => asked.model.band(id, tier),
        }
    }

    fn name(self, program: &Program) -> &str {
        match self {
            Ladder::Stages(id) => program.stages.get(id.0 as usize).map_or("", |s| &s.list.name),
            Ladder::Score(id) => program.scores.get(id.0 as usize).map_or("", |s| &s.name),
        }
    }

    fn tier_name(self, program: &Program, tier: u32) -> String {
        match self {
            Ladder::Stages(id) => {
                let stages = program.stages.get(id.0 as usize);
                stages
                    .and_then(|s| s.list.words.get(tier as usize))
                    .map_or_else(String::new, |w| w.name.clone())
            }
            Ladder::Score(_) => tier.to_string(),
        }
    }

    fn place(self, program: &Program, tier: u32) -> Option<Place> {
        match self {
            Ladder::Stages(id) => {
                program.stages.get(id.0 as usize)?.arms.get(tier as usize).map(|arm| arm.place)
            }
            Ladder::Score(id) => program.scores.get(id.0 as usize).map(|s| s.of.place),
        }
    }
}

/// The ladders that rules speak of, themselves or through what has a name.
struct Used<'p> {
    program: &'p Program,
    ladders: BTreeSet<Ladder>,
    looked_at: BTreeSet<SegmentId>,
}

impl Used<'_> {
    fn rule(&mut self, rule: &Rule) {
        rule.segment.iter().for_each(|id| self.segment(*id));
        rule.condition.iter().for_each(|condition| self.condition(condition));
    }

    fn segment(&mut self, id: SegmentId) {
        if self.looked_at.insert(id)
            && let Some(segment) = self.program.segments.get(id.0 as usize)
        {
            self.condition(&segment.condition);
        }
    }

    fn condition(&mut self, condition: &Condition) {
        match &condition.kind {
            ConditionKind::All(parts) | ConditionKind::Any(parts) => {
                parts.iter().for_each(|part| self.condition(part));
            }
            ConditionKind::Not(inner) => self.condition(inner),
            ConditionKind::Compare(_, left, right) => {
                [left, right].into_iter().for_each(|side| self.term(side))
            }
            ConditionKind::In(term, _) | ConditionKind::Known(term) => self.term(term),
            ConditionKind::Define(id) => {
                if let Some(Body::Condition(inner)) = self.program.defines.get(id.0 as usize).map(|d| &d.body)
                {
                    self.condition(inner);
                }
            }
            ConditionKind::Segment(id) | ConditionKind::Entered(Entrance::Segment(id), _) => {
                self.segment(*id)
            }
            ConditionKind::Entered(Entrance::Stage(id, _), _) => {
                self.ladders.insert(Ladder::Stages(*id));
            }
            ConditionKind::Constant(_)
            | ConditionKind::Matches(..)
            | ConditionKind::HasTag(..)
            | ConditionKind::Truth(_) => {}
        }
    }

    fn term(&mut self, term: &Term) {
        self.ladders.extend(ladder_of(self.program, term));
    }
}
