//! What the engine did before, as plans look back at it, and what a run adds to that.

use crate::outbox::Intent;
use crate::replay::Runs;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What plans look back at.
#[derive(Clone, Copy)]
pub enum Record<'a> {
    /// What the engine did before, by the keys of customers.
    Keyed(&'a History),
    /// What a replay over the same chunks did before; see [`crate::Replay`].
    Placed(&'a Runs),
}

impl<'a> From<&'a History> for Record<'a> {
    fn from(history: &'a History) -> Record<'a> {
        Record::Keyed(history)
    }
}

impl Record<'_> {
    /// Whether what is left of a run of a rule that was cut short waits for a person.
    pub(crate) fn held(self, rule: &str) -> bool {
        matches!(self, Record::Keyed(history) if history.held.contains(rule))
    }

    /// What the coupons of a rule, by its position and identity, of runs after a moment are worth.
    pub(crate) fn spent_after(self, rule: (usize, &str), moment: i64) -> i64 {
        match self {
            Record::Keyed(history) => {
                let spent = history.spent.get(rule.1).into_iter().flatten();
                spent.filter(|(at, _)| *at > moment).map(|(_, worth)| worth).sum()
            }
            Record::Placed(runs) => runs.spent_after(rule.0, moment),
        }
    }
}

/// What the engine did before.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// By rule.
    pub rules: HashMap<String, RuleHistory>,
    /// By customer, the messages that were or may be sent, for caps.
    pub messages: HashMap<String, Vec<PastMessage>>,
    /// Rules of which a run that was cut short waits for a person: what is left of it waits too.
    pub held: HashSet<String>,
    /// By rule, the coupons that were or may be granted, for budgets: the moments of their runs (microseconds since
    /// 1970 UTC), and what they are worth (minor units).
    pub spent: HashMap<String, Vec<(i64, i64)>>,
}

/// What a rule did before.
#[derive(Clone, Debug, Default)]
pub struct RuleHistory {
    /// By customer, the occasions on which it reached them.
    pub reached: HashMap<String, Reached>,
    /// By customer, whether and how often they entered its audience.
    pub entries: HashMap<String, Entry>,
}

/// The occasions on which a rule reached a customer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// How many.
    pub occasions: u32,
    /// The moment of the run that was the last of them, in microseconds since 1970 UTC.
    pub last_at: i64,
    names: Vec<Box<str>>,
}

impl Reached {
    /// Adds an occasion.
    pub fn add(&mut self, occasion: &str, at: i64) {
        self.last_at = if self.occasions == 0 { at } else { self.last_at.max(at) };
        self.occasions += 1;
        self.names.push(occasion.into());
    }

    /// Whether that occasion was among them.
    pub fn has(&self, occasion: &str) -> bool {
        self.names.iter().any(|n| **n == *occasion)
    }
}

/// A message that was or may be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastMessage {
    /// The channel.
    pub channel: Arc<str>,
    /// The moment of its run, in microseconds since 1970 UTC.
    pub at: i64,
}

/// How often a customer has entered a rule's audience, and whether they are in it now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// How often.
    pub ordinal: u32,
    /// Whether they are in it.
    pub inside: bool,
}

/// That a rule reaches a customer on an occasion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occasion {
    /// The rule.
    pub rule: String,
    /// The customer's key.
    pub customer: String,
    /// Which time it is, by the rule's repeat policy.
    pub occasion: String,
    /// The moment of the run, in microseconds since 1970 UTC.
    pub at: i64,
}

/// A stretch of a run that is written down at once: all of a customer's intents are in the same page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// What is sent.
    pub intents: Vec<Intent>,
    /// The occasions that this uses up.
    pub occasions: Vec<Occasion>,
    /// Who entered or left which rule's audience: rule, customer, and what holds from now on.
    pub entries: Vec<(String, String, Entry)>,
    /// How far the run is when this is written.
    pub cursor: String,
    /// Nothing of it leaves before a person has said so.
    pub hold: Option<Hold>,
}

/// Why a rule's sends wait for a person: it is over its limit or its budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The rule.
    pub rule: String,
    /// Why, in words for people.
    pub reason: String,
    /// How many customers it would reach.
    pub customers: u64,
}

/// What a suppressed address is known by: HMAC-SHA-256 over the channel and the address with the project's
/// secret, so that the list can be kept without the addresses. The address in its normal spelling; case and
/// outer spaces make no difference.
pub fn address_hash(secret: &[u8], channel: &str, address: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    // HMAC takes a key of any length, so there is always one.
    if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) {
        for part in [channel, &address.trim().to_lowercase()] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        hash = mac.finalize().into_bytes().into();
    }
    hash
}
