//! Numbers and keys as servers write them.

use tidings_schema::Raw;

/// A decimal number without zeros at its end, as a whole number where it is one.
pub(crate) fn decimal(written: &str) -> Raw<'_> {
    let short = match written.contains('.') {
        true => written.trim_end_matches('0').trim_end_matches('.'),
        false => written,
    };
    match short.parse() {
        Ok(whole) => Raw::Int(whole),
        Err(_) => Raw::Text(short),
    }
}

/// The decimal number that a small float stands for: 0.1, and not 0.10000000149011612.
pub(crate) fn widened(x: f32) -> f64 {
    if x.is_finite() { x.to_string().parse().unwrap_or_else(|_| x.into()) } else { x.into() }
}

/// Whether it is a decimal number of a size that keys have.
pub(crate) fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    [whole, fraction]
        .iter()
        .all(|part| (1..=100).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit()))
}

/// Whether it is written as UUIDs are.
pub(crate) fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}
