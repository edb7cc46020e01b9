//! What rows of the outbox hold, read as the types that mean it.

use crate::state::database::Row;
use serde_json::Value;
use tidings_plan::past::expires;
use tidings_plan::{Grant, Key, Kind, Sending, Status};

impl<'r> Row<'r> {
    pub(crate) fn key(self) -> Result<Key, sqlx::Error> {
        let bytes: &[u8] = self.get("key")?;
        bytes.try_into().map(Key).map_err(|_| sqlx::Error::Decode("a key is not 16 bytes long".into()))
    }

    /// The key of the grant that a row shows.
    pub(crate) fn after_key(self) -> Result<Option<Key>, sqlx::Error> {
        let bytes: Option<&[u8]> = self.get("after_key")?;
        // A CHECK constraint holds the length.
        Ok(bytes.and_then(|bytes| bytes.try_into().ok()).map(Key))
    }

    pub(crate) fn kind(self) -> Result<Kind, sqlx::Error> {
        let name: &str = self.get("kind")?;
        Kind::from_name(name).ok_or_else(|| sqlx::Error::Decode(format!("there is no kind `{name}`").into()))
    }

    pub(crate) fn status(self) -> Result<Status, sqlx::Error> {
        let name: &str = self.get("state")?;
        let none = || sqlx::Error::Decode(format!("there is no state `{name}`").into());
        Status::from_name(name).ok_or_else(none)
    }

    pub(crate) fn sending(self) -> Result<Sending, sqlx::Error> {
        Ok(Sending {
            key: self.key()?,
            kind: self.kind()?,
            channel: self.get("channel")?,
            subject: self.get("subject")?,
            address: self.get("address")?,
            customer: self.get("customer")?,
            rule: self.get("rule")?,
            values: self.get("vals")?,
            at: self.get("at")?,
        })
    }

    /// The coupon that a row shows: its `code`, and the `grant_vals` of its grant.
    pub(crate) fn grant(self) -> Result<Option<Grant>, sqlx::Error> {
        let Some(code) = self.get::<Option<String>>("code")? else { return Ok(None) };
        let coupon = coupon(self.get::<Option<&str>>("grant_vals")?);
        let text = |name: &str| coupon.get(name).and_then(Value::as_str).map(str::to_owned);
        Ok(Some(Grant {
            code,
            value: text("value").unwrap_or_default(),
            label: text("label"),
            expires: expires(&coupon),
        }))
    }
}

/// The `coupon` of a grant's values.
pub(crate) fn coupon(values: Option<&str>) -> Value {
    let mut values: Value = values.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    values.get_mut("coupon").map(Value::take).unwrap_or_default()
}
