//! What comes back: mails that could not be delivered, and complaints of those who got one.
//!
//! Every mail's return path carries its key and a proof that only the channel's secret makes. A report counts for the
//! mails whose proof it holds, so whoever did not get a mail cannot make it bounce.

mod mailbox;
mod report;
mod token;

use crate::config::BouncesConfig;
pub use crate::http::Signed;
use crate::http::verify;
pub use mailbox::{Batch, Mailbox};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::path::Path;
use tidings_plan::Key;

/// What became of a mail or a message after it was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounce {
    /// Its key.
    pub key: Key,
    /// What happened.
    pub kind: BounceKind,
    /// What the report says of it, without personal data.
    pub detail: String,
}

/// What can happen to a mail on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BounceKind {
    /// It did not arrive this time.
    Soft,
    /// There is no such address.
    Hard,
    /// The reader said that it is unwanted.
    Complaint,
}

/// Where a channel's mails come back to.
pub struct ReturnPath {
    /// What stands before and behind the token: `bounces`, `shop.example`.
    local: String,
    domain: String,
    secret: Option<SecretString>,
    mailbox: Option<Mailbox>,
}

impl ReturnPath {
    /// Reads the secret. `folder` is the project's.
    pub fn new(config: &BouncesConfig, folder: &Path) -> Result<ReturnPath, String> {
        let (local, domain) = parts(config)?;
        let secret = config.secret.as_ref().map(|s| s.resolve(folder)).transpose()?;
        let mailbox = config.mailbox.as_ref().map(|path| Mailbox::at(folder.join(path)));
        Ok(ReturnPath { local, domain, secret, mailbox })
    }

    /// The address that a mail goes out from.
    pub fn address(&self, key: Key) -> String {
        let ReturnPath { local, domain, .. } = self;
        match self.secret() {
            Some(secret) => format!("{local}+{}@{domain}", token::made(key, secret)),
            None => format!("{local}@{domain}"),
        }
    }

    /// What a mail in the mailbox reports; nothing where it is no report, or about mails that are not this channel's.
    pub fn read(&self, mail: &[u8]) -> Vec<Bounce> {
        let found = self.secret().map(|secret| token::found(mail, secret)).unwrap_or_default();
        let told = if found.is_empty() { None } else { report::read(mail) };
        let bounces = told.map(|(kind, detail)| {
            found.into_iter().map(|key| Bounce { key, kind, detail: detail.clone() }).collect()
        });
        bounces.unwrap_or_default()
    }

    /// The mailbox that the address leads to.
    pub fn mailbox(&self) -> Option<&Mailbox> {
        self.mailbox.as_ref()
    }

    fn secret(&self) -> Option<&[u8]> {
        self.secret.as_ref().map(|secret| secret.expose_secret().as_bytes())
    }
}

/// What is wrong with a return path, as far as that can be told without its secret.
pub(crate) fn check(config: &BouncesConfig) -> Result<(), String> {
    if config.mailbox.is_some() && config.secret.is_none() {
        return Err(
            "bounces: without a `secret` nothing in the mailbox is believed; write `secret: env:NAME`".into(),
        );
    }
    let (local, _) = parts(config)?;
    let room = 64 - 1 - token::LENGTH;
    if config.secret.is_some() && local.len() > room {
        return Err(format!(
            "bounces: with its token `{local}` is too long; write at most {room} characters before the @"
        ));
    }
    Ok(())
}

fn parts(config: &BouncesConfig) -> Result<(String, String), String> {
    let address = crate::address::email_address(&config.address).filter(|a| a.is_ascii());
    let parts =
        address.as_deref().and_then(|a| a.rsplit_once('@')).map(|(l, d)| (l.to_owned(), d.to_owned()));
    parts.ok_or_else(|| {
        format!("bounces: `{}` is no mail address; write `bounces@shop.example`", config.address)
    })
}

/// What a service says about a message over HTTP: `{"key": "…", "kind": "hard", "detail": "…"}`, signed after Standard
/// Webhooks. `now` is in microseconds since 1970; a signature is good for five minutes.
pub fn feedback(secret: &SecretString, signed: &Signed<'_>, body: &[u8], now: i64) -> Result<Bounce, String> {
    #[derive(Deserialize)]
    struct Told {
        key: String,
        kind: BounceKind,
        #[serde(default)]
        detail: String,
    }
    verify(secret.expose_secret(), signed, body, now)?;
    let shape = || r#"the body is not {"key": "…", "kind": "hard|soft|complaint", "detail": "…"}"#.to_owned();
    let Told { key, kind, detail } = serde_json::from_slice(body).map_err(|_| shape())?;
    let key = token::key(&key).ok_or_else(shape)?;
    Ok(Bounce { key, kind, detail: without_addresses(&detail) })
}

/// A short text without anything that may be an address or a number to call.
fn without_addresses(text: &str) -> String {
    let digits = |word: &str| word.bytes().filter(u8::is_ascii_digit).count();
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty());
    let fine = words.map(|word| if word.contains('@') || digits(word) > 5 { "…" } else { word });
    fine.collect::<Vec<_>>().join(" ").chars().take(200).collect()
}
