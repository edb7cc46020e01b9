//! What is the case, written into the file of tests where something else is expected. Everything around it stays as it
//! is: comments, layout, what is as expected.

use crate::outcome::{Actual, Difference};
use tidings_schema::yaml::{Node, Value};
use tidings_syntax::Span;

/// A file after what is the case was written into it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Updated {
    /// Its text.
    pub text: String,
    /// How many expectations were written anew.
    pub written: usize,
    /// How many could not be, and are left to a person.
    pub left: usize,
}

/// The text of a file of tests with its differences settled.
pub fn updated(text: &str, differences: &[&Difference<'_>]) -> Updated {
    let mut edits: Vec<(Span, String)> = Vec::new();
    let mut out = Updated::default();
    for difference in differences {
        // Tests have no word for who is not there yet.
        let done = difference.actual != Actual::Stage(None)
            && if difference.rest {
                beside(text, difference, &mut edits)
            } else {
                let edit = value(text, &difference.node)
                    .map(|(span, before)| (span, format!("{before}{}", difference.actual)));
                let new = edit.filter(|(span, _)| !edits.iter().any(|(other, _)| overlap(*other, *span)));
                edits.extend(new.clone());
                new.is_some()
            };
        if done { out.written += 1 } else { out.left += 1 }
    }
    // Those at one place stay in order.
    edits.sort_by_key(|(span, _)| span.start);
    out.text = text.to_owned();
    for (span, words) in edits.iter().rev() {
        out.text.replace_range(span.range(), words);
    }
    out
}

/// One more thing beside `else: nothing`, or in place of a customer's `nothing`; where that was done already for another
/// rule, it is added to that.
fn beside(text: &str, difference: &Difference<'_>, edits: &mut Vec<(Span, String)>) -> bool {
    let (node, entry) = (&difference.node, format!("{}: {}", written(&difference.name), difference.actual));
    let customer = node.key() != "else";
    let key = node.key_place().span;
    let span = if customer { node.place().span } else { Span { end: key.start, ..key } };
    if let Some((_, words)) = edits.iter_mut().find(|(other, _)| customer && *other == span) {
        words.insert_str(1, &format!("{entry}, "));
        return true;
    }
    let before = text.get(..span.start as usize).and_then(|before| before.rsplit('\n').next());
    let own_line = before.filter(|before| !customer && before.trim().is_empty());
    edits.push(match own_line {
        Some(indent) => (span, format!("{entry}\n{indent}")),
        None if customer => (span, format!("{{{entry}, else: nothing}}")),
        None => (span, format!("{entry}, ")),
    });
    true
}

fn overlap(a: Span, b: Span) -> bool {
    a == b || a.start < b.end && b.start < a.end
}

/// Where a value stands in the text, brackets and lines below included, and what has to stand before a new one; none where
/// it has an anchor, which others need, or a comment inside.
fn value(text: &str, node: &Node<'_>) -> Option<(Span, &'static str)> {
    if !matches!(node.value(), Value::List(_) | Value::Map(_)) {
        return Some((node.place().span, ""));
    }
    let key = node.key_place().span;
    let behind = text.get(key.end as usize..)?;
    let colon = behind.find(':')?;
    let rest = behind.get(colon + 1..)?;
    let start = key.end as usize + colon + 1 + (rest.len() - rest.trim_start_matches(' ').len());
    match text.get(start..)?.chars().next()? {
        '[' | '{' => Some((Span::new(start, start + bracketed(text.get(start..)?)?), "")),
        '\n' | '\r' => block(text, key, start).map(|span| (span, " ")),
        _ => None,
    }
}

/// How long the text in brackets at the beginning is, with them.
fn bracketed(text: &str) -> Option<usize> {
    let (mut depth, mut quote) = (0_usize, None);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(q), c) if q == c => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// The lines below a key that are further in, or are the items of its list; from behind the colon.
fn block(text: &str, key: Span, start: usize) -> Option<Span> {
    let line = text.get(..key.start as usize)?.rsplit('\n').next()?;
    let indent = line.len();
    let mut end = start;
    let mut at = start + text.get(start..)?.split_inclusive('\n').next()?.len();
    for below in text.get(at..)?.split_inclusive('\n') {
        let depth = below.len() - below.trim_start().len();
        let inside = depth > indent || depth == indent && below.trim_start().starts_with("- ");
        if below.trim().is_empty() || !inside {
            break;
        }
        end = at + below.trim_end().len();
        at += below.len();
    }
    let commented = text.get(start..end)?.contains('#');
    (end > start && !commented).then(|| Span::new(start, end))
}

/// A text as YAML has it in brackets: plain where it can be.
pub(crate) fn written(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.' | '=' | '/' | '%');
    let like_another =
        matches!(text, "true" | "false" | "null" | "yes" | "no") || text.parse::<f64>().is_ok();
    let begins = text.starts_with(|c: char| c.is_alphabetic());
    if begins && !text.ends_with(' ') && text.chars().all(plain) && !like_another {
        return text.to_owned();
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
