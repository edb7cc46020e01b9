//! What a service's answer means.

use crate::config::{Conflict, OkConfig};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use serde_json::Value;
use std::time::Duration;
use tidings_plan::{Asked, Outcome};

/// How much of an answer is read, in bytes.
const ANSWER: usize = 64 * 1024;
/// Nobody is waited for longer, whatever they say.
const RETRY: Duration = Duration::from_secs(3_600);
/// How long a coupon's code or a provider's id may be.
const NAME: usize = 200;

/// An answer, read as far as it is let in.
#[derive(Debug)]
pub(crate) struct Heard {
    pub status: StatusCode,
    /// In seconds.
    pub retry_after: Option<u64>,
    /// What was read of the body, and whether that is all of it.
    pub body: Vec<u8>,
    pub whole: bool,
}

/// Reads an answer up to its bound. `now` is for a `Retry-After` that names a time.
pub(crate) async fn hear(mut response: Response, now: i64) -> Heard {
    let status = response.status();
    let retry_after = retry_after(response.headers(), now);
    let (mut body, mut whole) = (Vec::new(), false);
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= ANSWER => body.extend_from_slice(&chunk),
            Ok(None) => {
                whole = true;
                break;
            }
            Ok(Some(_)) | Err(_) => break,
        }
    }
    Heard { status, retry_after, body, whole }
}

/// How a service's answers are to be read.
pub(crate) struct Reading {
    pub ok: Option<OkConfig>,
    pub conflict: Option<Conflict>,
    /// Whether the service knows keys.
    pub keyed: bool,
}

/// What an answer with 200 says inside.
enum Inside {
    Yes,
    No,
    NotNow,
    Nothing,
}

impl Heard {
    /// What it means for a send: a definite no only where this row is meant, since it is not tried again, and
    /// perhaps goes out through another channel. `code` is where a coupon's code stands.
    pub fn outcome(&self, code: Option<&str>, reading: &Reading) -> Outcome {
        let said = format!("the service answered {}", self.status);
        match (self.status.as_u16(), reading.conflict) {
            (200..=299, _) | (409, Some(Conflict::Done)) => self.success(code, reading.ok.as_ref()),
            // "Another request with this key is under way" is a conflict too.
            (409, None) if reading.keyed => Outcome::Unknown(said),
            // The account or the address of the service is not in order, whoever the message is for.
            (401..=403 | 407, _) => {
                Outcome::Again(format!("{said}; look at the account in `headers`"), self.retry_after)
            }
            (408 | 425 | 429 | 503, _) => Outcome::Again(said, self.retry_after),
            // What asks for another place may have been carried out here: 303 answers many a form that was.
            (302 | 303, _) => Outcome::Unknown(format!("{said} and points elsewhere")),
            (300..=399, _) => Outcome::Again(
                format!("{said} and points elsewhere; redirects are not followed, write the final address"),
                None,
            ),
            (400..=499, _) => Outcome::Rejected(said),
            _ => Outcome::Unknown(said),
        }
    }

    fn success(&self, code: Option<&str>, ok: Option<&OkConfig>) -> Outcome {
        let status = self.status;
        match ok.map(|ok| (self.inside(ok), &ok.pointer.0)) {
            None | Some((Inside::Yes, _)) => {}
            Some((Inside::Nothing, at)) => {
                return Outcome::Unknown(format!(
                    "the service answered {status} and nothing readable at {at}"
                ));
            }
            Some((Inside::No, at)) => return Outcome::Rejected(self.reason(at)),
            Some((Inside::NotNow, at)) => return Outcome::Again(self.reason(at), self.retry_after),
        }
        let Some(pointer) = code else {
            return Outcome::Sent {
                provider_id: self.name("/id").or_else(|| self.name("/message_id")),
                code: None,
            };
        };
        match self.name(pointer) {
            Some(code) => Outcome::Sent { provider_id: self.name("/id"), code: Some(code) },
            None if !self.whole => Outcome::Unknown(format!("the service answered {status} and too much")),
            None => Outcome::Unknown(format!("the service answered {status} without a code at {pointer}")),
        }
    }

    /// What it means when the service was asked about a key.
    pub fn asked(&self, code: Option<&str>, ok: Option<&OkConfig>) -> Asked {
        match (self.status.as_u16(), code) {
            (200, _) if ok.is_some_and(|ok| !matches!(self.inside(ok), Inside::Yes)) => {
                Asked::CannotTell("the service answered 200 OK, and inside that it does not know".into())
            }
            (200, None) => Asked::Happened { code: None },
            (200, Some(pointer)) => match self.name(pointer) {
                Some(code) => Asked::Happened { code: Some(code) },
                None => {
                    Asked::CannotTell(format!("the service knows the key and gives no code at {pointer}"))
                }
            },
            (404, _) => Asked::DidNot,
            _ => Asked::CannotTell(format!("the service answered {}", self.status)),
        }
    }

    fn inside(&self, ok: &OkConfig) -> Inside {
        let Some(body) = self.json() else { return Inside::Nothing };
        match body.pointer(&ok.pointer.0).unwrap_or(&Value::Null) {
            said if *said == ok.equals => Inside::Yes,
            said if ok.again.contains(said) => Inside::NotNow,
            Value::Null => Inside::Nothing,
            _ => Inside::No,
        }
    }

    /// A no that stands inside an answer. An error's name is repeated; anything longer might be about the customer.
    fn reason(&self, pointer: &str) -> String {
        let plain = |name: &String| {
            name.len() <= 40 && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
        };
        let name = self.name(pointer).filter(plain).unwrap_or_else(|| "an error".into());
        format!("the service answered {} with {name} at {pointer}", self.status)
    }

    fn json(&self) -> Option<Value> {
        if self.whole { serde_json::from_slice(&self.body).ok() } else { None }
    }

    /// A short text or a whole number at a JSON pointer.
    fn name(&self, pointer: &str) -> Option<String> {
        let name = match self.json()?.pointer(pointer)? {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) if !number.is_f64() => number.to_string(),
            _ => return None,
        };
        (!name.is_empty() && name.len() <= NAME && !name.contains(char::is_control)).then_some(name)
    }
}

/// `Retry-After` in seconds or as a date, bounded. `now` is in microseconds since 1970.
pub(crate) fn retry_after(headers: &HeaderMap, now: i64) -> Option<u64> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let seconds = if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        text.parse().unwrap_or(u64::MAX)
    } else {
        let at = chrono::DateTime::parse_from_rfc2822(text).ok()?.timestamp();
        u64::try_from(at - now / 1_000_000).unwrap_or(0)
    };
    Some(seconds.min(RETRY.as_secs()))
}
