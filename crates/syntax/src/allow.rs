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

/// The findings without the warnings that rule files allow, and one more for each allowance that is of no use: it has no
/// reason, or there is nothing to allow.
pub fn without_allowed(sources: &Sources, findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let files = sources.iter().filter(|(_, source)| source.path.ends_with(".tidings"));
    let mut allowances: Vec<Allowance<'_>> = files.flat_map(|(id, source)| read(id, &source.text)).collect();
    let mut left: Vec<Diagnostic> = findings
        .into_iter()
        .filter(|finding| {
            let allowed = |a: &&mut Allowance<'_>| {
                a.place.file == finding.place.file
                    && a.line.contains(&finding.place.span.start)
                    && a.code == finding.code.id()
                    && !a.reason.is_empty()
            };
            match allowances.iter_mut().find(allowed) {
                Some(allowance) if !finding.is_error() => {
                    allowance.used = true;
                    false
                }
                _ => true,
            }
        })
        .collect();
    left.extend(allowances.iter().filter(|a| !a.used).map(Allowance::idle));
    left
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
