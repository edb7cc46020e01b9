//! What `tidings.yaml` says about mail servers.

use super::on_unknown::OnUnknownConfig;
use super::text::{Domain, Pace};
use crate::secret::Secret;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

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
    /// Where mail servers return what they cannot deliver; the address in `from` where it is not said.
    pub bounces: Option<BouncesConfig>,
    /// What the provider signs the bounces with that it reports over HTTP, after Standard Webhooks.
    pub feedback_secret: Option<Secret>,
    /// What mails are signed with.
    pub dkim: Option<DkimConfig>,
    /// The page on which people unsubscribe.
    pub unsubscribe: Option<UnsubscribeConfig>,
    /// Certificates (PEM) that are trusted besides the public ones: a company's own authority.
    pub ca_file: Option<PathBuf>,
    /// How many connections are held open.
    #[serde(default = "four")]
    pub connections: usize,
    /// How many mails may begin in a length of time.
    pub rate: Option<Pace>,
    /// How many may to some domains: `{gmail.com: 10 per second}`.
    #[serde(default)]
    pub domains: BTreeMap<Domain, Pace>,
    /// What is done about a mail that may or may not have been accepted; where it is not said, one that shows a
    /// coupon is sent once more, and others are left. Only a provider with a service beside its mail server can
    /// be asked.
    pub on_unknown: Option<OnUnknownConfig>,
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

/// Where mail that cannot be delivered comes back to.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BouncesConfig {
    /// The address. With `secret`, mails go out from `bounces+TOKEN@…` instead of `bounces@…`.
    pub address: String,
    /// What the tokens are signed with. Without it nothing that comes back is believed.
    pub secret: Option<Secret>,
    /// The mailbox that the address leads to: an mbox file, or a folder that is a Maildir.
    pub mailbox: Option<PathBuf>,
}

/// The key with which mails are signed (RFC 6376).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DkimConfig {
    /// The domain that signs: that of `from`, or one above it.
    pub domain: Domain,
    /// Under which name in the domain the public key stands: `SELECTOR._domainkey.DOMAIN`.
    pub selector: String,
    /// The private key, PEM: RSA of at least 2048 bits, or Ed25519.
    pub key: Secret,
}

fn four() -> usize {
    4
}
