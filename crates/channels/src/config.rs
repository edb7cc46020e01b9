//! What `tidings.yaml` says about the outside: mail servers, HTTP services, coupons. Secrets are named,
//! never written.

mod http;
mod on_unknown;
mod smtp;
mod text;

pub use http::{Conflict, HttpConfig, Method, OkConfig};
pub use on_unknown::{AskConfig, OnUnknownConfig};
use serde::Deserialize;
pub use smtp::{BouncesConfig, DkimConfig, SmtpConfig, Tls, UnsubscribeConfig};
use std::collections::BTreeMap;
pub use text::{Domain, Length, Pace, Pointer};

/// Everything that sends go through, by the names that rules use.
#[derive(Clone, Debug, Default)]
pub struct Delivery {
    /// The channels of messages: `email`, `sms`, …
    pub channels: BTreeMap<String, ChannelConfig>,
    /// The services that grant coupons.
    pub coupon_providers: BTreeMap<String, HttpConfig>,
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

fn coupon() -> String {
    "coupon".into()
}
