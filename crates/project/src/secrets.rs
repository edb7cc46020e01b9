//! Secrets that were written out. They have no place in a file that is kept in version control.

use tidings_channels::Secret;
use tidings_schema::yaml::{Node, Value};
use tidings_syntax::{Code, Diagnostic, Span};

/// How keys end that carry a secret, without `-` and `_`.
const ENDINGS: [&str; 10] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "authorization",
    "cookie",
    "apikey",
    "accesskey",
    "privatekey",
];

/// Finds them all, and where they stand.
pub(crate) fn literal(root: &Node<'_>, out: &mut Vec<Diagnostic>) -> Vec<Span> {
    within(root, false, out)
}

fn within(node: &Node<'_>, header: bool, out: &mut Vec<Diagnostic>) -> Vec<Span> {
    match node.value() {
        Value::Map(_) | Value::List(_) => {
            let entries = node.entries(&mut Vec::new()).unwrap_or_default().into_iter().map(|(_, n)| n);
            let items = node.items(&mut Vec::new()).unwrap_or_default();
            let headers = node.key() == "headers";
            entries.chain(items).flat_map(|n| within(&n, headers, out)).collect()
        }
        Value::Nothing => Vec::new(),
        Value::Text(text) if is_named(text) => Vec::new(),
        Value::Text(text) if has_password(text) => {
            let key = node.key();
            let help = if key == "state" || key == "store" {
                format!("put the address into an environment variable and write `{key}: env:DATABASE_URL`")
            } else {
                "leave the password out of the address".to_owned()
            };
            report(node, "the address carries a password", &help, out)
        }
        _ if carries_secret(node.key(), header) => {
            let key = node.key();
            let help = format!(
                "put it into an environment variable and write `{key}: env:NAME`, or into a file and write `{key}: file:PATH`"
            );
            report(node, &format!("`{key}` is a secret, and secrets do not stand in this file"), &help, out)
        }
        _ => Vec::new(),
    }
}

fn report(node: &Node<'_>, message: &str, help: &str, out: &mut Vec<Diagnostic>) -> Vec<Span> {
    out.push(Diagnostic::new(Code::LITERAL_SECRET, node.key_place(), message).help(help));
    vec![node.place().span]
}

/// The text with the secrets covered, byte for byte.
pub(crate) fn masked(text: &str, spans: &[Span]) -> String {
    let mut shown = text.to_owned();
    for span in spans {
        if shown.get(span.range()).is_some() {
            shown.replace_range(span.range(), &"*".repeat(span.range().len()));
        }
    }
    shown
}

/// The fields of a header carry one under names such as X-Token-Id too.
fn carries_secret(key: &str, header: bool) -> bool {
    let key: String = key.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect();
    ENDINGS.iter().any(|e| key.ends_with(e) || header && key.contains(e))
}

/// `env:NAME`, `Bearer file:PATH`, or what a template puts in.
fn is_named(text: &str) -> bool {
    text.rsplit(' ').next().is_some_and(|last| Secret::parse(last).is_some()) || text.contains("{{")
}

/// Whether an address has a password in it: `https://user:password@host`.
pub fn has_password(text: &str) -> bool {
    let address = text.split_once("://").map(|(_, rest)| rest.split('/').next().unwrap_or(rest));
    address.and_then(|a| a.rsplit_once('@')).is_some_and(|(user, _)| user.contains(':'))
}
