//! Errors and warnings as one value, whatever stage finds them; renderers live in [`crate::render`].

use crate::codes::Code;
use crate::span::{FileId, Place, Span};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It works, and may surprise.
    Warning,
    /// It does not compile.
    Error,
}

/// One finding: what happened, where, and what to do next.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    /// Its entry in the registry; the severity comes from there.
    pub code: Code,
    /// What happened, in one sentence without a final stop.
    pub message: String,
    /// Where.
    pub place: Place,
    /// What stands at the place, in few words; may be empty.
    pub label: String,
    /// Other places that have to do with it.
    pub also: Vec<(Place, String)>,
    /// Ways out.
    pub help: Vec<Help>,
}

/// A way out.
#[derive(Clone, Debug, PartialEq)]
pub struct Help {
    /// What to do, in words.
    pub message: String,
    /// What to write instead, where that is known exactly.
    pub fix: Option<(Place, String)>,
}

impl Diagnostic {
    /// A finding at a place.
    pub fn new(code: Code, place: Place, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            code,
            message: message.into(),
            place,
            label: String::new(),
            also: Vec::new(),
            help: Vec::new(),
        }
    }

    /// With words under the place.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Diagnostic {
        self.label = label.into();
        self
    }

    /// With another place.
    #[must_use]
    pub fn also(mut self, place: Place, label: impl Into<String>) -> Diagnostic {
        self.also.push((place, label.into()));
        self
    }

    /// With a way out in words.
    #[must_use]
    pub fn help(mut self, message: impl Into<String>) -> Diagnostic {
        self.help.push(Help { message: message.into(), fix: None });
        self
    }

    /// With a way out that can be written over `place`.
    #[must_use]
    pub fn fix(mut self, message: impl Into<String>, place: Place, text: impl Into<String>) -> Diagnostic {
        self.help.push(Help { message: message.into(), fix: Some((place, text.into())) });
        self
    }

    /// How bad it is.
    pub fn severity(&self) -> Severity {
        self.code.severity()
    }

    /// Whether it stops the project from compiling.
    pub fn is_error(&self) -> bool {
        self.severity() == Severity::Error
    }
}

/// A file that is compiled: its path as the user knows it, and its text.
#[derive(Clone, Debug)]
pub struct Source {
    /// Relative to the project.
    pub path: String,
    /// Its whole text.
    pub text: String,
}

/// All files that are compiled together, so that a [`Place`] can be shown.
#[derive(Clone, Debug, Default)]
pub struct Sources(Vec<Source>);

impl Sources {
    /// Adds a file and names it.
    pub fn add(&mut self, path: impl Into<String>, text: impl Into<String>) -> FileId {
        self.0.push(Source { path: path.into(), text: text.into() });
        FileId((self.0.len() - 1) as u32)
    }

    /// The file of that name.
    pub fn get(&self, file: FileId) -> Option<&Source> {
        self.0.get(file.0 as usize)
    }

    /// The text at a place; empty where there is none.
    pub fn text(&self, place: Place) -> &str {
        self.get(place.file).and_then(|s| s.text.get(place.span.range())).unwrap_or("")
    }

    /// Line and column of a byte, both from 1; columns count characters.
    pub fn line_column(&self, file: FileId, byte: u32) -> (usize, usize) {
        let before = self.get(file).and_then(|s| s.text.get(..byte as usize)).unwrap_or("");
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        (line, column)
    }

    /// Every file, in order.
    pub fn iter(&self) -> impl Iterator<Item = (FileId, &Source)> {
        self.0.iter().enumerate().map(|(i, s)| (FileId(i as u32), s))
    }

    /// The place of a whole file, for findings that have no better one.
    pub fn whole(&self, file: FileId) -> Place {
        Place { file, span: Span::new(0, self.get(file).map_or(0, |s| s.text.len())) }
    }
}
