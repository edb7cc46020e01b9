//! What a service's answer means.

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

impl Heard {
    /// What it means for a send. `code` is where a coupon's code stands; `keyed` says that the service knows
    /// its keys, so that a conflict is the answer to an earlier request.
    pub fn outcome(&self, code: Option<&str>, keyed: bool) -> Outcome {
        let status = self.status;
        match status.as_u16() {
            200..=299 => self.success(code),
            409 if keyed => self.success(code),
            408 | 425 | 429 | 503 => {
                Outcome::Again(format!("the service answered {status}"), self.retry_after)
            }
            // What asks for another place may have been carried out here: 303 answers many a form that was.
            302 | 303 => Outcome::Unknown(format!("the service answered {status} and points elsewhere")),
            300..=399 => Outcome::Rejected(format!(
                "the service answered {status} and points elsewhere; redirects are not followed, write the final address"
            )),
            400..=499 => Outcome::Rejected(format!("the service answered {status}")),
            _ => Outcome::Unknown(format!("the service answered {status}")),
        }
    }

    fn success(&self, code: Option<&str>) -> Outcome {
        let Some(pointer) = code else {
            return Outcome::Sent {
                provider_id: self.name("/id").or_else(|| self.name("/message_id")),
                code: None,
            };
        };
        match self.name(pointer) {
            Some(code) => Outcome::Sent { provider_id: self.name("/id"), code: Some(code) },
            None if !self.whole => {
                Outcome::Unknown(format!("the service answered {} and too much", self.status))
            }
            None => {
                Outcome::Unknown(format!("the service answered {} without a code at {pointer}", self.status))
            }
        }
    }

    /// What it means when the service was asked about a key.
    pub fn asked(&self, code: Option<&str>) -> Asked {
        match (self.status.as_u16(), code) {
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

    /// A short text or a whole number at a JSON pointer.
    fn name(&self, pointer: &str) -> Option<String> {
        if !self.whole {
            return None;
        }
        let body: Value = serde_json::from_slice(&self.body).ok()?;
        let name = match body.pointer(pointer)? {
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
