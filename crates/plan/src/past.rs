//! What the engine itself did and keeps, beside what the customer store says.

use serde_json::Value;

/// The rows of the built-in collections and the attributes that rules change.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EngineRows {
    /// Messages that were sent.
    pub sends: Vec<SendRow>,
    /// Coupons that were granted.
    pub grants: Vec<GrantRow>,
    /// Values that rules set. Of two for one customer and attribute the later stands.
    pub kept: Vec<KeptRow>,
}

/// A message that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendRow {
    /// The customer's key.
    pub customer: String,
    /// The template.
    pub template: String,
    /// The channel: `email`, `sms`.
    pub channel: String,
    /// The rule.
    pub rule: String,
    /// When, in microseconds since 1970 UTC.
    pub at: i64,
}

/// A coupon that was granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantRow {
    /// The customer's key.
    pub customer: String,
    /// The coupon.
    pub coupon: String,
    /// The rule.
    pub rule: String,
    /// When, in microseconds since 1970 UTC.
    pub at: i64,
    /// Until when it is good, in microseconds since 1970 UTC.
    pub expires: Option<i64>,
}

/// A value that a rule set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptRow {
    /// The customer's key.
    pub customer: String,
    /// The attribute's name.
    pub attribute: String,
    /// The value, written as the customer store would write it in a text column: tags are a JSON array
    /// unless the attribute has a separator.
    pub value: String,
}

/// Until when a coupon is good, in microseconds since 1970 UTC, by its part of a row's values.
pub fn expires(coupon: &Value) -> Option<i64> {
    coupon.get("expires").and_then(Value::as_i64)
}

/// What an attribute is after a change, both as JSON: `{"set": value}`, `{"add": "tag"}` or `{"remove": "tag"}`. Tags are a
/// sorted array without repeats.
pub fn changed(before: Option<&str>, change: &str) -> String {
    let change: Value = serde_json::from_str(change).unwrap_or_default();
    if let Some(value) = change.get("set") {
        return value.to_string();
    }
    let mut tags: Vec<String> = before.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    if let Some(tag) = change.get("add").and_then(Value::as_str) {
        tags.push(tag.to_owned());
    }
    tags.retain(|tag| change.get("remove").and_then(Value::as_str) != Some(tag));
    tags.sort_unstable();
    tags.dedup();
    Value::from(tags).to_string()
}

/// A value that is kept as JSON, as the customer store would write it; none where it was set to nothing.
pub fn kept_value(json: &str) -> Option<String> {
    match serde_json::from_str(json) {
        Ok(Value::Null) => None,
        Ok(Value::String(text)) => Some(text),
        _ => Some(json.to_owned()),
    }
}
