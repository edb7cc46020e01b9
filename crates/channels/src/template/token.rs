//! The words inside `{{ … }}` and `{% … %}`.

use super::language::Fault;
use super::scan::line_of;

/// How long a text in quotes may be, in bytes.
const TEXT: usize = 1_000;
/// How many digits a number may have: Liquid aborts on one that does not fit into 64 bits.
const DIGITS: usize = 15;

/// A word inside `{{ … }}` or `{% … %}`, with its place in the source.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Token<'a> {
    pub kind: Kind,
    pub text: &'a str,
    pub start: usize,
    pub end: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Word,
    Text,
    Number,
    Sign,
}

/// Two-letter signs first, since each begins with a shorter one.
const SIGNS: [&str; 18] =
    ["==", "!=", "<>", "<=", ">=", "..", "<", ">", "=", "|", ":", ",", ".", "[", "]", "(", ")", "-"];

/// The tokens from a `{{` or `{%` on, up to its `close`, and the place after that.
pub(super) fn tokens<'a>(
    source: &'a str,
    start: usize,
    close: &str,
) -> Result<(Vec<Token<'a>>, usize), Fault> {
    let fault = |at: usize, message: String, help: &str| Fault::new(line_of(source, at), message).help(help);
    let mut found = Vec::new();
    let mut at = start + 2;
    if source.get(at..).is_some_and(|s| s.starts_with('-')) {
        at += 1;
    }
    loop {
        let rest = source.get(at..).unwrap_or_default();
        let blanks = rest.len() - rest.trim_start_matches([' ', '\n', '\r', '\t']).len();
        let rest = rest.get(blanks..).unwrap_or_default();
        at += blanks;
        if rest.starts_with(close) {
            return Ok((found, at + close.len()));
        }
        if rest.strip_prefix('-').is_some_and(|r| r.starts_with(close)) {
            return Ok((found, at + 1 + close.len()));
        }
        let Some(first) = rest.chars().next() else {
            let opened = source.get(start..start + 2).unwrap_or_default();
            return Err(fault(start, format!("`{opened}` is never closed"), "write }} or %} where it ends"));
        };
        let (kind, length) = match first {
            '"' | '\'' => match rest.get(1..).and_then(|r| r.find(first)) {
                Some(length) if length <= TEXT => (Kind::Text, length + 2),
                Some(_) => {
                    return Err(fault(
                        at,
                        format!("a text of more than {TEXT} bytes"),
                        "move it out of the braces",
                    ));
                }
                None => {
                    return Err(fault(at, "a text that does not end".into(), "close it with the same quote"));
                }
            },
            c if c.is_alphabetic() || c == '_' => (Kind::Word, word(rest)),
            c if c.is_ascii_digit() => (Kind::Number, number(rest)),
            '+' | '-' if rest.get(1..).is_some_and(|r| r.starts_with(|c: char| c.is_ascii_digit())) => {
                (Kind::Number, 1 + number(rest.get(1..).unwrap_or_default()))
            }
            _ => match SIGNS.iter().find(|s| rest.starts_with(**s)) {
                Some(sign) => (Kind::Sign, sign.len()),
                None => {
                    let help = "write values like {{ customer.name | default: \"friend\" }}";
                    return Err(fault(at, format!("`{first}` means nothing here"), help));
                }
            },
        };
        let text = rest.get(..length).unwrap_or_default();
        if kind == Kind::Number && text.len() > DIGITS {
            return Err(fault(at, format!("a number of more than {DIGITS} digits"), "write a shorter one"));
        }
        found.push(Token { kind, text, start: at, end: at + length });
        at += length;
    }
}

/// The length of a name: letters, digits, `_`, and `-` where it is not the one of `-}}`.
fn word(rest: &str) -> usize {
    let mut end = 0;
    for (i, c) in rest.char_indices() {
        let closing = || rest.get(i + 1..).is_some_and(|r| r.starts_with("}}") || r.starts_with("%}"));
        if !(c.is_alphanumeric() || c == '_' || (c == '-' && !closing())) {
            break;
        }
        end = i + c.len_utf8();
    }
    end
}

/// The length of a number; `1..5` is two of them.
fn number(rest: &str) -> usize {
    let digits = |s: &str| s.len() - s.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let whole = digits(rest);
    match rest.get(whole..).and_then(|r| r.strip_prefix('.')).map(digits) {
        Some(fraction) if fraction > 0 => whole + 1 + fraction,
        _ => whole,
    }
}
