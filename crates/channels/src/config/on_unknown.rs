//! What is done about a send whose outcome is unknown.

use super::http::OkConfig;
use super::text::Length;
use crate::secret::{Header, headers};
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;
use tidings_plan::OnUnknown;

/// What is done about a dispatch whose outcome is unknown: `leave`, `ask: {url, after}` or `retry: 24 hours`.
#[derive(Clone, Debug, PartialEq)]
pub enum OnUnknownConfig {
    /// Left alone and reported: at most once.
    Leave,
    /// The service is asked about the key.
    Ask(AskConfig),
    /// Tried again with the same key and bytes, while the service remembers keys.
    Retry(Length),
}

/// Where a service is asked whether it knows a key.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskConfig {
    /// The address, with `{{ key }}` in it. 200 means that it happened, 404 that it did not.
    pub url: String,
    /// Headers beyond the service's own, for a mail provider's events above all.
    #[serde(default, deserialize_with = "headers")]
    pub headers: BTreeMap<String, Header>,
    /// How long after the dispatch the service's answer can be trusted.
    #[serde(default = "a_minute")]
    pub after: Length,
    /// What tells a yes from a no in the answer, where it is not what `ok` of the service itself says.
    pub ok: Option<OkConfig>,
}

impl OnUnknownConfig {
    /// As the outbox knows it.
    pub fn policy(&self) -> OnUnknown {
        match self {
            OnUnknownConfig::Leave => OnUnknown::Leave,
            OnUnknownConfig::Ask(ask) => OnUnknown::Ask(ask.after.0),
            OnUnknownConfig::Retry(memory) => OnUnknown::Retry(memory.0),
        }
    }
}

impl<'de> Deserialize<'de> for OnUnknownConfig {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<OnUnknownConfig, D::Error> {
        struct Policy;
        impl<'de> Visitor<'de> for Policy {
            type Value = OnUnknownConfig;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`leave`, `retry: 24 hours` or `ask: {url: …, after: 1 minute}`")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<OnUnknownConfig, E> {
                if text == "leave" {
                    return Ok(OnUnknownConfig::Leave);
                }
                Err(E::invalid_value(de::Unexpected::Str(text), &self))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<OnUnknownConfig, A::Error> {
                let policy = match map.next_key::<String>()?.as_deref() {
                    Some("retry") => OnUnknownConfig::Retry(map.next_value()?),
                    Some("ask") => OnUnknownConfig::Ask(map.next_value()?),
                    _ => return Err(de::Error::invalid_value(de::Unexpected::Map, &self)),
                };
                match map.next_key::<String>()? {
                    None => Ok(policy),
                    Some(_) => Err(de::Error::custom("on_unknown takes one of `retry` and `ask`, not both")),
                }
            }
        }
        d.deserialize_any(Policy)
    }
}

fn a_minute() -> Length {
    Length(60)
}
