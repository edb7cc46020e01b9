//! Errors and warnings as people and machines read them.

use super::counted;
use crate::screen::Screen;
use serde_json::{Value, json};
use tidings_syntax::{Diagnostic, Help, Place, Severity, Sources};

/// With the lines that they are about.
pub fn text(found: &[Diagnostic], sources: &Sources, screen: &Screen) -> String {
    tidings_syntax::render(found, sources, screen.colour)
}

/// As a list of objects.
pub fn json(found: &[Diagnostic], sources: &Sources) -> Value {
    let place = |p: Place| {
        let (line, column) = sources.line_column(p.file, p.span.start);
        let file = sources.get(p.file).map(|s| s.path.as_str());
        json!({"file": file, "line": line, "column": column, "start": p.span.start, "end": p.span.end})
    };
    let help = |h: &Help| {
        let fix = h.fix.as_ref().map(|(p, text)| json!({"place": place(*p), "text": text}));
        json!({"message": h.message, "fix": fix})
    };
    let finding = |d: &Diagnostic| {
        json!({
            "code": d.code.id(),
            "severity": if d.severity() == Severity::Error { "error" } else { "warning" },
            "message": d.message,
            "place": place(d.place),
            "label": d.label,
            "also": d.also.iter().map(|(p, label)| json!({"place": place(*p), "label": label})).collect::<Vec<_>>(),
            "help": d.help.iter().map(help).collect::<Vec<_>>(),
        })
    };
    Value::Array(found.iter().map(finding).collect())
}

/// `2 errors, 1 warning`
pub fn counts(found: &[Diagnostic]) -> String {
    let errors = found.iter().filter(|d| d.is_error()).count();
    let some = |n: usize, what: &str| counted(n as u64, what);
    format!("{}, {}", some(errors, "error"), some(found.len() - errors, "warning"))
}
