//! `# allow W033: REASON` in a rule file: a warning that is known and wanted.

use crate::codes::Code;
use crate::diagnostic::{Diagnostic, Sources};
use crate::span::{FileId, Place, Span};

/// A comment that allows warnings of a code, in its own line or, where it has one to itself, in the next line that is not
/// a comment.
struct Allowance<'a> {
    place: Place,
    /// Of the line that it is about.
    line: std::ops::Range<u32>,
    code: &'a str,
    reason: &'a str,
    used: bool,
}

/// What the rule files allow.
#[derive(Default)]
pub struct Allowances<'a>(Vec<Allowance<'a>>);

impl<'a> Allowances<'a> {
    /// All of them.
    pub fn read(sources: &'a Sources) -> Allowances<'a> {
        let files = sources.iter().filter(|(_, source)| source.path.ends_with(".tidings"));
        Allowances(files.flat_map(|(id, source)| read(id, &source.text)).collect())
    }

    /// Whether a warning of a code is allowed at a place, where there is one: an allowance that says so was of use.
    pub fn allow(&mut self, code: Code, place: Place) -> bool {
        let allowed = |a: &&mut Allowance<'_>| {
            a.place.file == place.file
                && a.line.contains(&place.span.start)
                && a.code == code.id()
                && !a.reason.is_empty()
        };
        self.0.iter_mut().find(allowed).map(|allowance| allowance.used = true).is_some()
    }

    /// The findings without the warnings that are allowed, and one more for each allowance that was of no use: it has no
    /// reason, or there is nothing to allow. Beside an error not every warning is looked for, so there may be.
    pub fn without(mut self, mut findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
        findings.retain(|finding| finding.is_error() || !self.allow(finding.code, finding.place));
        let all_looked_for = !findings.iter().any(Diagnostic::is_error);
        let idle = self.0.iter().filter(|a| !a.used && (all_looked_for || a.reason.is_empty()));
        findings.extend(idle.map(Allowance::idle));
        findings
    }
}

impl Allowance<'_> {
    fn idle(&self) -> Diagnostic {
        let (message, help) = if self.reason.is_empty() {
            (
                "an allowance needs a reason".to_owned(),
                format!("write `# allow {}: why it is meant so`", self.code),
            )
        } else {
            let message = format!("there is no warning {} here to allow", self.code);
            (message, "leave the comment out, or put it right above the line with the warning".to_owned())
        };
        Diagnostic::new(Code::IDLE_ALLOWANCE, self.place, message).help(help)
    }
}

fn read(file: FileId, text: &str) -> Vec<Allowance<'_>> {
    let mut found: Vec<Allowance<'_>> = Vec::new();
    // Those that wait for the line that they are about.
    let mut waiting = 0;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let range = start as u32..(start + line.len()) as u32;
        let code = line.trim_start();
        if !code.starts_with('#') && !code.is_empty() {
            let above = found.len() - waiting;
            found.iter_mut().skip(above).for_each(|a| a.line = range.clone());
            waiting = 0;
        }
        if let Some((at, said)) = allowance(line) {
            let (code, reason) = said.split_once(':').unwrap_or((said, ""));
            let span = Span::new(start + at, start + line.trim_end().len());
            let (code, reason) = (code.trim(), reason.trim());
            found.push(Allowance {
                place: Place { file, span },
                line: range.clone(),
                code,
                reason,
                used: false,
            });
            waiting += usize::from(line.trim_start().starts_with('#'));
        }
        start += line.len();
    }
    found
}

/// Where a comment of a line begins that allows something, and what it says after `allow`.
fn allowance(line: &str) -> Option<(usize, &str)> {
    let mut quoted = false;
    let begins = |(at, c): (usize, char)| {
        quoted ^= c == '"';
        (c == '#' && !quoted).then_some(at)
    };
    let at = line.char_indices().find_map(begins)?;
    let said = line.get(at + 1..)?.trim().strip_prefix("allow ")?.trim_start();
    let digits = said.strip_prefix('W')?.bytes().take_while(u8::is_ascii_digit).count();
    (digits == 3).then_some((at, said))
}
