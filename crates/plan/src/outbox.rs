//! What is sent, as rows with states, and the keys that keep it from happening twice.
//!
//! `pending → leased → dispatching → sent | rejected | unknown`; the store holds the invariants as CHECK
//! constraints, the channels say how a dispatch ended, and nobody else writes a state.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;

/// The idempotency key of a send: HMAC-SHA-256 over (project, rule, step, customer, occasion) with the
/// project's secret. Never of attempt, rule text or time. It is the outbox's UNIQUE column, the
/// `Idempotency-Key`, the `webhook-id` and the left part of the Message-ID.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(pub [u8; 16]);

impl Key {
    /// The key of one step for one customer on one occasion. Parts are framed by their lengths, so that
    /// no two lists of parts have the same bytes. Cut to 128 bits.
    pub fn new(secret: &[u8], project: &str, rule: &str, step: &str, customer: &str, occasion: &str) -> Key {
        let mut key = [0; 16];
        // HMAC takes a key of any length, so there is always one.
        if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) {
            for part in [project, rule, step, customer, occasion] {
                mac.update(&(part.len() as u64).to_be_bytes());
                mac.update(part.as_bytes());
            }
            let full = mac.finalize().into_bytes();
            key.iter_mut().zip(full).for_each(|(k, b)| *k = b);
        }
        Key(key)
    }
}

impl fmt::Display for Key {
    /// 32 lower-case hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

/// One send that was decided: what the plan hands to the outbox.
#[derive(Clone, Debug, PartialEq)]
pub struct Intent {
    /// Its key.
    pub key: Key,
    /// The rule.
    pub rule: String,
    /// The step in it.
    pub step: String,
    /// The customer's key.
    pub customer: String,
    /// Which time it is, by the rule's repeat policy.
    pub occasion: String,
    /// What it is.
    pub kind: Kind,
    /// The channel, coupon provider or webhook that carries it out: `email`, `coupon`, `sms`, …
    pub channel: String,
    /// The template, coupon, webhook, team or attribute that it is about.
    pub subject: String,
    /// Where it goes, normalised; messages only.
    pub address: Option<String>,
    /// The values that templates show, as a JSON object: `customer`, `rule`, … without the coupon's code.
    /// Of a coupon also `coupon`, an object of `value`, `label` and `expires` (microseconds since 1970 UTC);
    /// of a change only `{"set": value}`, `{"add": "tag"}` or `{"remove": "tag"}`.
    pub values: String,
    /// The grant whose code the message shows: dispatched first, and the message only if it succeeded.
    pub after: Option<Key>,
    /// The rule's priority: the higher goes first.
    pub priority: i32,
    /// The moment of the run, in microseconds since 1970 UTC.
    pub at: i64,
    /// Not sent from here on, in microseconds since 1970 UTC. Held against the real clock, so a run at a
    /// moment in the past says none, or one that lies ahead.
    pub expires: Option<i64>,
    /// The customer's own time zone, as the store has it: quiet hours are looked at once more before it leaves.
    pub zone: Option<String>,
    /// What a coupon is worth, in minor units of its currency: what budgets count.
    pub worth: Option<i64>,
    /// The channels that take the message over, in order, where this one definitely does not.
    pub fallback: Vec<Fallback>,
}

/// A message through another channel, for when the one before it definitely did not take it: the refusal and
/// this row are one commit, so the customer has one of them at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fallback {
    /// Its key: of the same rule, customer and occasion, and a step of its own.
    pub key: Key,
    /// The step, with the channel: `send wake-up by sms`.
    pub step: String,
    /// The channel.
    pub channel: String,
    /// Where it goes, normalised.
    pub address: String,
    /// The values that its template shows, as a JSON object.
    pub values: String,
}

/// What a row of the outbox is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// An email, SMS or other message to the customer: needs consent and an address; caps and quiet hours hold.
    Message,
    /// A coupon grant.
    Coupon,
    /// A webhook call.
    Webhook,
    /// A word to a team.
    Notify,
    /// A change to an attribute that the engine keeps.
    Change,
}

impl Kind {
    /// As the database and the reports write it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Message => "message",
            Kind::Coupon => "coupon",
            Kind::Webhook => "webhook",
            Kind::Notify => "notify",
            Kind::Change => "change",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Kind> {
        [Kind::Message, Kind::Coupon, Kind::Webhook, Kind::Notify, Kind::Change]
            .into_iter()
            .find(|k| k.name() == name)
    }
}

macro_rules! statuses {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// The state of a row of the outbox.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Status {
            $($(#[$doc])* $variant,)*
        }

        impl Status {
            /// All of them.
            pub const ALL: &'static [Status] = &[$(Status::$variant,)*];

            /// As the database and the reports write it.
            pub fn name(self) -> &'static str {
                match self {
                    $(Status::$variant => $name,)*
                }
            }
        }
    };
}

statuses! {
    /// It waits for its turn, for its coupon or for another try.
    Pending = "pending",
    /// A worker prepares it; nothing has left.
    Leased = "leased",
    /// It may be leaving at this moment.
    Dispatching = "dispatching",
    /// The provider has it.
    Sent = "sent",
    /// The provider will not take it.
    Rejected = "rejected",
    /// It may have happened; that is being found out.
    Unknown = "unknown",
    /// The address is suppressed.
    Suppressed = "suppressed",
    /// Consent was withdrawn.
    NoConsent = "no_consent",
    /// A cap was reached.
    Capped = "capped",
    /// The hours of silence lasted too long.
    Quiet = "quiet",
    /// The customer is held out.
    Holdout = "holdout",
    /// It came too late.
    Expired = "expired",
    /// The run was larger than its limit.
    OverLimit = "over_limit",
    /// A person, or a coupon that was not granted, called it off.
    Cancelled = "cancelled",
    /// It may have happened, and nobody can find out.
    Unconfirmed = "unconfirmed",
    /// It cannot be prepared, or whoever takes it breaks down.
    Quarantined = "quarantined",
}

impl Status {
    /// The status of that name.
    pub fn from_name(name: &str) -> Option<Status> {
        Status::ALL.iter().copied().find(|s| s.name() == name)
    }

    /// Whether nothing will change it any more.
    pub fn ended(self) -> bool {
        !matches!(self, Status::Pending | Status::Leased | Status::Dispatching | Status::Unknown)
    }
}

/// How a dispatch ended, as far as the channel can tell.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The provider has it.
    Sent {
        /// The provider's own name for it.
        provider_id: Option<String>,
        /// The code of a granted coupon.
        code: Option<String>,
    },
    /// The provider said a definite no that will not change.
    Rejected(String),
    /// The provider said a definite no, or was never reached: nothing happened, and it may be tried again,
    /// not before so many seconds where the provider said so.
    Again(String, Option<u64>),
    /// The connection was lost at a moment at which it may or may not have happened.
    Unknown(String),
}

/// What a channel does about a dispatch whose outcome is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnUnknown {
    /// Tries again with the same key and bytes: the provider remembers keys for this many seconds.
    Retry(u64),
    /// Asks the provider whether it knows the key, at the earliest so many seconds after the dispatch.
    Ask(u64),
    /// Leaves it `unconfirmed` and says so: at most once.
    Leave,
    /// Leaves it, but repeats once, with the same key and bytes, what shows a coupon: better the same code twice
    /// than never.
    TwiceWithCoupon,
}
