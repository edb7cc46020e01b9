//! What `tidings.yaml` says about the outside: mail servers, HTTP services, coupons. Secrets are named,
//! never written.

use crate::secret::{Header, Secret, headers};
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use tidings_plan::OnUnknown;

/// Everything that sends go through, by the names that rules use.
#[derive(Clone, Debug, Default)]
pub struct Delivery {
    /// The channels of messages: `email`, `sms`, …
    pub channels: BTreeMap<String, ChannelConfig>,
    /// The services that grant coupons.
    pub coupon_providers: BTreeMap<String, CouponProviderConfig>,
    /// The coupons.
    pub coupons: BTreeMap<String, CouponConfig>,
    /// The webhooks that rules `call`.
    pub webhooks: BTreeMap<String, HttpConfig>,
    /// The teams that rules `notify`.
    pub teams: BTreeMap<String, HttpConfig>,
}

/// How a channel's messages leave.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum ChannelConfig {
    /// To a mail server.
    Smtp(SmtpConfig),
    /// To an HTTP service.
    Http(HttpConfig),
    /// Into files that a person can look at.
    Sandbox(SandboxConfig),
}

/// The sandbox has no settings.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SandboxConfig {}

/// A mail server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmtpConfig {
    /// Its name.
    pub host: String,
    /// Its port: 25, 587 or 465 by `tls` where it is not said.
    pub port: Option<u16>,
    /// How the connection is protected.
    #[serde(default)]
    pub tls: Tls,
    /// The account, where the server asks for one.
    pub user: Option<String>,
    /// The account's password.
    pub password: Option<Secret>,
    /// Who the mail is from: `Shop <hello@shop.example>`.
    pub from: String,
    /// Where answers go.
    pub reply_to: Option<String>,
    /// Where the mail server returns what it cannot deliver; the address in `from` where it is not said.
    pub bounce: Option<String>,
    /// The page on which people unsubscribe.
    pub unsubscribe: Option<UnsubscribeConfig>,
    /// Certificates (PEM) that are trusted besides the public ones: a company's own authority.
    pub ca_file: Option<PathBuf>,
    /// How many connections are held open.
    #[serde(default = "four")]
    pub connections: usize,
    /// What is done about a mail that may or may not have been accepted. Only a provider with a service beside its
    /// mail server can be asked.
    #[serde(default)]
    pub on_unknown: OnUnknownConfig,
}

/// How the connection to a mail server is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// Not at all: for a server on the same machine.
    None,
    /// Plain first, then protected. A server that does not offer it gets no mail.
    #[default]
    StartTls,
    /// From the first byte.
    Tls,
}

/// The page on which people unsubscribe. Each mail's link carries a token that only `secret` can make.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnsubscribeConfig {
    /// Its address, `https://…`.
    pub url: String,
    /// What the tokens are signed with.
    pub secret: Secret,
}

/// An HTTP service.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpConfig {
    /// Its address.
    pub url: String,
    /// `POST` where it is not said.
    #[serde(default)]
    pub method: Method,
    /// Header fields; a secret stands at the end: `Authorization: Bearer env:SMS_TOKEN`.
    #[serde(default, deserialize_with = "headers")]
    pub headers: BTreeMap<String, Header>,
    /// The JSON body; its texts are Liquid. Everything that is known, where it is not said.
    pub body: Option<serde_json::Value>,
    /// How long the service has to answer; 30 seconds where it is not said.
    pub timeout: Option<Length>,
    /// How many requests are under way at the same time.
    #[serde(default = "eight")]
    pub connections: usize,
    /// Whether a host name may stand for a private address, such as a container next door.
    #[serde(default)]
    pub private_network: bool,
    /// Certificates (PEM) that are trusted besides the public ones: a company's own authority.
    pub ca_file: Option<PathBuf>,
    /// What is done about a request that may or may not have been carried out.
    pub on_unknown: Option<OnUnknownConfig>,
    /// What requests are signed with, after Standard Webhooks.
    pub signing_secret: Option<Secret>,
}

/// A request's method.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Makes something.
    #[default]
    Post,
    /// Puts something in its place.
    Put,
    /// Changes something.
    Patch,
}

/// A service that grants coupons.
#[derive(Clone, Debug)]
pub struct CouponProviderConfig {
    /// How it is reached.
    pub http: HttpConfig,
    /// Where the code stands in the answer, as a JSON pointer.
    pub code: String,
    /// How long the service remembers an `Idempotency-Key`; where it is not said, it does not.
    pub keys_remembered_for: Option<Length>,
}

/// A coupon.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CouponConfig {
    /// The provider that grants it; `coupon` where it is not said.
    #[serde(default = "coupon")]
    pub provider: String,
    /// What it is worth, as people read it: `20 CNY`.
    pub value: String,
    /// How long it can be used after it was granted.
    pub valid_for: Option<Length>,
    /// What people call it.
    pub label: Option<String>,
}

/// What is done about a dispatch whose outcome is unknown: `leave`, `ask: {url, after}` or `retry: 24 hours`.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum OnUnknownConfig {
    /// Left alone and reported: at most once.
    #[default]
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
}

/// A length of time in seconds, written as `30 seconds`, `24 hours` or `30 days`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Length(pub u64);

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

impl Length {
    /// Reads `30 days`.
    pub fn parse(text: &str) -> Option<Length> {
        let (number, unit) = text.trim().split_once(char::is_whitespace)?;
        let seconds = match unit.trim().trim_end_matches('s') {
            "second" => 1,
            "minute" => 60,
            "hour" => 3_600,
            "day" => 86_400,
            "week" => 604_800,
            _ => return None,
        };
        number.parse::<u64>().ok()?.checked_mul(seconds).map(Length)
    }
}

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Length, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Length;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a length of time with its unit, such as `24 hours` or `30 days`")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Length, E> {
                Length::parse(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        d.deserialize_str(Text)
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

/// Written flat, since serde cannot refuse unknown fields in a flattened struct.
impl<'de> Deserialize<'de> for CouponProviderConfig {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<CouponProviderConfig, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Flat {
            url: String,
            #[serde(default)]
            method: Method,
            #[serde(default, deserialize_with = "headers")]
            headers: BTreeMap<String, Header>,
            body: Option<serde_json::Value>,
            timeout: Option<Length>,
            #[serde(default = "eight")]
            connections: usize,
            #[serde(default)]
            private_network: bool,
            ca_file: Option<PathBuf>,
            on_unknown: Option<OnUnknownConfig>,
            signing_secret: Option<Secret>,
            #[serde(default = "slash_code")]
            code: String,
            keys_remembered_for: Option<Length>,
        }
        let flat = Flat::deserialize(d)?;
        if !flat.code.starts_with('/') {
            return Err(de::Error::custom(
                "code is a JSON pointer into the answer, such as /code or /data/coupon/code",
            ));
        }
        let http = HttpConfig {
            url: flat.url,
            method: flat.method,
            headers: flat.headers,
            body: flat.body,
            timeout: flat.timeout,
            connections: flat.connections,
            private_network: flat.private_network,
            ca_file: flat.ca_file,
            on_unknown: flat.on_unknown,
            signing_secret: flat.signing_secret,
        };
        Ok(CouponProviderConfig { http, code: flat.code, keys_remembered_for: flat.keys_remembered_for })
    }
}

fn coupon() -> String {
    "coupon".into()
}

fn four() -> usize {
    4
}

fn eight() -> usize {
    8
}

fn a_minute() -> Length {
    Length(60)
}

fn slash_code() -> String {
    "/code".into()
}
