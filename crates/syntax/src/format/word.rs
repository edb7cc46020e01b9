//! Names, values and other small pieces as they are written.

use super::is_plain;
use crate::tree::{Length, Literal, Path, Unit};

/// A name where any name may stand.
pub(super) fn name(name: &str) -> String {
    // These three words mean something after `was`, in the policy and after a declaration's word.
    let special =
        matches!(name.to_ascii_lowercase().as_str(), "sent" | "message" | "messages" | "when" | "otherwise");
    if is_plain(name) && !special { name.to_owned() } else { quoted(name) }
}

/// A name where a word of the language could stand instead: a stage, a channel.
pub(super) fn narrow(plain: &str) -> String {
    let word = crate::phrase::is_word_text(&plain.to_ascii_lowercase()) || unit_word(plain);
    if word && !plain.starts_with('`') { quoted(plain) } else { name(plain) }
}

/// A channel; `coupon` is one where sends are looked back at.
pub(super) fn channel(channel: &str) -> String {
    if channel == "coupon" { channel.to_owned() } else { narrow(channel) }
}

/// A path in an expression.
pub(super) fn path(path: &Path) -> String {
    let last = path.parts.len().saturating_sub(1);
    let part = |(i, part): (usize, &crate::tree::Name)| {
        let glued = i == last
            && part.node.rsplit_once('-').is_some_and(|(_, t)| t.chars().all(|c| c.is_ascii_digit()));
        let leads = last == 0 && leads(&part.node);
        if glued || leads { quoted(&part.node) } else { name(&part.node) }
    };
    path.parts.iter().enumerate().map(part).collect::<Vec<_>>().join(".")
}

/// A path on the right of `=` or in a list, where `gold-1` cannot be a subtraction.
pub(super) fn value_word(whole: &Path) -> String {
    match whole.parts.as_slice() {
        [only]
            if !leads(&only.node) && !matches!(only.node.to_ascii_lowercase().as_str(), "null" | "nil") =>
        {
            name(&only.node)
        }
        [only] => quoted(&only.node),
        _ => path(whole),
    }
}

/// Words that, with a name behind them, begin something else.
fn leads(name: &str) -> bool {
    matches!(
        name.to_ascii_lowercase().as_str(),
        "latest" | "first" | "opened" | "entered" | "holds" | "next" | "timed" | "was"
    ) || unit_word(name)
}

fn unit_word(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    matches!(lower.trim_end_matches('s'), "minute" | "hour" | "day" | "week" | "month" | "year")
}

fn quoted(name: &str) -> String {
    format!("`{name}`")
}

/// A text in double quotes.
pub(super) fn text(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

pub(super) fn literal(literal: &Literal) -> String {
    match literal {
        Literal::Number(n) => n.to_string(),
        Literal::Percent(n) => format!("{n}%"),
        Literal::Text(t) => text(t),
        Literal::Truth(t) => t.to_string(),
        Literal::Date(d) => d.to_string(),
        Literal::Length(l) => length(*l),
        Literal::Money(n, currency) => format!("{n} {currency}"),
    }
}

/// `90 days`, `1 day`
pub(super) fn length(length: Length) -> String {
    format!("{} {}{}", length.count, unit(length.unit), if length.count == 1 { "" } else { "s" })
}

/// What stands behind `per`: `60 days`, `week`.
pub(super) fn period(period: Length) -> String {
    if period.count == 1 { unit(period.unit).to_owned() } else { length(period) }
}

/// The unit in the singular.
pub(super) fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Minute => "minute",
        Unit::Hour => "hour",
        Unit::Day => "day",
        Unit::Week => "week",
        Unit::Month => "month",
        Unit::Year => "year",
    }
}
