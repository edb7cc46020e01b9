//! Plans, explanations and runs as people and machines read them.

pub mod backtest;
pub mod changes;
pub mod changes_json;
pub mod changes_markdown;
pub mod changes_table;
pub mod explain;
pub mod findings;
pub mod ledger;
pub mod outcome;
pub mod overlap;
pub mod plan_csv;
pub mod plan_json;
pub mod plan_markdown;
pub mod plan_table;
pub mod remarks;
pub mod tested;
pub mod timings;
pub mod totals;

use chrono::TimeZone;
use tidings_check::program::Action;
use tidings_schema::Now;
pub use tidings_schema::show::{count, counted, verb};

/// The first of some, and how many more there are: `a, b and 12 more`.
pub fn few<T: AsRef<str>>(all: &[T], most: usize) -> String {
    let said: Vec<&str> = all.iter().take(most).map(AsRef::as_ref).collect();
    match all.len().saturating_sub(most) {
        0 => said.join(", "),
        more => format!("{} and {} more", said.join(", "), count(more as u64)),
    }
}

/// A share in percent, with one decimal.
pub fn percent(part: u64, whole: u64) -> String {
    if whole == 0 { "–".to_owned() } else { format!("{:.1}%", part as f64 * 100.0 / whole as f64) }
}

/// What a step sends and through what: `wake-up`, `email or sms`.
pub fn send_of(action: &Action) -> (String, String) {
    match action {
        Action::Message { template, channels, coupon } => {
            let with = coupon.as_ref().map(|c| format!(" with {c} coupon")).unwrap_or_default();
            (template.clone(), format!("{}{with}", channels.join(" or ")))
        }
        Action::Coupon(name) => (name.clone(), "coupon".to_owned()),
        Action::Webhook(name) => (name.clone(), "webhook".to_owned()),
        Action::Notify(team) => (team.clone(), "notify".to_owned()),
        Action::AddTag(_, tag) => (tag.clone(), "add tag".to_owned()),
        Action::RemoveTag(_, tag) => (tag.clone(), "remove tag".to_owned()),
        Action::Set(..) => ("attribute".to_owned(), "set".to_owned()),
    }
}

/// A moment with its offset, as JSON has it.
pub fn rfc3339(now: Now) -> String {
    let utc = chrono::Utc.timestamp_micros(now.micros).single().unwrap_or_default();
    utc.with_timezone(&now.zone).to_rfc3339()
}

/// A moment as people read it, with its zone.
pub fn moment(now: Now) -> String {
    format!("{} ({})", now.civil().format("%Y-%m-%d %H:%M"), now.zone)
}

/// As XML has it: what no XML can hold is left out.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
    out
}
