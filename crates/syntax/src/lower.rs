//! From the grammar's pieces to the tree. The grammar forgives; here each slip gets its own message.
//!
//! A function that returns `None` has reported why.

mod call;
mod comparison;
mod condition;
mod file;
mod fold;
mod journey;
mod operand;
mod rule;
mod schedule;
mod slip;
mod value;

use crate::clean::Clean;
use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::grammar::{Pair, Rule, end, find};
use crate::parse::MAX_DIAGNOSTICS;
use crate::span::{FileId, Place, Span, Spanned};
use crate::tree::{File, Name, Path, Text};
use std::collections::BTreeMap;
use unicode_normalization::UnicodeNormalization;

/// What lowering makes of a whole file.
pub(crate) struct Lowered {
    /// The declarations and the sentence that are sound.
    pub file: File,
    /// The names of the declarations that are not.
    pub broken: Vec<Name>,
    /// What was found.
    pub diagnostics: Vec<Diagnostic>,
    /// Every name, with the first place where it stands.
    pub names: BTreeMap<String, Place>,
}

/// Lowers a parsed file.
pub(crate) fn lower(file: FileId, clean: &Clean, pair: Pair<'_>) -> Lowered {
    let mut lower = Lower {
        file,
        clean,
        diagnostics: Vec::new(),
        names: BTreeMap::new(),
        errors: 0,
        height: 0,
        scanned: Span::default(),
        spoiled: clean.diagnostics.iter().filter(|d| d.is_error()).map(|d| d.place.span.start).collect(),
    };
    lower.capitals(&pair);
    let (file, broken) = lower.items(pair);
    lower.no_echo();
    Lowered { file, broken, diagnostics: lower.diagnostics, names: lower.names }
}

pub(crate) struct Lower<'a> {
    file: FileId,
    clean: &'a Clean,
    diagnostics: Vec<Diagnostic>,
    names: BTreeMap<String, Place>,
    /// How many errors were found, also those that are not kept.
    errors: usize,
    /// Where the scan before the grammar found errors, ascending.
    spoiled: Vec<u32>,
    /// How high the tree above the expression at hand may already be.
    height: usize,
    /// The declaration at hand.
    scanned: Span,
}

impl Lower<'_> {
    /// Where a piece stands, without the blanks and comments that the grammar left at its end.
    fn span(&self, pair: &Pair<'_>) -> Span {
        self.clean.span(pair.as_span().start(), end(pair))
    }

    pub(crate) fn at(&self, span: Span) -> Place {
        Place { file: self.file, span }
    }

    pub(crate) fn place(&self, pair: &Pair<'_>) -> Place {
        self.at(self.span(pair))
    }

    pub(crate) fn report(&mut self, diagnostic: Diagnostic) {
        self.errors += usize::from(diagnostic.is_error());
        if !self.is_full() {
            self.diagnostics.push(diagnostic);
        }
    }

    /// Where a stretch of the clean text was written.
    pub(crate) fn written_span(&self, start: usize, end: usize) -> Span {
        self.clean.span(start, end)
    }

    /// Whether the scan before the grammar found an error in the declaration at hand, which explains all others.
    pub(crate) fn spoiled_here(&self) -> bool {
        self.spoiled(self.scanned)
    }

    /// Whether there is nothing more to keep; what comes later in the file would be cut off anyway.
    pub(crate) fn is_full(&self) -> bool {
        self.diagnostics.len() > 2 * MAX_DIAGNOSTICS
    }

    /// A clean text as it is quoted in a message: one line, not too long.
    pub(crate) fn quote(text: &str) -> String {
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if line.chars().count() <= 60 { line } else { line.chars().take(57).collect::<String>() + "…" }
    }

    fn name(&mut self, pair: &Pair<'_>) -> Name {
        let written = pair.as_str();
        let bare = written.strip_prefix('`').and_then(|w| w.strip_suffix('`')).unwrap_or(written);
        let name: String = bare.nfc().collect();
        let place = self.place(pair);
        self.names.entry(name.clone()).or_insert(place);
        Spanned::new(name, place.span)
    }

    fn find_name(&mut self, pair: &Pair<'_>) -> Option<Name> {
        find(pair, Rule::name).map(|n| self.name(&n))
    }

    fn text(&self, pair: &Pair<'_>) -> Text {
        let written = pair.as_str();
        let inside = written.get(1..written.len().saturating_sub(1)).unwrap_or("");
        Spanned::new(unescape(inside), self.span(pair))
    }

    fn find_text(&self, pair: &Pair<'_>) -> Option<Text> {
        find(pair, Rule::text).map(|t| self.text(&t))
    }

    fn path(&mut self, pair: &Pair<'_>) -> Path {
        Path { parts: pair.clone().into_inner().map(|n| self.name(&n)).collect() }
    }

    fn find_path(&mut self, pair: &Pair<'_>) -> Option<Path> {
        find(pair, Rule::path).map(|p| self.path(&p))
    }

    /// Drops warnings about capitals inside what is an error already, such as `IS NULL`.
    fn no_echo(&mut self) {
        let foreign = [Code::NULL_TEST, Code::FOREIGN_OPERATOR, Code::FUNCTION_CALL];
        let errors: Vec<Span> =
            self.diagnostics.iter().filter(|d| foreign.contains(&d.code)).map(|d| d.place.span).collect();
        let inside = |s: Span| errors.iter().any(|e| e.start <= s.start && s.end <= e.end);
        self.diagnostics.retain(|d| d.code != Code::CAPITALS || !inside(d.place.span));
    }

    /// Warns about every word of the language that is not in small letters.
    fn capitals(&mut self, pair: &Pair<'_>) {
        for word in pair.clone().into_inner().flatten() {
            let rule = word.as_rule();
            if !(crate::grammar::is_word(rule) || rule == Rule::unit) {
                continue;
            }
            let small = word.as_str().to_ascii_lowercase();
            if small != word.as_str() {
                let place = self.place(&word);
                let message = format!("`{}` is written `{small}`", word.as_str());
                self.report(Diagnostic::new(Code::CAPITALS, place, message).label("understood").fix(
                    "words of the language are in small letters",
                    place,
                    small,
                ));
            }
        }
    }
}

/// `\"`, `\\` and `\n` stand for a quote, a back-slash and a new line; any other back-slash is itself.
fn unescape(inside: &str) -> String {
    let mut text = String::with_capacity(inside.len());
    let mut chars = inside.chars().peekable();
    while let Some(c) = chars.next() {
        let escaped = match (c, chars.peek()) {
            ('\\', Some('"')) => Some('"'),
            ('\\', Some('\\')) => Some('\\'),
            ('\\', Some('n')) => Some('\n'),
            _ => None,
        };
        if escaped.is_some() {
            chars.next();
        }
        text.push(escaped.unwrap_or(c));
    }
    text
}
