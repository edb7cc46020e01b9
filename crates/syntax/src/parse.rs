//! The way in: from bytes or text to a tree and everything that was found on the way.

use crate::clean::{Clean, MAX_BYTES, MAX_DEPTH, clean};
use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::grammar::{Grammar, Rule};
use crate::lower::lower;
use crate::names::look_alikes;
use crate::span::{FileId, Place, Span};
use crate::tree::{File, Name};
use pest::Parser;

/// How many findings of one file are kept; whoever mends those sees the next.
pub const MAX_DIAGNOSTICS: usize = 200;

/// What a file says, as far as it could be understood.
#[derive(Clone, Debug, Default)]
pub struct Parsed {
    /// Every declaration that is sound, the sentence if it is, and the comments.
    pub file: File,
    /// The names of the declarations that are not: they exist, and nothing more is known of them.
    pub broken: Vec<Name>,
    /// Errors and warnings in the order of their places.
    pub diagnostics: Vec<Diagnostic>,
}

impl Parsed {
    /// Whether the file has an error.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }
}

/// Reads a rule file. Every text is answered, with diagnostics where it is not in order.
pub fn parse(file: FileId, text: &str) -> Parsed {
    if text.len() > MAX_BYTES {
        let place = Place { file, span: Span::default() };
        return only(
            Diagnostic::new(Code::TOO_LARGE, place, "the file is larger than 256 kB")
                .label("a rule file has at most that much")
                .help("put the rules into several files"),
        );
    }
    let mut clean = clean(file, text);
    let mut parsed = match clean.deepest {
        0..SHALLOW => read(file, &clean),
        SHALLOW..=MAX_DEPTH => read_deep(file, &clean),
        _ => Parsed::default(),
    };
    parsed.file.comments.0 = std::mem::take(&mut clean.comments);
    parsed.diagnostics.append(&mut clean.diagnostics);
    // What is cut off are warnings before errors, and the last before the first.
    parsed.diagnostics.sort_by_key(|d| (!d.is_error(), d.place.span));
    parsed.diagnostics.truncate(MAX_DIAGNOSTICS);
    parsed.diagnostics.sort_by_key(|d| d.place.span);
    parsed
}

/// Files that nest less are read on the caller's stack, whatever its size.
const SHALLOW: usize = 12;

/// Reads a file that nests deeply, on a stack that is large enough for it.
fn read_deep(file: FileId, clean: &Clean) -> Parsed {
    let parsed = std::thread::scope(|scope| {
        let builder = std::thread::Builder::new().stack_size(16 << 20);
        builder.spawn_scoped(scope, || read(file, clean)).ok().and_then(|thread| thread.join().ok())
    });
    parsed.unwrap_or_else(|| too_deep(file, clean))
}

fn read(file: FileId, clean: &Clean) -> Parsed {
    let Some(pair) = Grammar::parse(Rule::file, &clean.text).ok().and_then(|mut pairs| pairs.next()) else {
        // The grammar takes every text, so only the stack can have run out.
        return too_deep(file, clean);
    };
    let mut lowered = lower(file, clean, pair);
    look_alikes(&mut lowered);
    Parsed { file: lowered.file, broken: lowered.broken, diagnostics: lowered.diagnostics }
}

fn too_deep(file: FileId, clean: &Clean) -> Parsed {
    let place = Place { file, span: clean.span(0, 0) };
    only(
        Diagnostic::new(Code::TOO_DEEP, place, "this file nests too deeply to be read")
            .help("give parts of its conditions a name with `define`"),
    )
}

/// Reads a rule file that may not even be text.
pub fn parse_bytes(file: FileId, bytes: &[u8]) -> Parsed {
    let error = match std::str::from_utf8(bytes) {
        Ok(text) => return parse(file, text),
        Err(error) => error,
    };
    let at = error.valid_up_to();
    let line = bytes.get(..at).unwrap_or(bytes).iter().filter(|b| **b == b'\n').count() + 1;
    let place = Place { file, span: Span::new(at.min(MAX_BYTES), at.min(MAX_BYTES)) };
    let found = Diagnostic::new(Code::NOT_TEXT, place, "this file is not UTF-8 text");
    only(if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        found.label("it looks like UTF-16").help("save it again as UTF-8")
    } else {
        found
            .label(format!("line {line} has bytes that stand for no character"))
            .help("save it again as UTF-8")
    })
}

fn only(found: Diagnostic) -> Parsed {
    Parsed { diagnostics: vec![found], ..Parsed::default() }
}
