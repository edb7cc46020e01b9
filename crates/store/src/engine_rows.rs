//! What the engine itself did and keeps, as the customers' loader takes it in beside the customer store.

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
