//! What is found in a program.

use crate::asked::Asked;
use crate::formula::Formula;
use crate::model::Model;
use crate::overlap::of_overlaps;
use crate::tiers::of_tiers;
use tidings_check::Program;
use tidings_check::program::{Body, Condition, ConditionKind, Rule, StagesId};
use tidings_syntax::allow::Allowances;
use tidings_syntax::{Code, Diagnostic, Place};

/// Longer lists are not looked at part by part.
const MOST_PARTS: usize = 64;

/// Every finding, in no order. Each is true of all customers whatever; what cannot be decided is passed over, and so is
/// what was `found` before: that a comparison never holds. Of what concerns several rules, what one of them allows is left
/// out; the other warnings are left to [`Allowances::without`].
pub fn findings(program: &Program, found: &[Diagnostic], allowances: &mut Allowances<'_>) -> Vec<Diagnostic> {
    let mut out = Vec::new();
    running(program).for_each(|rule| of_rule(program, rule, &mut out));
    for segment in &program.segments {
        named(program, "segment", &segment.name, &segment.condition, &mut out);
    }
    for define in &program.defines {
        if let Body::Condition(condition) = &define.body {
            named(program, "define", &define.name, condition, &mut out);
        }
    }
    for id in 0..program.stages.len() as u32 {
        of_stages(program, StagesId(id), &mut out);
    }
    of_tiers(program, &mut out);
    of_overlaps(program, allowances, &mut out);
    let never: Vec<Place> = found.iter().filter(|d| d.code == Code::NEVER).map(|d| d.place).collect();
    let known =
        |place: Place| never.iter().any(|n| n.file == place.file && place.span.to(n.span) == place.span);
    out.retain(|finding| finding.code != Code::NEVER_HOLDS || !known(finding.place));
    out
}

/// The rules that are run: what is not run yet stands in the program as if it never held.
pub(crate) fn running(program: &Program) -> impl Iterator<Item = &Rule> {
    running_places(program).map(|(_, rule)| rule)
}

/// The same, with their positions.
pub(crate) fn running_places(program: &Program) -> impl Iterator<Item = (usize, &Rule)> {
    program.rules.iter().enumerate().filter(|(_, rule)| !rule.not_run.iter().any(|n| n.blocks))
}

fn of_rule(program: &Program, rule: &Rule, out: &mut Vec<Diagnostic>) {
    let Some(condition) = &rule.condition else { return };
    let mut asked = Asked::new(program);
    let inside: Vec<Formula> = rule.segment.map(|id| asked.model.segment(id)).into_iter().collect();
    let holds = asked.holds(condition);
    asked.given = inside;
    if asked.never(&[]) {
        // Nobody is in its segment, which has a finding of its own.
        return;
    }
    if asked.never(&[&holds]) {
        let what = format!("nobody can match the rule `{}`", rule.name);
        out.push(never(&mut asked, condition, what));
        return;
    }
    if !matches!(condition.kind, ConditionKind::Constant(_)) && asked.never(&[&holds.negated()]) {
        let what = format!("everybody matches the rule `{}`", rule.name);
        let whom = if rule.segment.is_some() { "the whole segment" } else { "all customers" };
        let finding = Diagnostic::new(Code::ALWAYS_HOLDS, condition.place, what).label("this always holds");
        out.push(finding.help(format!("leave the condition out if {whom} are meant")));
        return;
    }
    redundant_parts(program, condition, out);
}

/// A segment, or a define that is a condition.
fn named(program: &Program, kind: &str, name: &str, condition: &Condition, out: &mut Vec<Diagnostic>) {
    let mut asked = Asked::new(program);
    let holds = asked.holds(condition);
    if asked.never(&[&holds]) {
        out.push(never(&mut asked, condition, format!("the {kind} `{name}` can never hold")));
    } else {
        redundant_parts(program, condition, out);
    }
}

fn of_stages(program: &Program, id: StagesId, out: &mut Vec<Diagnostic>) {
    let Some(stages) = program.stages.get(id.0 as usize) else { return };
    for (i, arm) in stages.arms.iter().enumerate() {
        // The last one may be there for nobody: it is there to be sure.
        if matches!(arm.kind, ConditionKind::Constant(true)) {
            continue;
        }
        let mut asked = Asked::new(program);
        let reached = asked.model.stage(id, i as u32);
        let name = |i: usize| stages.list.words.get(i).map_or("", |w| w.name.as_str());
        let holds = asked.holds(arm);
        if asked.never(&[&holds]) {
            out.push(never(&mut asked, arm, format!("nobody can be `{}`", name(i))));
        } else if asked.never(&[&reached]) {
            let message = format!("nobody can be `{}`: whoever could is taken by a stage before it", name(i));
            let mut finding =
                Diagnostic::new(Code::SHADOWED, arm.place, message).label("nobody is left for this");
            for (j, before) in stages.arms.iter().take(i).enumerate() {
                let other = asked.holds(before).negated();
                if asked.never(&[&holds, &other]) {
                    finding = finding.also(before.place, format!("`{}` takes all of them", name(j)));
                    break;
                }
            }
            out.push(finding.help("put the narrower stage first, or leave this one out"));
        } else {
            redundant_parts(program, arm, out);
        }
    }
}

/// A condition that never holds, and the two parts that contradict each other, if it is two.
fn never(asked: &mut Asked<'_>, condition: &Condition, message: String) -> Diagnostic {
    let finding = Diagnostic::new(Code::NEVER_HOLDS, condition.place, message);
    let help = "change one of the comparisons, or leave it out";
    if let ConditionKind::All(list) = &condition.kind {
        let formulas: Vec<Formula> = list.iter().map(|part| asked.holds(part)).collect();
        for (i, (part, formula)) in list.iter().zip(&formulas).enumerate() {
            if asked.never(&[formula]) {
                return Diagnostic { place: part.place, ..finding }.label("this never holds here").help(help);
            }
            for (other, of_other) in list.iter().zip(&formulas).take(i) {
                if asked.never(&[formula, of_other]) {
                    let finding = Diagnostic { place: part.place, ..finding };
                    return finding
                        .label("this and the other never hold together")
                        .also(other.place, "the other")
                        .help(help);
                }
            }
        }
    }
    finding.label("this never holds").help(help)
}

/// Comparisons that change nothing. What stands behind a stage or a segment is not looked at: saying a part of it once more
/// keeps a rule as it is when that changes.
fn redundant_parts(program: &Program, condition: &Condition, out: &mut Vec<Diagnostic>) {
    parts(&mut Asked { model: Model::new(program, false), given: Vec::new() }, condition, out);
}

/// The same, given what is given.
fn parts(asked: &mut Asked<'_>, condition: &Condition, out: &mut Vec<Diagnostic>) {
    let (list, all) = match &condition.kind {
        ConditionKind::All(list) => (list, true),
        ConditionKind::Any(list) => (list, false),
        _ => return,
    };
    // `between` is two comparisons that stand at one place: one thing to whoever wrote it.
    if list.windows(2).any(|pair| matches!(pair, [a, b] if a.place == b.place)) || list.len() > MOST_PARTS {
        return;
    }
    let mut left: Vec<(&Condition, Formula)> = list.iter().map(|part| (part, asked.holds(part))).collect();
    // What stands beside a part: where all have to hold the others do, where one has to the others do not.
    let beside = |left: &[(&Condition, Formula)], i: usize| -> Vec<Formula> {
        let others = left.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, (_, f))| f.clone());
        others.map(|f| if all { f } else { f.negated() }).collect()
    };
    for i in (0..left.len()).rev() {
        let others = beside(&left, i);
        let Some((part, formula)) = left.get(i).cloned() else { continue };
        let differs = if all { formula.negated() } else { formula };
        let statements: Vec<&Formula> = others.iter().chain([&differs]).collect();
        // That a value is there is said to be plain, and does no harm.
        if left.len() > 1 && !matches!(part.kind, ConditionKind::Known(_)) && asked.never(&statements) {
            out.push(redundant(part.place, all));
            left.remove(i);
        }
    }
    for (i, (part, _)) in left.iter().enumerate() {
        let depth = asked.given.len();
        asked.given.extend(beside(&left, i));
        parts(asked, part, out);
        asked.given.truncate(depth);
    }
}

fn redundant(place: Place, all: bool) -> Diagnostic {
    let (message, label) = if all {
        ("this comparison changes nothing: it holds whenever the others do", "this follows from the others")
    } else {
        ("this comparison changes nothing: whoever it brings in is there already", "the others cover this")
    };
    Diagnostic::new(Code::REDUNDANT, place, message)
        .label(label)
        .help("leave it out, or look whether another value was meant")
}
