//! What serde says about a file, in a person's words and at its place.

use super::Node;
use super::tree::TWICE;
use tidings_syntax::{Code, Diagnostic, FileId, Place, Span};

pub(super) fn unreadable(text: &str, file: FileId, error: &serde_yaml::Error) -> Diagnostic {
    let (place, said) = (place(error, text, file), words(error, ""));
    if let Some((_, key)) = said.split_once(TWICE) {
        return Diagnostic::new(Code::DUPLICATE_KEY, place, format!("`{key}` is written twice"))
            .help("keep one of the two, or give the other another name");
    }
    let finding = Diagnostic::new(Code::BAD_YAML, place, format!("this is no YAML that can be read: {said}"));
    if text.lines().any(|l| l.trim_start_matches(' ').starts_with('\t')) {
        return finding.help("indent with spaces; YAML knows no tabs");
    }
    if let Some((line, _)) = text.lines().enumerate().find(|(_, l)| key_with_wide_colon(l)) {
        return finding.help(format!("write `: ` in place of `：` in line {}", line + 1));
    }
    finding.help(
        "look at the indentation and the brackets here, and put text with `: `, `#`, `{` or `@` in quotes",
    )
}

/// Whether a line is a key with the colon of a Chinese keyboard behind it, which is a letter to YAML.
fn key_with_wide_colon(line: &str) -> bool {
    line.split_once('：').is_some_and(|(key, _)| !key.contains([':', '#', '"', '\'', '：']))
}

/// A value of another kind than its type wants.
pub(super) fn mismatch(error: &serde_yaml::Error, text: &str, node: &Node<'_>) -> Diagnostic {
    let place = place(error, text, node.document.file);
    let said = words(error, &node.dotted());
    let ticked: Vec<&str> = said.split('`').skip(1).step_by(2).collect();
    match (said.split(' ').take(2).collect::<Vec<_>>().as_slice(), ticked.as_slice()) {
        (["unknown", "field"], [key, known @ ..]) => super::unknown_key(key, place, known),
        (["missing", "field"], [key, ..]) => {
            let message = format!("`{key}` is missing in `{}`", node.key());
            Diagnostic::new(Code::MISSING_KEY, place, message).help(format!("write `{key}: …`"))
        }
        (["unknown", "variant"], [word, known @ ..]) => {
            let finding = Diagnostic::new(
                Code::WRONG_SHAPE,
                place,
                format!("`{word}` is not a word that is known here"),
            );
            finding.help(format!("write one of {}", known.join(", ")))
        }
        (["invalid", "type:" | "value:"], _) => {
            let (is, wanted) = said.split_once(", expected ").unwrap_or((&said, "something else"));
            let is = is.split_once(": ").map_or(is, |(_, is)| is);
            let finding =
                Diagnostic::new(Code::WRONG_SHAPE, place, format!("this should be {}", plainly(wanted)));
            finding.label(format!("this is {}", plainly(is)))
        }
        _ => {
            let (message, help) = said.split_once("; ").unwrap_or((&said, ""));
            let finding = Diagnostic::new(Code::WRONG_SHAPE, place, message);
            if help.is_empty() { finding } else { finding.help(help) }
        }
    }
}

/// serde's words for kinds of values, in plain ones. What was written is left out: it may be a secret.
fn plainly(kind: &str) -> &str {
    match kind.split([' ', '`']).next().unwrap_or(kind) {
        "string" => "a text",
        "integer" | "floating" => "a number",
        "boolean" => "true or false",
        "sequence" => "a list",
        "map" | "struct" => "a group of keys",
        "unit" | "null" => "nothing",
        "u8" | "u16" | "u32" | "u64" | "usize" | "i32" | "i64" => "a whole number",
        "a" if kind == "a string" => "a text; put it in quotes",
        "a" if kind == "a boolean" => "true or false",
        "a" if kind == "a map" => "keys and values, like `key: value`",
        _ => kind,
    }
}

/// What serde says, without the place that it writes before and behind its words.
fn words(error: &serde_yaml::Error, path: &str) -> String {
    let said = error.to_string();
    let said = said.rsplit_once(" at line ").map_or(said.as_str(), |(said, _)| said);
    let said = match said.strip_prefix(path).filter(|_| !path.is_empty()) {
        Some(rest) => rest.split_once(": ").map_or(rest, |(_, said)| said),
        None => said,
    };
    said.to_owned()
}

/// Where an error happened.
pub(super) fn place(error: &serde_yaml::Error, text: &str, file: FileId) -> Place {
    let start = error.location().map_or(0, |l| byte_of(text, l.line(), l.column()));
    Place { file, span: token(text, start) }
}

/// The byte at a line and a column, both from 1 and in characters.
fn byte_of(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let rest = text.get(start..).unwrap_or("");
    let offset = rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(i, _)| i);
    start + offset
}

/// The key or scalar that begins at a byte, as far as it stands on one line.
fn token(text: &str, start: usize) -> Span {
    let start =
        start + text.get(start..).map_or(0, |rest| rest.len() - rest.trim_start_matches([' ', '\t']).len());
    let line = text.get(start..).unwrap_or("").lines().next().unwrap_or("");
    let quote = line.chars().next().filter(|c| matches!(c, '"' | '\''));
    let end = match quote {
        Some(q) => line.get(1..).and_then(|rest| rest.find(q)).map(|i| i + 2),
        None => {
            let stops =
                [": ", " #", ",", "]", "}"].iter().filter_map(|stop| line.find(stop)).filter(|i| *i > 0);
            stops.min()
        }
    };
    let shown = line.get(..end.unwrap_or(line.len())).unwrap_or(line).trim_end();
    Span::new(start, start + shown.strip_suffix(':').unwrap_or(shown).len())
}
