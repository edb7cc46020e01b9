//! The token in a return path: a key in hexadecimal digits, `-`, and 16 digits that only the secret makes.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::collections::BTreeSet;
use tidings_plan::Key;

const KEY: usize = 32;
const PROOF: usize = 16;
/// How long a token is, in characters.
pub(super) const LENGTH: usize = KEY + 1 + PROOF;

pub(super) fn made(key: Key, secret: &[u8]) -> String {
    let proof = hex::encode(proof(key, secret).finalize().into_bytes());
    format!("{key}-{}", proof.get(..PROOF).unwrap_or(&proof))
}

/// The keys of every token in a text that the secret made.
pub(super) fn found(text: &[u8], secret: &[u8]) -> BTreeSet<Key> {
    text.windows(LENGTH).filter_map(|window| opened(window, secret)).collect()
}

fn opened(window: &[u8], secret: &[u8]) -> Option<Key> {
    let (left, right) = window.split_at_checked(KEY)?;
    let told = hex::decode(right.strip_prefix(b"-")?).ok()?;
    let key = key(std::str::from_utf8(left).ok()?)?;
    proof(key, secret).verify_truncated_left(&told).ok()?;
    Some(key)
}

/// A key from its 32 hexadecimal digits.
pub(super) fn key(text: &str) -> Option<Key> {
    Some(Key(hex::decode(text).ok()?.try_into().ok()?))
}

fn proof(key: Key, secret: &[u8]) -> Hmac<Sha256> {
    // HMAC takes a secret of any length.
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap_or_else(|_| Hmac::new(&Default::default()));
    mac.update(b"bounce\0");
    mac.update(&key.0);
    mac
}
