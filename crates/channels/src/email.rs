//! Makes a mail's bytes: text and HTML beside each other, and the headers that get it delivered.

mod dkim;

use crate::config::{SmtpConfig, UnsubscribeConfig};
use crate::template::{MailText, one_line};
pub(crate) use dkim::Signer;
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Body, Mailbox, Message, MultiPart, SinglePart};
use lettre::{Address, address::Envelope};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime};
use tidings_plan::Sending;

/// Who mails are from.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    from: Mailbox,
    reply_to: Option<Mailbox>,
}

/// What is kept with the row before the wire: the envelope and the bytes.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Letter {
    pub from: String,
    pub to: String,
    pub message: String,
}

/// How text is written in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writing {
    /// In ASCII, which every mail server takes.
    Wire,
    /// As it is, for people who open the file.
    Readable,
}

impl Sender {
    pub fn new(config: &SmtpConfig) -> Result<Sender, String> {
        let from = mailbox("from", &config.from)?;
        let reply_to = config.reply_to.as_deref().map(|text| mailbox("reply_to", text)).transpose()?;
        Ok(Sender { from, reply_to })
    }

    /// For a sandbox that was told nobody's address.
    pub fn nobody() -> Result<Sender, String> {
        Ok(Sender { from: mailbox("from", "Sandbox <sandbox@tidings.invalid>")?, reply_to: None })
    }

    /// The domain that the mails are from.
    pub fn domain(&self) -> &str {
        self.from.email.domain()
    }

    /// The mail of a row. The same row and content make the same bytes. `return_path` is where mail servers return what
    /// they cannot deliver: also among the headers, since complaints have those and not always the envelope.
    pub fn letter(
        &self,
        sending: &Sending,
        content: &MailText,
        unsubscribe: Option<&str>,
        return_path: Option<&str>,
        writing: Writing,
    ) -> Result<Letter, String> {
        let Some(to) = &sending.address else { return Err("this mail has no address".into()) };
        let to: Address = to.parse().map_err(|_| "the customer's mail address is not one".to_owned())?;
        let from = match return_path {
            Some(address) => address.parse().map_err(|_| "the return path is no address".to_owned())?,
            None => self.from.email.clone(),
        };
        let envelope = Envelope::new(Some(from.clone()), vec![to.clone()]).map_err(|e| e.to_string())?;
        let mut message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to.clone()))
            .subject(one_line(&content.subject))
            .date(moment(sending.at))
            .message_id(Some(format!("<{}@{}>", sending.key, self.from.email.domain())))
            .raw_header(header("X-Tidings-Rule", one_line(&sending.rule))?)
            .envelope(envelope);
        if let Some(address) = &self.reply_to {
            message = message.reply_to(address.clone());
        }
        if let Some(address) = return_path {
            message = message.raw_header(header("X-Tidings-Return", address.to_owned())?);
        }
        if let Some(link) = unsubscribe {
            message = message
                .raw_header(header("List-Unsubscribe", format!("<{link}>"))?)
                .raw_header(header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".into())?);
        }
        let parts = MultiPart::alternative()
            .boundary(format!("=_{}", sending.key))
            .singlepart(part(ContentType::TEXT_PLAIN, &content.text, writing))
            .singlepart(part(ContentType::TEXT_HTML, &content.html, writing));
        let bytes =
            message.multipart(parts).map_err(|e| format!("this mail cannot be made: {e}"))?.formatted();
        let message =
            String::from_utf8(bytes).map_err(|_| "this mail cannot be made: it is not text".to_owned())?;
        Ok(Letter { from: from.to_string(), to: to.to_string(), message })
    }
}

/// The page on which a mail's reader unsubscribes, with its secret.
pub(crate) struct Unsubscribe {
    page: String,
    secret: SecretString,
}

impl Unsubscribe {
    pub fn new(config: &UnsubscribeConfig, folder: &std::path::Path) -> Result<Unsubscribe, String> {
        let page = url::Url::parse(&config.url).map_err(|e| format!("unsubscribe: `{}`: {e}", config.url))?;
        if page.scheme() != "https" {
            return Err(format!(
                "unsubscribe: `{}` has to begin with https://, or mail programs ignore it",
                config.url
            ));
        }
        Ok(Unsubscribe { page: page.into(), secret: config.secret.resolve(folder)? })
    }

    /// The reader's own link.
    pub fn link(&self, sending: &Sending) -> String {
        let secret = self.secret.expose_secret().as_bytes();
        crate::unsubscribe::link(&self.page, secret, &sending.channel, &sending.customer)
    }

    /// The channel and the customer of a token that this made.
    pub fn read(&self, token: &str) -> Option<(String, String)> {
        crate::unsubscribe::read(token, self.secret.expose_secret().as_bytes())
    }
}

fn mailbox(what: &str, text: &str) -> Result<Mailbox, String> {
    let help = "write it as `Shop <hello@shop.example>`";
    // lettre panics on controls in a name.
    one_line(text).parse().map_err(|e| format!("{what}: `{text}` is no mail address ({e}); {help}"))
}

fn header(name: &str, value: String) -> Result<HeaderValue, String> {
    let name = HeaderName::new_from_ascii(name.to_owned()).map_err(|e| e.to_string())?;
    Ok(HeaderValue::new(name, value))
}

fn moment(micros: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

fn part(content_type: ContentType, text: &str, writing: Writing) -> SinglePart {
    let readable = (writing == Writing::Readable)
        .then(|| Body::new_with_encoding(text.to_owned(), ContentTransferEncoding::EightBit).ok())
        .flatten();
    let body = readable.unwrap_or_else(|| Body::new(text.to_owned()));
    SinglePart::builder().header(content_type).body(body)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_begin_a_header_of_its_own() {
        let from = mailbox("from", "Shop\r\nand\0 Co\u{202e} <hello@shop.example>").unwrap();
        assert_eq!(from.name.as_deref(), Some("Shop and Co"));
        assert!(mailbox("from", "Shop").unwrap_err().contains("Shop <hello@shop.example>"));
    }
}
