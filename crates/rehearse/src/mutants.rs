//! Small changes to the text of rules: each makes other rules of them, and a test that is worth its name notices.

use crate::comparisons::comparisons;
use crate::spots::{Edit, Spot, spots};
use std::collections::HashSet;
use tidings_check::{Program, RuleFile};
use tidings_project::Project;
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
    text: String,
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
        let whole: HashSet<Place> =
            comparisons(program).into_iter().filter(|c| c.whole).map(|c| c.place).collect();
        for rules in &project.rules {
            let Some(source) = project.sources.get(rules.id) else { continue };
            let parsed = parse(rules.id, &source.text);
            let of_file = spots(&parsed.file, &source.text).into_iter().filter_map(|spot| {
                let place = Place { file: rules.id, span: spot.edits.first()?.span };
                // Of whole numbers `> 4` is `>= 5`, which is there as another number already.
                let twice = spot.moves_edge && whole.contains(&Place { file: rules.id, span: spot.whole });
                if twice {
                    return None;
                }
                mutant(place, files.len(), &source.text, &spot)
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
        let parsed = parse(mutant.place.file, &mutant.text);
        if parsed.has_errors() {
            return None;
        }
        let mut files = self.files.clone();
        files.get_mut(mutant.file)?.tree = parsed.file;
        let mut sources = Sources::default();
        for (id, Source { path, text }) in self.project.sources.iter() {
            sources.add(path, if id == mutant.place.file { &mutant.text } else { text });
        }
        let vocabulary = self.program.vocabulary.clone();
        tidings_check::check(&files, vocabulary, &self.project.world(), &sources).program
    }
}

fn mutant(place: Place, file: usize, text: &str, spot: &Spot) -> Option<Mutant> {
    let before = text.get(spot.whole.range())?;
    // The text behind the edits moves, and that before them stays.
    let inside: Vec<Edit> = spot.edits.iter().map(|edit| edit.within(spot.whole)).collect();
    let after = edited(before, &inside)?;
    let text = edited(text, &spot.edits)?;
    Some(Mutant { place, before: line(before), after: line(&after), file, text })
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
