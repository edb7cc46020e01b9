//! What the engine itself did and keeps, beside what the customer store says; and a past that is kept in memory, for
//! tests of rules and for replays.

use crate::history::{History, Page, PastMessage};
use crate::outbox::{Intent, Kind};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

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

/// What the state has after runs whose every row left at once: what the outbox and its ledger would keep.
#[derive(Clone, Debug, Default)]
pub struct Past {
    history: History,
    sends: Vec<SendRow>,
    grants: Vec<GrantRow>,
    /// By customer and attribute, as JSON.
    kept: BTreeMap<(String, String), String>,
    channels: HashMap<String, Arc<str>>,
}

impl Past {
    /// What there was, and what rules saw of it: what is taken in comes after it.
    pub fn after(history: History, rows: EngineRows) -> Past {
        let kept = rows.kept.into_iter().map(|row| ((row.customer, row.attribute), json_of(row.value)));
        Past {
            history,
            sends: rows.sends,
            grants: rows.grants,
            kept: kept.collect(),
            channels: HashMap::new(),
        }
    }

    /// What plans look back at.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// What rules see of it.
    pub fn engine_rows(&self) -> EngineRows {
        let kept = self.kept.iter().filter_map(|((customer, attribute), json)| {
            let (customer, attribute) = (customer.clone(), attribute.clone());
            Some(KeptRow { customer, attribute, value: kept_value(json)? })
        });
        EngineRows { sends: self.sends.clone(), grants: self.grants.clone(), kept: kept.collect() }
    }

    /// Adds what happened before anything that is known here: messages count under caps, and no rule reached anybody by
    /// it. Values that are `gone`, by customer and attribute, are kept no longer.
    pub fn add(&mut self, rows: &EngineRows, gone: &[(String, String)]) {
        for SendRow { customer, channel, at, .. } in &rows.sends {
            self.count(customer, channel, *at);
        }
        self.sends.extend(rows.sends.iter().cloned());
        self.grants.extend(rows.grants.iter().cloned());
        gone.iter().for_each(|value| _ = self.kept.remove(value));
        for KeptRow { customer, attribute, value } in &rows.kept {
            let is_list = serde_json::from_str::<Vec<String>>(value).is_ok();
            let json = if is_list { value.clone() } else { Value::from(value.as_str()).to_string() };
            self.kept.insert((customer.clone(), attribute.clone()), json);
        }
    }

    /// Takes in a page of a run, in the order in which it is written. A page that waits for a person's word uses its occasions and its budget up, and nothing of it leaves.
    pub fn take(&mut self, page: &Page) {
        for (rule, customer, entry) in &page.entries {
            self.history.rules.entry(rule.clone()).or_default().entries.insert(customer.clone(), *entry);
        }
        for used in &page.occasions {
            let rule = self.history.rules.entry(used.rule.clone()).or_default();
            rule.reached.entry(used.customer.clone()).or_default().add(&used.occasion, used.at);
        }
        for intent in &page.intents {
            // What waits may yet be granted.
            if let Some(worth) = intent.worth {
                self.history.spent.entry(intent.rule.clone()).or_default().push((intent.at, worth));
            }
            if page.hold.is_none() {
                self.leave(intent);
            }
        }
    }

    /// Counts a message under the caps.
    fn count(&mut self, customer: &str, channel: &str, at: i64) {
        let known = self.channels.entry(channel.to_owned()).or_insert_with(|| channel.into());
        let message = PastMessage { channel: known.clone(), at };
        self.history.messages.entry(customer.to_owned()).or_default().push(message);
    }

    fn leave(&mut self, intent: &Intent) {
        let Intent { customer, rule, subject, channel, at, .. } = intent;
        let (customer, rule, at) = (customer.clone(), rule.clone(), *at);
        match intent.kind {
            Kind::Message => {
                self.count(&customer, channel, at);
                let (template, channel) = (subject.clone(), channel.clone());
                self.sends.push(SendRow { customer, template, channel, rule, at });
            }
            Kind::Coupon => {
                let values: Value = serde_json::from_str(&intent.values).unwrap_or_default();
                let expires = values.get("coupon").and_then(expires);
                self.grants.push(GrantRow { customer, coupon: subject.clone(), rule, at, expires });
            }
            Kind::Change => {
                let after = |before: Option<&str>| changed(before, &intent.values);
                let kept = self.kept.entry((customer, subject.clone()));
                kept.and_modify(|json| *json = after(Some(json))).or_insert_with(|| after(None));
            }
            Kind::Webhook | Kind::Notify => {}
        }
    }
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

/// A value as the customer store would write it, as JSON; see [`kept_value`].
fn json_of(value: String) -> String {
    match serde_json::from_str(&value) {
        Ok(Value::Array(_)) => value,
        _ => Value::String(value).to_string(),
    }
}

/// A value that is kept as JSON, as the customer store would write it; none where it was set to nothing.
pub fn kept_value(json: &str) -> Option<String> {
    match serde_json::from_str(json) {
        Ok(Value::Null) => None,
        Ok(Value::String(text)) => Some(text),
        _ => Some(json.to_owned()),
    }
}
