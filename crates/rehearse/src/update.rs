//! What is the case, written into the file of tests where something else is expected. Everything around it stays as it
//! is: comments, layout, what is as expected. The new text is read again before it is given out: where it says anything
//! else than was wanted, the old one stays.

use crate::outcome::{Actual, Difference};
use tidings_schema::yaml::{Document, Node, Value};
use tidings_syntax::{FileId, Span};

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
    let alone =
        |difference: &&&Difference<'_>| settled(text, &[**difference]).is_some_and(|u| u.written == 1);
    // Seldom is one of them not to be written, and then the others still are.
    let found = settled(text, differences).or_else(|| {
        let sound: Vec<&Difference<'_>> = differences.iter().filter(alone).copied().collect();
        let left = differences.len() - sound.len();
        settled(text, &sound).map(|some| Updated { left: some.left + left, ..some })
    });
    found.unwrap_or(Updated { text: text.to_owned(), written: 0, left: differences.len() })
}

/// The same, or none where the new text does not say what it should.
fn settled(text: &str, differences: &[&Difference<'_>]) -> Option<Updated> {
    let mut edits: Vec<(Span, String)> = Vec::new();
    let mut wanted = read(text)?;
    let mut out = Updated::default();
    for difference in differences {
        if edit(text, difference, &mut edits).is_some() {
            expect(&mut wanted, difference)?;
            out.written += 1;
        } else {
            out.left += 1;
        }
    }
    // Those at one place stay in order.
    edits.sort_by_key(|(span, _)| span.start);
    out.text = text.to_owned();
    for (span, words) in edits.iter().rev() {
        out.text.replace_range(span.range(), words);
    }
    (sorted(read(&out.text)?) == sorted(wanted)).then_some(out)
}

fn read(text: &str) -> Option<Value> {
    Some(Document::read(text, FileId::default(), &mut Vec::new())?.root().value().clone())
}

/// With the keys in one order.
fn sorted(value: Value) -> Value {
    match value {
        Value::Map(entries) => {
            let mut entries: Vec<(String, Value)> =
                entries.into_iter().map(|(k, v)| (k, sorted(v))).collect();
            entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            Value::Map(entries)
        }
        Value::List(items) => Value::List(items.into_iter().map(sorted).collect()),
        plain => plain,
    }
}

/// What the file should say with a difference settled.
fn expect(file: &mut Value, difference: &Difference<'_>) -> Option<()> {
    let Value::List(actual) = read(&format!("[{}]", difference.actual))? else { return None };
    let actual = actual.into_iter().next()?;
    let node = &difference.node;
    if !difference.rest {
        *node.of(file, 0)? = actual;
        return Some(());
    }
    let customer = node.of(file, usize::from(node.key() == "else"))?;
    if let Value::Text(nothing) = customer {
        *customer = Value::Map(vec![("else".to_owned(), Value::Text(std::mem::take(nothing)))]);
    }
    let Value::Map(entries) = customer else { return None };
    entries.push((difference.name.clone(), actual));
    Some(())
}

/// Adds what is to be written for a difference, where that can be.
fn edit(text: &str, difference: &Difference<'_>, edits: &mut Vec<(Span, String)>) -> Option<()> {
    // Tests have no word for who is not there yet, nor for nothing without a reason.
    let wordless = match &difference.actual {
        Actual::Stage(None) => true,
        Actual::Does(does, held) => does.is_empty() && held.is_empty(),
        _ => false,
    };
    if wordless {
        return None;
    }
    if difference.rest {
        return beside(text, difference, edits);
    }
    let (span, before) = value(text, &difference.node)?;
    if edits.iter().any(|(other, _)| overlap(*other, span)) {
        return None;
    }
    edits.push((span, format!("{before}{}", difference.actual)));
    Some(())
}

/// One more thing beside `else: nothing`, or in place of a customer's `nothing`; where that was done already for another
/// rule, it is added to that.
fn beside(text: &str, difference: &Difference<'_>, edits: &mut Vec<(Span, String)>) -> Option<()> {
    let (node, entry) = (&difference.node, format!("{}: {}", written(&difference.name), difference.actual));
    let customer = node.key() != "else";
    let key = node.key_place().span;
    let span = if customer { value(text, node)?.0 } else { Span { end: key.start, ..key } };
    if let Some((_, words)) = edits.iter_mut().find(|(other, _)| customer && *other == span) {
        words.insert_str(1, &format!("{entry}, "));
        return Some(());
    }
    let before = text.get(..span.start as usize).and_then(|before| before.rsplit('\n').next());
    let own_line = before.filter(|before| !customer && before.trim().is_empty());
    edits.push(match own_line {
        Some(indent) => (span, format!("{entry}\n{indent}")),
        None if customer => (span, format!("{{{entry}, else: nothing}}")),
        None => (span, format!("{entry}, ")),
    });
    Some(())
}

fn overlap(a: Span, b: Span) -> bool {
    a == b || a.start < b.end && b.start < a.end
}

/// Where a value stands in the text, brackets and lines below included, and what has to stand before a new one; none where
/// it has an anchor, which others need, or a comment inside, or does not stand there whole.
fn value(text: &str, node: &Node<'_>) -> Option<(Span, &'static str)> {
    let (span, before) = stretch(text, node)?;
    let words = text.get(span.range())?;
    let whole = !words.starts_with(['&', '*']) && read(words).as_ref() == Some(node.value());
    whole.then_some((span, before))
}

fn stretch(text: &str, node: &Node<'_>) -> Option<(Span, &'static str)> {
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

/// How long the text in brackets at the beginning is, with them; none where there is a comment in it.
fn bracketed(text: &str) -> Option<usize> {
    let (mut depth, mut quote, mut escaped) = (0_usize, None, false);
    // What is before, and whether a text may begin here: inside of one a quote is a letter like any other.
    let (mut before, mut fresh) = (' ', true);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some('"'), '\\') => escaped = true,
            (Some(q), c) if q == c => quote = None,
            (Some(_), _) => {}
            (None, '\'') if before == '\'' => quote = Some(c),
            (None, '"' | '\'') if fresh => quote = Some(c),
            (None, '#') if before.is_whitespace() => return None,
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
        fresh = matches!(c, '[' | '{' | ',' | ':') || fresh && c.is_whitespace();
        before = c;
    }
    None
}

/// The lines below a key that are further in, or are the items of its list; from behind the colon. None where there is a
/// comment among them.
fn block(text: &str, key: Span, start: usize) -> Option<Span> {
    let line = text.get(..key.start as usize)?.rsplit('\n').next()?;
    let indent = line.len();
    let mut end = start;
    let mut at = start + text.get(start..)?.split_inclusive('\n').next()?.len();
    for below in text.get(at..)?.split_inclusive('\n') {
        let words = below.trim();
        let depth = below.len() - below.trim_start().len();
        let inside = depth > indent || depth == indent && (words == "-" || words.starts_with("- "));
        let passed_over = words.is_empty() || words.starts_with('#');
        if !inside && !passed_over {
            break;
        }
        at += below.len();
        if !passed_over {
            end = at - (below.len() - below.trim_end().len());
        }
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
