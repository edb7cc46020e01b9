//! Catches every send as a file that a person can read: mails as `.eml`, the rest as `.json`.

use crate::config::CouponConfig;
use crate::context::{context, granted, requested, timestamp};
use crate::email::{Sender, Unsubscribe, Writing};
use crate::template::{Templates, Values};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tidings_plan::{Answer, Asked, Carrier, Grant, Key, Kind, OnUnknown, Outcome, Sending};

/// The digits and letters of coupon codes: none that is taken for another.
const LETTERS: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

/// A folder that takes the place of the world.
pub struct Sandbox {
    pub(crate) folder: PathBuf,
    pub(crate) templates: Arc<Templates>,
    pub(crate) zone: Tz,
    pub(crate) coupons: BTreeMap<String, CouponConfig>,
    /// Who mails of a channel are from, and the links in them.
    pub(crate) senders: BTreeMap<String, (Sender, Option<Unsubscribe>)>,
    pub(crate) nobody: Sender,
}

/// What is kept with a row: the file that it becomes.
#[derive(Serialize, Deserialize)]
struct Catch {
    file: String,
    content: String,
    code: Option<String>,
}

impl Sandbox {
    fn mail(&self, sending: &Sending, coupon: Option<&Grant>) -> Result<Catch, String> {
        let (sender, unsubscribe) = match self.senders.get(&sending.channel) {
            Some((sender, unsubscribe)) => (sender, unsubscribe.as_ref()),
            None => (&self.nobody, None),
        };
        let link = unsubscribe.map(|u| u.link(sending));
        let mut values = context(sending, coupon.map(|c| granted(c, self.zone)))?;
        values.insert("unsubscribe_url".into(), json!(link));
        let content = self.templates.mail(&sending.subject, &sending.channel, &Values::new(&values)?)?;
        let letter = sender.letter(sending, &content, link.as_deref(), None, Writing::Readable)?;
        Ok(Catch { file: file_name(sending, "eml"), content: letter.message, code: None })
    }

    fn other(&self, sending: &Sending, coupon: Option<&Grant>) -> Result<Catch, String> {
        let code = (sending.kind == Kind::Coupon).then(|| code(sending.key));
        let shown = match sending.kind {
            Kind::Coupon => {
                let mut asked = requested(sending, self.coupons.get(&sending.subject), self.zone);
                asked.as_object_mut().and_then(|fields| fields.insert("code".into(), json!(code)));
                Some(asked)
            }
            _ => coupon.map(|c| granted(c, self.zone)),
        };
        let values = context(sending, shown.clone())?;
        let body = match sending.kind {
            Kind::Message => {
                let text =
                    self.templates.message(&sending.subject, &sending.channel, &Values::new(&values)?)?;
                json!({ "text": text })
            }
            Kind::Coupon => shown.unwrap_or_default(),
            _ => Value::Object(values),
        };
        let caught = json!({
            "key": sending.key.to_string(),
            "at": timestamp(sending.at),
            "kind": sending.kind.name(),
            "channel": sending.channel,
            "subject": sending.subject,
            "to": sending.address,
            "customer": sending.customer,
            "rule": sending.rule,
            "body": body,
        });
        let content = serde_json::to_string_pretty(&caught).map_err(|e| e.to_string())? + "\n";
        Ok(Catch { file: file_name(sending, "json"), content, code })
    }
}

impl Carrier for Sandbox {
    fn prepare(&self, sending: &Sending, coupon: Option<&Grant>) -> Result<String, String> {
        let mail =
            sending.kind == Kind::Message && self.templates.is_mail(&sending.subject, &sending.channel);
        let caught = if mail { self.mail(sending, coupon) } else { self.other(sending, coupon) }?;
        serde_json::to_string(&caught).map_err(|e| e.to_string())
    }

    fn deliver<'a>(&'a self, _: &'a Sending, payload: &'a str) -> Answer<'a, Outcome> {
        let caught = serde_json::from_str::<Catch>(payload);
        let folder = self.folder.clone();
        Box::pin(async move {
            let Ok(Catch { file, content, code }) = caught else {
                return Outcome::Rejected("what was prepared for the sandbox cannot be read".into());
            };
            let name = file.clone();
            let written = tokio::task::spawn_blocking(move || write(&folder, &name, &content)).await;
            match written {
                Ok(Ok(())) => Outcome::Sent { provider_id: Some(file), code },
                Ok(Err(e)) => Outcome::Again(format!("{file} cannot be written into the sandbox: {e}"), None),
                Err(_) => Outcome::Unknown(format!("{file} may have been written into the sandbox")),
            }
        })
    }

    fn ask(&self, _: Key) -> Answer<'_, Asked> {
        Box::pin(async {
            Asked::CannotTell("the sandbox is not asked: writing a file again changes nothing".into())
        })
    }

    /// The same key is the same file, for ever.
    fn on_unknown(&self) -> OnUnknown {
        OnUnknown::Retry(365 * 86_400)
    }

    fn concurrency(&self) -> usize {
        8
    }

    fn batch(&self) -> usize {
        500
    }
}

/// The code of a grant: the same for the same key.
fn code(key: Key) -> String {
    let bits = key.0.iter().fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
    let letter = |i: u32| LETTERS.get((bits >> (5 * i)) as usize & 31).copied().map_or('2', char::from);
    (0..12).map(letter).collect()
}

/// When, where, which: in this order, so that a listing is in the order of time.
fn file_name(sending: &Sending, ending: &str) -> String {
    let at = timestamp(sending.at).replace(['-', ':'], "");
    let channel: String =
        sending.channel.chars().map(|c| if c.is_alphanumeric() || c == '-' { c } else { '_' }).collect();
    let key = sending.key.to_string();
    format!("{at}.{channel}.{}.{ending}", key.get(..16).unwrap_or(&key))
}

/// Writes a file whole or not at all, for its owner's eyes: it has an address. Written again it is the same. It is not forced to the disk: a process may
/// die at any moment, and a power cut costs nobody anything here.
fn write(folder: &Path, name: &str, content: &str) -> io::Result<()> {
    let (mut builder, mut options) = (fs::DirBuilder::new(), fs::OpenOptions::new());
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    builder.recursive(true).create(folder)?;
    let unfinished = folder.join(format!(".{name}.{:?}", std::thread::current().id()));
    options.open(&unfinished)?.write_all(content.as_bytes())?;
    fs::rename(unfinished, folder.join(name))
}

/// A send that was caught.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caught {
    /// The file's name in the sandbox's folder.
    pub file: String,
    /// The send's key, 32 hexadecimal digits.
    pub key: String,
    /// The channel, coupon provider, webhook or team.
    pub channel: String,
    /// Whom it went to: an address, or else the customer's key.
    pub to: String,
    /// A mail's subject, a message's text, a coupon's name and code.
    pub subject: String,
    /// The moment of its run, as `2026-11-21T10:00:00Z`.
    pub at: String,
}

/// Everything that a sandbox's folder caught, in the order of time. A folder that is not there caught nothing.
pub fn list(folder: &Path) -> io::Result<Vec<Caught>> {
    let entries = match fs::read_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut caught = Vec::new();
    for entry in entries {
        let Ok(file) = entry?.file_name().into_string() else { continue };
        let text = |file: &str| fs::read_to_string(folder.join(file));
        if file.starts_with('.') {
            continue;
        }
        caught.extend(match file.rsplit_once('.') {
            Some((_, "eml")) => caught_mail(&file, &text(&file)?),
            Some((_, "json")) => caught_json(&file, &text(&file)?),
            _ => None,
        });
    }
    caught.sort_by(|a, b| (&a.at, &a.file).cmp(&(&b.at, &b.file)));
    Ok(caught)
}

/// The whole text of the caught send whose file or key begins so.
pub fn show(folder: &Path, name: &str) -> Result<String, String> {
    let all = list(folder).map_err(|e| format!("{} cannot be read: {e}", folder.display()))?;
    let mut found = all.iter().filter(|c| c.file.starts_with(name) || c.key.starts_with(name));
    match (found.next(), found.next()) {
        (Some(one), None) => fs::read_to_string(folder.join(&one.file))
            .map_err(|e| format!("{} cannot be read: {e}", one.file)),
        (Some(_), Some(_)) => {
            Err(format!("more than one caught send begins with `{name}`; write more of it"))
        }
        (None, _) => Err(format!("no caught send in {} begins with `{name}`", folder.display())),
    }
}

fn caught_json(file: &str, text: &str) -> Option<Caught> {
    let caught: Value = serde_json::from_str(text).ok()?;
    let field = |name: &str| caught.pointer(name).and_then(Value::as_str);
    let subject = match (field("/body/text"), field("/body/code")) {
        (Some(text), _) => text.to_owned(),
        (None, Some(code)) => format!("{} {code}", field("/subject")?),
        (None, None) => field("/subject")?.to_owned(),
    };
    Some(Caught {
        file: file.to_owned(),
        key: field("/key")?.to_owned(),
        channel: field("/channel")?.to_owned(),
        to: field("/to").or_else(|| field("/customer"))?.to_owned(),
        subject,
        at: field("/at")?.to_owned(),
    })
}

fn caught_mail(file: &str, text: &str) -> Option<Caught> {
    let headers = text.split("\r\n\r\n").next()?.replace("\r\n ", " ");
    let header = |name: &str| headers.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let date = chrono::DateTime::parse_from_rfc2822(header("Date")?).ok()?;
    Some(Caught {
        file: file.to_owned(),
        key: header("Message-ID")?.trim_start_matches('<').split('@').next()?.to_owned(),
        channel: file.split('.').nth(1)?.to_owned(),
        to: header("To")?.to_owned(),
        subject: decoded(header("Subject")?),
        at: timestamp(date.timestamp_micros()),
    })
}

/// A header with its encoded words (RFC 2047, base64 as lettre writes them) as text.
fn decoded(header: &str) -> String {
    use base64::Engine;
    let (mut text, mut after_word) = (Vec::new(), false);
    for word in header.split(' ') {
        let coded = word.strip_prefix("=?utf-8?b?").and_then(|w| w.strip_suffix("?="));
        let bytes = coded.and_then(|c| base64::engine::general_purpose::STANDARD.decode(c).ok());
        // Blanks between two encoded words only part them.
        if !(text.is_empty() || after_word && bytes.is_some()) {
            text.push(b' ');
        }
        after_word = bytes.is_some();
        text.extend(bytes.unwrap_or_else(|| word.as_bytes().to_vec()));
    }
    String::from_utf8_lossy(&text).into_owned()
}
