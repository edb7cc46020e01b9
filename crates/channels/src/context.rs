//! The values that templates and JSON bodies show, from a row of the outbox.

use crate::config::CouponConfig;
use chrono::{DateTime, SecondsFormat};
use chrono_tz::Tz;
use serde_json::{Map, Value, json};
use tidings_plan::{Grant, Sending};
use tidings_schema::calendar;

/// What templates and bodies can show of every row, besides the customer's attributes.
pub const OF_ROWS: [&str; 8] = ["key", "kind", "channel", "subject", "to", "customer_key", "rule.name", "at"];

/// What messages can show of the coupon that was granted with them.
pub const OF_GRANTS: [&str; 5] =
    ["coupon.code", "coupon.value", "coupon.label", "coupon.expires", "coupon.expires_at"];

/// What only the bodies of coupon providers can show, of the coupon that they are asked for: it has no code yet.
pub const OF_PROVIDERS: [&str; 5] =
    ["coupon.name", "coupon.value", "coupon.label", "coupon.expires", "coupon.expires_at"];

/// What only mails of a channel with a page to unsubscribe on can show.
pub const OF_UNSUBSCRIBE: [&str; 1] = ["unsubscribe_url"];
/// What only the bodies of message channels can show.
pub const OF_BODIES: [&str; 3] = ["text", "mail.subject", "mail.html"];

/// The values of a row; what the row's own JSON says comes first.
pub(crate) fn context(sending: &Sending, coupon: Option<Value>) -> Result<Map<String, Value>, String> {
    let Ok(Value::Object(mut values)) = serde_json::from_str::<Value>(&sending.values) else {
        return Err("the row's values are not a JSON object".into());
    };
    let mut add = |name: &str, value: Value| {
        values.entry(name).or_insert(value);
    };
    add("key", json!(sending.key.to_string()));
    add("kind", json!(sending.kind.name()));
    add("channel", json!(sending.channel));
    add("subject", json!(sending.subject));
    add("to", json!(sending.address));
    add("customer_key", json!(sending.customer));
    add("at", json!(timestamp(sending.at)));
    if let Some(coupon) = coupon {
        add("coupon", coupon);
    }
    match values.entry("rule").or_insert_with(|| json!({})) {
        Value::Object(rule) => {
            rule.entry("name").or_insert_with(|| json!(sending.rule));
        }
        other => *other = json!({"name": sending.rule}),
    }
    Ok(values)
}

/// A granted coupon, as templates show it. Days are the project's.
pub(crate) fn granted(grant: &Grant, zone: Tz) -> Value {
    json!({
        "code": grant.code,
        "value": grant.value,
        "label": grant.label,
        "expires": grant.expires.map(|at| calendar::civil(at, zone).date().to_string()),
        "expires_at": grant.expires.map(timestamp),
    })
}

/// A coupon that is asked for, as its provider is told.
pub(crate) fn requested(sending: &Sending, config: Option<&CouponConfig>, zone: Tz) -> Value {
    let expires = config.and_then(|c| c.expires(sending.at));
    json!({
        "name": sending.subject,
        "value": config.map(|c| c.value.as_str()),
        "label": config.and_then(|c| c.label.as_deref()),
        "expires": expires.map(|at| calendar::civil(at, zone).date().to_string()),
        "expires_at": expires.map(timestamp),
    })
}

/// A moment in microseconds since 1970, as programs write it: `2026-11-21T10:00:00Z`.
pub(crate) fn timestamp(micros: i64) -> String {
    DateTime::from_timestamp_micros(micros).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Secs, true)
}
