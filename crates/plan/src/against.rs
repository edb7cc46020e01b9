//! What another version of the rules changes: two programs and their plans for the same moment, side by side.

mod guess;
mod layout;
mod people;
mod why;

pub use guess::{Guess, Same};
pub use people::{Moved, Movement, Shift};
pub use why::{Difference, Test};

use crate::make::Question;
use crate::plan::Plan;
use crate::renames::{Ran, Unsaid, unsaid};
use layout::Layout;
use std::collections::BTreeMap;
use tidings_check::program::Rule;
use tidings_check::{Declared, Meaning};
use tidings_engine::{Evaluator, Populations};
use tidings_syntax::Place;

/// A program, and what it plans.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// The compiled rules.
    pub evaluator: &'a Evaluator,
    /// What the plan was made from.
    pub question: Question<'a>,
    /// The cut-offs of its scores.
    pub populations: &'a Populations,
    /// The plan.
    pub plan: &'a Plan,
    /// What is written at a place of its files, on one line.
    pub words: &'a dyn Fn(Place) -> String,
}

/// What changes from one version of the rules to another.
#[derive(Clone, Debug, PartialEq)]
pub struct Changes {
    /// The rules of the later version in its order, then those that are removed.
    pub rules: Vec<RuleChange>,
    /// Defines, scores, partitions and segments that are new, gone, or mean something else.
    pub declared: Vec<(Change, Declared)>,
    /// Clauses of the policy that are new or gone, in words.
    pub policy: Vec<(Change, String)>,
    /// Rules that have another name and do not say so.
    pub unsaid: Vec<Unsaid>,
    /// New rules that may be what one that is gone was.
    pub guesses: Vec<Guess>,
}

/// What became of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was not there.
    New,
    /// It says something else.
    Edited,
    /// It is gone.
    Removed,
}

/// What changes for one rule.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleChange {
    /// Its name; the earlier one where it is removed.
    pub name: String,
    /// The name that its history goes by.
    pub identity: String,
    /// Its position in the earlier version.
    pub before: Option<usize>,
    /// Its position in the later version.
    pub after: Option<usize>,
    /// What it was called, where it is called something else now.
    pub renamed: Option<String>,
    /// What it says that it did not say.
    pub edits: Vec<Edit>,
    /// Who matches that did not.
    pub entering: Movement,
    /// Who matched and does not any more.
    pub leaving: Movement,
    /// How many match as before.
    pub staying: u64,
    /// Those of them who get something else.
    pub shifts: Vec<Shift>,
}

/// Something of a rule that says something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// What of it: `audience`, `actions`, `limit`, …
    pub part: &'static str,
    /// What it said; empty where it said nothing.
    pub before: String,
    /// What it says.
    pub after: String,
}

impl RuleChange {
    /// What became of its text; none where it means what it meant.
    pub fn change(&self) -> Option<Change> {
        match (self.before, self.after) {
            (None, _) => Some(Change::New),
            (_, None) => Some(Change::Removed),
            _ => (!self.edits.is_empty() || self.renamed.is_some()).then_some(Change::Edited),
        }
    }

    /// Whether anybody is chosen, or gets something, other than before.
    pub fn moves_people(&self) -> bool {
        self.entering.customers + self.leaving.customers > 0 || !self.shifts.is_empty()
    }
}

impl Changes {
    /// Whether the rules mean what they meant, and nobody gets anything else.
    pub fn are_none(&self) -> bool {
        let same = |rule: &RuleChange| rule.change().is_none() && !rule.moves_people();
        self.rules.iter().all(same) && self.policy.is_empty() && self.unsaid.is_empty()
    }
}

/// Compares two versions. Of those who enter and leave, and of each kind of those who get something else, as many as
/// `most` are named, in the order of keys.
pub fn changes(before: &Side<'_>, after: &Side<'_>, most: usize) -> Changes {
    let layout = Layout::of(before.question.chunks, after.question.chunks);
    let (earlier, later) = (before.question.program, after.question.program);
    let (meant, means) = (earlier.meanings(), later.meanings());
    let by_identity: BTreeMap<&str, usize> = positions(&earlier.rules);
    let remain = positions(&later.rules);
    let asked = |of: &Side<'_>, rule: usize| of.question.only.is_none_or(|only| only.contains(&rule));
    let mut rules = Vec::new();
    for (i, rule) in later.rules.iter().enumerate().filter(|(i, _)| asked(after, *i)) {
        let old = by_identity.get(rule.identity()).copied();
        let old_rule = old.and_then(|old| earlier.rules.get(old));
        let edits = match (old_rule, old.and_then(|old| meant.get(old)), means.get(i)) {
            (Some(old), Some(meant), Some(means)) => edits((old, meant, before), (rule, means, after)),
            _ => Vec::new(),
        };
        let renamed = old_rule.filter(|old| old.name != rule.name).map(|old| old.name.clone());
        rules.push(people::change(rule, (before, old), (after, Some(i)), renamed, edits, &layout, most));
    }
    for (i, rule) in earlier.rules.iter().enumerate().filter(|(i, _)| asked(before, *i)) {
        if !remain.contains_key(rule.identity()) {
            rules.push(people::change(
                rule,
                (before, Some(i)),
                (after, None),
                None,
                Vec::new(),
                &layout,
                most,
            ));
        }
    }
    let ran = earlier.rules.iter().zip(&meant).map(|(rule, meaning)| Ran {
        identity: rule.identity().to_owned(),
        name: rule.name.clone(),
        core: meaning.core(),
        reached: true,
    });
    let unsaid = unsaid(&ran.collect::<Vec<_>>(), None, later);
    Changes {
        rules,
        guesses: guess::guesses(earlier, later, &unsaid),
        declared: declared(&earlier.declared(), &later.declared()),
        policy: clauses(&earlier.policy_in_words(), &later.policy_in_words()),
        unsaid,
    }
}

fn positions(rules: &[Rule]) -> BTreeMap<&str, usize> {
    rules.iter().enumerate().map(|(i, rule)| (rule.identity(), i)).collect()
}

type Told<'a> = (&'a Rule, &'a Meaning, &'a Side<'a>);

fn edits((old, meant, before): Told<'_>, (new, means, after): Told<'_>) -> Vec<Edit> {
    let mut edits = Vec::new();
    if meant.audience != means.audience {
        edits.push(Edit { part: "audience", before: whom(old, before), after: whom(new, after) });
    }
    for ((part, before), (_, after)) in meant.clauses.iter().zip(&means.clauses) {
        if before != after {
            edits.push(Edit { part, before: before.clone(), after: after.clone() });
        }
    }
    edits
}

/// Whom a rule is for, in its own words.
fn whom(rule: &Rule, side: &Side<'_>) -> String {
    let segment = rule.segment.and_then(|id| side.question.program.segments.get(id.0 as usize));
    let segment = segment.map(|segment| format!("for {}", segment.name));
    let condition = rule.condition.as_ref().map(|condition| format!("if {}", (side.words)(condition.place)));
    segment.into_iter().chain(condition).collect::<Vec<_>>().join(" ")
}

fn declared(before: &[Declared], after: &[Declared]) -> Vec<(Change, Declared)> {
    let find = |all: &[Declared], one: &Declared| {
        all.iter().find(|other| (other.kind, &other.name) == (one.kind, &one.name)).cloned()
    };
    let new = after.iter().filter_map(|one| match find(before, one) {
        None => Some((Change::New, one.clone())),
        Some(old) => (old.meaning != one.meaning).then(|| (Change::Edited, one.clone())),
    });
    let gone = before.iter().filter(|one| find(after, one).is_none());
    new.chain(gone.map(|one| (Change::Removed, one.clone()))).collect()
}

fn clauses(before: &[String], after: &[String]) -> Vec<(Change, String)> {
    let only = |these: &[String], others: &[String], change| {
        let alone = these.iter().filter(|clause| !others.contains(clause));
        alone.map(|clause| (change, clause.clone())).collect::<Vec<_>>()
    };
    let mut changed = only(before, after, Change::Removed);
    changed.extend(only(after, before, Change::New));
    changed
}
