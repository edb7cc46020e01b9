//! From trees and a vocabulary to a typed program: every error and warning that a marketer can meet.
//! It evaluates nothing.

mod actions;
mod aggregates;
mod compare;
mod conditions;
mod declarations;
mod journeys;
mod literals;
pub mod meaning;
mod missing;
mod names;
mod policy;
pub mod program;
mod rules;
mod schedules;
mod terms;

pub use meaning::{Declared, Meaning};
pub use program::Program;

use names::Names;
use std::collections::HashMap;
use std::sync::Arc;
use tidings_schema::{Currency, Vocabulary};
use tidings_syntax::{Diagnostic, FileId, Place, Sources, Span, tree};

/// A rule file that was parsed.
#[derive(Clone, Debug)]
pub struct RuleFile {
    /// Its place among the sources.
    pub id: FileId,
    /// Its name without folder and ending: the name of its bare sentence.
    pub name: String,
    /// What it says.
    pub tree: tree::File,
    /// The names of declarations that could not be read: whoever uses them is not told once more.
    pub broken: Vec<tree::Name>,
}

/// What rules can send, as the project's files declare it.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// The channels; none declared means that the sandbox stands for all that customers can be reached by.
    pub channels: Option<Vec<String>>,
    /// The coupons; none declared means that any name is one.
    pub coupons: Option<Vec<String>>,
    /// What those coupons are worth that are worth money: minor units, and of which currency.
    pub worths: HashMap<String, (i64, Currency)>,
    /// Those that are declared and could not be read: they have errors of their own.
    pub broken_coupons: Vec<String>,
    /// The webhooks; none declared means that any name is one.
    pub webhooks: Option<Vec<String>>,
    /// The templates: name and channel.
    pub templates: Vec<(String, String)>,
}

/// What came of a check.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The program, where there is no error.
    pub program: Option<Program>,
    /// Every finding, in the order of files and places.
    pub diagnostics: Vec<Diagnostic>,
}

/// Checks all rule files of a project against its vocabulary.
pub fn check(files: &[RuleFile], vocabulary: Arc<Vocabulary>, world: &World, sources: &Sources) -> Checked {
    let mut checker = Checker::new(files, &vocabulary, world, sources);
    let program = checker.program(files);
    let mut diagnostics = checker.diagnostics;
    diagnostics.sort_by_key(|d| d.place);
    // A define that several rules use is checked once, but a name may be reported by two roads.
    diagnostics.dedup();
    let program = program.filter(|_| !diagnostics.iter().any(Diagnostic::is_error));
    Checked { program, diagnostics }
}

/// One check under way.
struct Checker<'a> {
    vocabulary: &'a Arc<Vocabulary>,
    world: &'a World,
    sources: &'a Sources,
    names: Names<'a>,
    /// The file that is being checked.
    file: FileId,
    /// Whether a journey is being checked: it alone has a start and time-outs.
    in_journey: bool,
    /// What the rule that is being checked says beyond what is run yet.
    not_run: Vec<program::NotRun>,
    diagnostics: Vec<Diagnostic>,
}

/// Whose names an expression may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    /// The customer's.
    Customer,
    /// Those of one row of a collection.
    Row(tidings_schema::CollectionId),
}

impl<'a> Checker<'a> {
    fn new(
        files: &'a [RuleFile],
        vocabulary: &'a Arc<Vocabulary>,
        world: &'a World,
        sources: &'a Sources,
    ) -> Checker<'a> {
        let mut checker = Checker {
            vocabulary,
            world,
            sources,
            names: Names::default(),
            file: FileId::default(),
            in_journey: false,
            not_run: Vec::new(),
            diagnostics: Vec::new(),
        };
        checker.declare_all(files);
        checker
    }

    /// The whole program, or none where a part of it could not be made.
    fn program(&mut self, files: &'a [RuleFile]) -> Option<Program> {
        self.check_declarations();
        let (policy, usual) = self.policy(files);
        let rules = self.rules(files, &usual);
        let journeys = self.journeys(files);
        self.warn_unused();
        let (defines, scores, stages, segments) = self.names.finished()?;
        Some(Program {
            vocabulary: Arc::clone(self.vocabulary),
            defines,
            scores,
            stages,
            segments,
            rules: rules?,
            policy,
            journeys,
        })
    }

    fn place(&self, span: Span) -> Place {
        Place { file: self.file, span }
    }

    fn text(&self, span: Span) -> &'a str {
        self.sources.text(self.place(span))
    }

    /// Reports a finding; the value is for use as `return self.report(…)`.
    fn report<T>(&mut self, diagnostic: Diagnostic) -> Option<T> {
        self.diagnostics.push(diagnostic);
        None
    }
}
