//! The link by which somebody unsubscribes: it names the customer and the channel, and cannot be forged.

mod page;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
pub use page::{CONTENT_SECURITY_POLICY, Page};
use sha2::Sha256;

/// The page's address with a token for a customer in a channel.
pub fn link(page: &str, secret: &[u8], channel: &str, customer: &str) -> String {
    let said = URL_SAFE_NO_PAD.encode(format!("{channel}\0{customer}"));
    let proof = URL_SAFE_NO_PAD.encode(proof(secret, &said).finalize().into_bytes());
    let sign = if page.contains('?') { '&' } else { '?' };
    format!("{page}{sign}t={said}.{proof}")
}

/// The channel and the customer of a token, if the secret made it.
pub fn read(token: &str, secret: &[u8]) -> Option<(String, String)> {
    let (said, told) = token.split_once('.')?;
    proof(secret, said).verify_slice(&URL_SAFE_NO_PAD.decode(told).ok()?).ok()?;
    let said = String::from_utf8(URL_SAFE_NO_PAD.decode(said).ok()?).ok()?;
    said.split_once('\0').map(|(channel, customer)| (channel.to_owned(), customer.to_owned()))
}

fn proof(secret: &[u8], said: &str) -> Hmac<Sha256> {
    // HMAC takes a secret of any length; a longer one than a block is hashed first, as it would do itself.
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap_or_else(|_| Hmac::new(&Default::default()));
    mac.update(b"unsubscribe\0");
    mac.update(said.as_bytes());
    mac
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_the_secret_makes_tokens() {
        let link = link("https://shop.example/u?l=zh", b"secret", "email", "c 1");
        let token = link.strip_prefix("https://shop.example/u?l=zh&t=").unwrap();
        assert_eq!(read(token, b"secret"), Some(("email".into(), "c 1".into())));
        assert_eq!(read(token, b"another"), None);
        let (_, proof) = token.split_once('.').unwrap();
        let other = URL_SAFE_NO_PAD.encode("email\0c 2");
        assert_eq!(read(&format!("{other}.{proof}"), b"secret"), None);
        assert_eq!(read("", b"secret"), None);
    }
}
