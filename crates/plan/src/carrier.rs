//! What the outside implements so that sends can leave: carriers, and the reading of addresses.

use crate::outbox::{Key, Kind, OnUnknown, Outcome};
use std::pin::Pin;
use std::time::Duration;

/// An answer that takes a while.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Takes sends of one channel, coupon provider, webhook or team to where they go.
///
/// The outbox keeps what [`Carrier::prepare`] made before the first byte leaves, and hands the same text
/// to every [`Carrier::deliver`] of that row, so that a repeat is the same bytes.
pub trait Carrier: Send + Sync {
    /// What will leave, as text to be kept with the row. Touches nothing outside; the same row and coupon
    /// make the same text. The error is for people, and final: this row cannot be made.
    fn prepare(&self, sending: &Sending, coupon: Option<&Grant>) -> Result<String, String>;

    /// Sends what was prepared, once. Ends in a bounded time.
    fn deliver<'a>(&'a self, sending: &'a Sending, payload: &'a str) -> Answer<'a, Outcome>;

    /// Asks the receiver whether it carried out the send of that key. Changes nothing there.
    fn ask(&self, key: Key) -> Answer<'_, Asked>;

    /// What is done about [`Outcome::Unknown`].
    fn on_unknown(&self) -> OnUnknown;

    /// How many sends may be under way at the same time, at least 1.
    fn concurrency(&self) -> usize;

    /// How many rows are claimed together at most, at least 1; fewer where they leave slowly.
    fn batch(&self) -> usize;

    /// How many sends may begin in a length of time, by all daemons together; no limit where there is none.
    fn rate(&self) -> Option<Rate> {
        None
    }

    /// The same for mail to some domains, in lower case.
    fn domain_rates(&self) -> &[(String, Rate)] {
        &[]
    }
}

/// So many in a length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many, at least 1.
    pub count: u32,
    /// In this length of time.
    pub per: Duration,
}

/// A row of the outbox, as a carrier sees it.
#[derive(Clone, PartialEq)]
pub struct Sending {
    /// Its key.
    pub key: Key,
    /// What it is.
    pub kind: Kind,
    /// The channel, coupon provider, webhook or team.
    pub channel: String,
    /// The template, coupon or text that it is about.
    pub subject: String,
    /// Where it goes, normalised; messages only.
    pub address: Option<String>,
    /// The customer's key.
    pub customer: String,
    /// The rule.
    pub rule: String,
    /// The values that templates show, as a JSON object: `customer`, `rule`, `shop`, …
    pub values: String,
    /// The moment of the run, in microseconds since 1970 UTC: a mail's date.
    pub at: i64,
}

/// A coupon that was granted, as messages show it.
#[derive(Clone, PartialEq)]
pub struct Grant {
    /// Its code.
    pub code: String,
    /// What it is worth, as people read it: `20 CNY`.
    pub value: String,
    /// What people call it.
    pub label: Option<String>,
    /// From when on it cannot be used, in microseconds since 1970 UTC.
    pub expires: Option<i64>,
}

/// What a receiver says about a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// It carried the send out.
    Happened {
        /// The code of a granted coupon.
        code: Option<String>,
    },
    /// It never will: it does not know the key.
    DidNot,
    /// It did not say.
    CannotTell(String),
}

/// Reads addresses as customers' data has them.
pub trait Addresses: Send + Sync {
    /// The one spelling of an address in a channel; nothing where nobody could be reached there.
    fn normalise(&self, channel: &str, raw: &str) -> Option<String>;
}

/// Ids only: rows hold personal data, and rows end up in logs.
impl std::fmt::Debug for Sending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sending({} {} {} of {})", self.key, self.channel, self.subject, self.rule)
    }
}

/// Never the code, which is worth money.
impl std::fmt::Debug for Grant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Grant({})", self.value)
    }
}
