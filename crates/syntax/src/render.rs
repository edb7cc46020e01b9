//! Diagnostics as a terminal shows them, with the lines they speak of; plain for snapshots and files.

use crate::diagnostic::{Diagnostic, Severity, Sources};
use crate::span::{FileId, Place};
use annotate_snippets::{AnnotationKind, Group, Level, Patch, Renderer, Snippet};
use std::collections::BTreeMap;

/// All findings as text, one after the other, each with a line break at its end. `colour` adds terminal colours.
pub fn render(diagnostics: &[Diagnostic], sources: &Sources, colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    diagnostics.iter().map(|d| renderer.render(&report(d, sources)) + "\n\n").collect()
}

fn report<'a>(diagnostic: &'a Diagnostic, sources: &'a Sources) -> Vec<Group<'a>> {
    let level = if diagnostic.severity() == Severity::Error { Level::ERROR } else { Level::WARNING };
    let title = level.primary_title(&diagnostic.message).id(diagnostic.code.id());
    let mut first = Group::with_title(title).elements(snippets(diagnostic, sources));
    let mut groups = Vec::new();
    for help in &diagnostic.help {
        match &help.fix {
            None => first = first.element(Level::HELP.message(&help.message)),
            Some((place, text)) => groups.push(fix(&help.message, *place, text, sources)),
        }
    }
    groups.insert(0, first);
    groups
}

/// One snippet a file: the place itself, then the others.
fn snippets<'a>(
    diagnostic: &'a Diagnostic,
    sources: &'a Sources,
) -> Vec<Snippet<'a, annotate_snippets::Annotation<'a>>> {
    let own = diagnostic.place.file;
    let mut files: BTreeMap<(bool, FileId), Vec<_>> = BTreeMap::new();
    let label = Some(diagnostic.label.as_str()).filter(|l| !l.is_empty());
    let range = within(diagnostic.place, sources);
    files.entry((false, own)).or_default().push(AnnotationKind::Primary.span(range).label(label));
    for (place, label) in &diagnostic.also {
        let annotation = AnnotationKind::Context.span(within(*place, sources)).label(label.as_str());
        files.entry((place.file != own, place.file)).or_default().push(annotation);
    }
    let snippet = |((_, file), annotations)| {
        let source = sources.get(file)?;
        Some(Snippet::source(&source.text).path(&source.path).annotations(annotations))
    };
    files.into_iter().filter_map(snippet).collect()
}

fn fix<'a>(message: &'a str, place: Place, text: &'a str, sources: &'a Sources) -> Group<'a> {
    let group = Group::with_title(Level::HELP.secondary_title(message));
    match sources.get(place.file) {
        Some(source) => {
            let patch = Patch::new(within(place, sources), text);
            group.element(Snippet::source(&source.text).path(&source.path).patch(patch))
        }
        None => group,
    }
}

/// The place as a range that lies inside its file.
fn within(place: Place, sources: &Sources) -> std::ops::Range<usize> {
    let text = sources.get(place.file).map_or("", |s| s.text.as_str());
    let floor = |at: u32| {
        (0..=(at as usize).min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
    };
    let (start, end) = (floor(place.span.start), floor(place.span.end));
    start..end.max(start)
}
