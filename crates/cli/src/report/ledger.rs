//! What was sent to whom and what became of it, for people and for machines.

use super::{moment, rfc3339};
use crate::screen::Screen;
use chrono_tz::Tz;
use serde_json::{Value, json};
use tidings_schema::Now;
use tidings_store::{Consent, LedgerRow, Suppression};

/// All that is known of a customer, the newest first.
#[derive(Default)]
pub struct Told {
    /// What was decided for them.
    pub rows: Vec<LedgerRow>,
    /// Their word that holds in each channel.
    pub holding: Vec<Consent>,
    /// Every word of theirs.
    pub words: Vec<Consent>,
    /// Addresses of theirs that nothing is sent to.
    pub suppressed: Vec<Suppression>,
}

/// For people.
pub fn text(customer: &str, told: &Told, zone: Tz, screen: &Screen) -> String {
    let at = |micros| moment(Now { micros, zone });
    let word = |given| if given { "says yes" } else { "says no more" };
    let mut out = format!("customer {customer}\n");
    for c in &told.holding {
        out.push_str(&format!("{} {}, since {}: {}\n", c.channel, word(c.given), at(c.at), c.source));
    }
    for s in &told.suppressed {
        let (since, source) = (at(s.at), &s.source);
        out.push_str(&format!("{} suppressed since {since}: {}, {source}\n", s.channel, s.reason));
    }
    out.push_str(&rows_text(&told.rows, zone, screen));
    if told.words.len() > told.holding.len() {
        out.push_str("\nwhat was said before, too:\n");
        for c in &told.words {
            out.push_str(&format!("  {}  {} {}: {}\n", at(c.at), c.channel, word(c.given), c.source));
        }
    }
    out
}

/// A table of rows.
pub fn rows_text(rows: &[LedgerRow], zone: Tz, screen: &Screen) -> String {
    if rows.is_empty() {
        return "There is nothing in the outbox.".to_owned();
    }
    let mut table = screen.table();
    table.set_header(["key", "for", "customer", "rule", "step", "through", "state", "why"]);
    for row in rows {
        table.add_row([
            row.key.to_string().get(..8).unwrap_or_default(),
            &moment(Now { micros: row.at, zone }),
            &row.customer,
            &row.rule,
            &row.step,
            &row.channel,
            row.status.name(),
            row.reason.as_deref().unwrap_or_default(),
        ]);
    }
    table.to_string()
}

/// For machines.
pub fn json(customer: &str, told: &Told, zone: Tz) -> Value {
    let time = |micros| rfc3339(Now { micros, zone });
    let consent =
        |c: &Consent| json!({"channel": c.channel, "given": c.given, "source": c.source, "at": time(c.at)});
    let suppressed = |s: &Suppression| json!({"channel": s.channel, "reason": s.reason, "source": s.source, "at": time(s.at)});
    json!({
        "customer": customer,
        "consents": told.holding.iter().map(consent).collect::<Value>(),
        "consent_log": told.words.iter().map(consent).collect::<Value>(),
        "suppressed": told.suppressed.iter().map(suppressed).collect::<Value>(),
        "sends": told.rows.iter().map(|r| row_json(r, zone)).collect::<Value>(),
    })
}

/// One row, for machines.
pub fn row_json(row: &LedgerRow, zone: Tz) -> Value {
    let time = |micros| rfc3339(Now { micros, zone });
    json!({
        "key": row.key.to_string(),
        "rule": row.rule,
        "step": row.step,
        "customer": row.customer,
        "occasion": row.occasion,
        "kind": row.kind.name(),
        "channel": row.channel,
        "subject": row.subject,
        "address": row.address,
        "at": time(row.at),
        "state": row.status.name(),
        "reason": row.reason,
        "attempts": row.attempts,
        "dispatched": row.dispatched_at.map(time),
        "settled": row.settled_at.map(time),
        "provider_id": row.provider_id,
        "code": row.code,
    })
}
