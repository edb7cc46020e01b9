//! The values of a column, from the JSON arrays that [`crate::sql::blocks`] makes.

use std::borrow::Cow;
use tidings_schema::Raw;

/// Calls back with every value of an array, in order; with none where a text or bytes are not UTF-8.
pub(crate) fn each(array: &[u8], mut take: impl FnMut(Option<Raw<'_>>)) {
    let mut rest = array.strip_prefix(b"[").unwrap_or(array);
    while let Some((cell, after)) = cell(rest) {
        match cell {
            Cell::Null => take(Some(Raw::Null)),
            Cell::Int(i) => take(Some(Raw::Int(i))),
            Cell::Marked(text) => marked(&text, &mut take),
        }
        rest = after.get(1..).unwrap_or(&[]);
    }
}

enum Cell<'a> {
    Null,
    Int(i64),
    Marked(Cow<'a, [u8]>),
}

/// The value at the beginning and what comes after it; none at the array's end.
fn cell(bytes: &[u8]) -> Option<(Cell<'_>, &[u8])> {
    if let Some(rest) = bytes.strip_prefix(b"\"") {
        return string(rest).map(|(text, after)| (Cell::Marked(text), after));
    }
    let end = bytes.iter().position(|b| matches!(b, b',' | b']'))?;
    let (word, after) = bytes.split_at(end);
    let number = std::str::from_utf8(word).ok()?;
    match number {
        "" => None,
        "null" => Some((Cell::Null, after)),
        _ => number.parse().ok().map(|i| (Cell::Int(i), after)),
    }
}

/// A string's bytes, up to the closing quote, and what comes after it.
fn string(bytes: &[u8]) -> Option<(Cow<'_, [u8]>, &[u8])> {
    let end = bytes.iter().position(|b| matches!(b, b'"' | b'\\'))?;
    let (plain, rest) = bytes.split_at(end);
    if let Some(after) = rest.strip_prefix(b"\"") {
        return Some((Cow::Borrowed(plain), after));
    }
    let mut text = plain.to_vec();
    let mut rest = rest;
    loop {
        match rest {
            [b'"', after @ ..] => return Some((Cow::Owned(text), after)),
            [b'\\', b'u', a, b, c, d, after @ ..] => {
                // SQLite escapes control signs only, so there are no pairs of surrogates.
                let code = std::str::from_utf8(&[*a, *b, *c, *d])
                    .ok()
                    .and_then(|h| u32::from_str_radix(h, 16).ok())?;
                text.extend_from_slice(char::from_u32(code)?.encode_utf8(&mut [0; 4]).as_bytes());
                rest = after;
            }
            [b'\\', sign, after @ ..] => {
                text.push(match sign {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 8,
                    b'f' => 12,
                    other => *other,
                });
                rest = after;
            }
            [byte, after @ ..] => {
                text.push(*byte);
                rest = after;
            }
            [] => return None,
        }
    }
}

fn marked(text: &[u8], take: &mut impl FnMut(Option<Raw<'_>>)) {
    match text {
        [b't', text @ ..] => take(std::str::from_utf8(text).ok().map(Raw::Text)),
        [b'r', digits @ ..] => {
            take(std::str::from_utf8(digits).ok().and_then(|d| d.parse().ok()).map(Raw::Real))
        }
        // Some programs keep text as bytes.
        [b'b', hexadecimal @ ..] => {
            let bytes = hex::decode(hexadecimal).ok();
            take(bytes.as_deref().and_then(|b| std::str::from_utf8(b).ok()).map(Raw::Text));
        }
        _ => take(None),
    }
}
