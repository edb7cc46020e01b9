//! What `tidings.yaml` says about HTTP services.

use super::on_unknown::OnUnknownConfig;
use super::text::{Length, Pace, Pointer};
use crate::secret::{Header, Secret, headers};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

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
    pub body: Option<Value>,
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
    /// What the service signs the bounces with that it reports over HTTP, after Standard Webhooks.
    pub feedback_secret: Option<Secret>,
    /// How many requests may begin in a length of time.
    pub rate: Option<Pace>,
    /// How long the service remembers an `Idempotency-Key`; where it is not said, it does not.
    pub keys_remembered_for: Option<Length>,
    /// What tells a yes from a no where both are answered with 200.
    pub ok: Option<OkConfig>,
    /// What 409 means; a definite no where it is not said, or that nothing is known where the service knows keys.
    pub conflict: Option<Conflict>,
    /// Where a granted coupon's code stands in the answer; `/code` where it is not said.
    pub code: Option<Pointer>,
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

/// What an answer says inside: `{pointer: /code, equals: 0, again: [1021]}`. Any other value is a definite no, and an
/// answer without one says nothing.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OkConfig {
    /// Where it says so.
    pub pointer: Pointer,
    /// What stands there after a yes. `null` also where nothing stands there.
    #[serde(default)]
    pub equals: Value,
    /// What stands there after a no for now.
    #[serde(default)]
    pub again: Vec<Value>,
}

/// What a service's 409 means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Conflict {
    /// An earlier request with this key was carried out, and this is its answer.
    Done,
    /// A definite no.
    Refused,
}

fn eight() -> usize {
    8
}
