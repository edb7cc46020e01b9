//! Small changes to the text of rules: each makes other rules of them, and a test that is worth its name notices.

use crate::comparisons::comparisons;
use crate::spots::{Edit, Spot, spots};
use std::collections::HashMap;
use tidings_check::{Program, RuleFile};
use tidings_project::Project;
use tidings_schema::{ElapsedUnit, Type};
use tidings_syntax::tree::{Literal, Unit};
use tidings_syntax::{Place, Source, Sources, parse};

/// One small change.
#[derive(Clone, Debug, PartialEq)]
pub struct Mutant {
    /// Where it changes the text.
    pub place: Place,
    /// The comparison, or whatever it is a part of, as it stands; in one line.
    pub before: String,
    /// The same after it.
    pub after: String,
    file: usize,
    edits: Vec<Edit>,
}

/// The rule files of a project, to be changed one at a time.
pub struct Mutants<'p> {
    project: &'p Project,
    program: &'p Program,
    files: Vec<RuleFile>,
    /// Every change that can be made, in the order of the text. Some make no program: they are passed over later.
    pub all: Vec<Mutant>,
}

impl<'p> Mutants<'p> {
    /// Every change that can be made to the rules of a project, whose program is the one given.
    pub fn of(project: &'p Project, program: &'p Program) -> Mutants<'p> {
        let (mut files, mut all) = (Vec::new(), Vec::new());
        let whole: HashMap<Place, Type> =
            comparisons(program).into_iter().filter_map(|c| Some((c.place, c.whole?))).collect();
        for rules in &project.rules {
            let Some(source) = project.sources.get(rules.id) else { continue };
            let parsed = parse(rules.id, &source.text);
            let of_file = spots(&parsed.file, &source.text).into_iter().filter_map(|spot| {
                let place = Place { file: rules.id, span: spot.edits.first()?.span };
                // Of whole numbers `> 4` is `>= 5`, which is there as another number already.
                let ty = whole.get(&Place { file: rules.id, span: spot.whole });
                if ty.zip(spot.twin.as_ref()).is_some_and(|(ty, number)| is_in_unit(number, ty)) {
                    return None;
                }
                mutant(place, files.len(), &source.text, spot)
            });
            all.extend(of_file);
            let (id, name) = (rules.id, rules.name.clone());
            files.push(RuleFile { id, name, tree: parsed.file, broken: parsed.broken });
        }
        all.sort_by_key(|m: &Mutant| m.place);
        Mutants { project, program, files, all }
    }

    /// The program after a change; none where it makes none, since then nobody could run it.
    pub fn program(&self, mutant: &Mutant) -> Option<Program> {
        let changed = edited(&self.project.sources.get(mutant.place.file)?.text, &mutant.edits)?;
        let parsed = parse(mutant.place.file, &changed);
        if parsed.has_errors() {
            return None;
        }
        let mut files = self.files.clone();
        files.get_mut(mutant.file)?.tree = parsed.file;
        let mut sources = Sources::default();
        for (id, Source { path, text }) in self.project.sources.iter() {
            sources.add(path, if id == mutant.place.file { &changed } else { text });
        }
        let vocabulary = self.program.vocabulary.clone();
        tidings_check::check(&files, vocabulary, &self.project.world(), &sources).program
    }
}

/// Whether a number counts in the unit of the values that it is held against: a day more than 12 weeks is none of its
/// neighbours.
fn is_in_unit(number: &Literal, ty: &Type) -> bool {
    match (number, ty) {
        (Literal::Number(_), _) | (Literal::Date(_), Type::Date) => true,
        (Literal::Length(length), Type::Elapsed(unit)) => matches!(
            (length.unit, unit),
            (Unit::Day, ElapsedUnit::Days)
                | (Unit::Week, ElapsedUnit::Weeks)
                | (Unit::Month, ElapsedUnit::Months)
        ),
        _ => false,
    }
}

fn mutant(place: Place, file: usize, text: &str, spot: Spot) -> Option<Mutant> {
    let before = text.get(spot.whole.range())?;
    // The text behind the edits moves, and that before them stays.
    let inside: Vec<Edit> = spot.edits.iter().map(|edit| edit.within(spot.whole)).collect();
    let after = edited(before, &inside)?;
    Some(Mutant { place, before: line(before), after: line(&after), file, edits: spot.edits })
}

/// A text with other words at some places, which are in order.
fn edited(text: &str, edits: &[Edit]) -> Option<String> {
    let (mut out, mut from) = (String::with_capacity(text.len() + 8), 0);
    for edit in edits {
        let range = edit.span.range();
        out.push_str(text.get(from..range.start)?);
        out.push_str(&edit.text);
        from = range.end;
    }
    out.push_str(text.get(from..)?);
    Some(out)
}

fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
