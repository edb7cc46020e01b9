//! Signatures after Standard Webhooks: HMAC-SHA-256 over `id.timestamp.body`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// How old a signed request may be, or how far ahead, in seconds.
const TOLERANCE: u64 = 300;

/// The header fields of a request that is signed after Standard Webhooks.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// `webhook-id`
    pub id: &'a str,
    /// `webhook-timestamp`, in seconds since 1970.
    pub timestamp: &'a str,
    /// `webhook-signature`: one or several, with blanks between them.
    pub signature: &'a str,
}

/// The value of `webhook-signature`. `timestamp` is in seconds. A secret that begins with `whsec_` is base64.
pub(crate) fn signature(secret: &str, id: &str, timestamp: i64, body: &str) -> Result<String, String> {
    let mac = mac(secret, id, timestamp, body.as_bytes())?;
    Ok(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

/// Whether a request is signed with a secret, lately. `now` is in microseconds since 1970.
pub(crate) fn verify(secret: &str, signed: &Signed<'_>, body: &[u8], now: i64) -> Result<(), String> {
    let timestamp: i64 =
        signed.timestamp.parse().map_err(|_| "webhook-timestamp is no number of seconds".to_owned())?;
    if timestamp.abs_diff(now / 1_000_000) > TOLERANCE {
        return Err("webhook-timestamp is more than five minutes from now".into());
    }
    let mac = mac(secret, signed.id, timestamp, body)?;
    let proofs = signed.signature.split(' ').filter_map(|s| STANDARD.decode(s.strip_prefix("v1,")?).ok());
    if proofs.into_iter().any(|proof| mac.clone().verify_slice(&proof).is_ok()) {
        return Ok(());
    }
    Err("no webhook-signature is that of this secret".into())
}

fn mac(secret: &str, id: &str, timestamp: i64, body: &[u8]) -> Result<Hmac<Sha256>, String> {
    let secret = match secret.strip_prefix("whsec_") {
        Some(coded) => {
            STANDARD.decode(coded).map_err(|_| "the signing secret after whsec_ is not base64".to_owned())?
        }
        None => secret.as_bytes().to_vec(),
    };
    let mut mac = Hmac::<Sha256>::new_from_slice(&secret).map_err(|e| e.to_string())?;
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    Ok(mac)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification.
    #[test]
    fn the_published_example_comes_out() {
        let made = signature(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            "{\"test\": 2432232314}",
        );
        assert_eq!(made.unwrap(), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert!(signature("whsec_***", "a", 0, "").is_err());
    }
}
