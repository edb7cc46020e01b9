//! PostgreSQL's binary values.

use crate::customers::reader::Kind;
use crate::customers::written::{decimal, widened};
use std::fmt::Write;
use tidings_schema::Raw;

/// From 1970 to 2000, when PostgreSQL's time begins.
const DAYS: i32 = 10_957;
const MICROS: i64 = 946_684_800_000_000;

/// A value; none where it is text that is not UTF-8, or not what its kind says.
pub(crate) fn raw<'a>(kind: Kind, bytes: &'a [u8], scratch: &'a mut String) -> Option<Raw<'a>> {
    scratch.clear();
    Some(match (kind, bytes) {
        (Kind::Truth, [truth]) => Raw::Int(i64::from(*truth != 0)),
        (Kind::Int, _) => Raw::Int(int(bytes)?),
        (Kind::Real, [a, b, c, d]) => Raw::Real(widened(f32::from_be_bytes([*a, *b, *c, *d]))),
        (Kind::Real, _) => Raw::Real(f64::from_be_bytes(bytes.try_into().ok()?)),
        (Kind::Decimal, _) => numeric(bytes, scratch)?,
        (Kind::Bits, [a, b, c, d, bits @ ..]) => {
            bit_string(usize::try_from(i32::from_be_bytes([*a, *b, *c, *d])).ok()?, bits, scratch)
        }
        (Kind::Day, _) => match i32::from_be_bytes(bytes.try_into().ok()?) {
            i32::MAX => Raw::Text("infinity"),
            i32::MIN => Raw::Text("-infinity"),
            days => Raw::Day(days.saturating_add(DAYS)),
        },
        (Kind::Civil | Kind::Instant, _) => match i64::from_be_bytes(bytes.try_into().ok()?) {
            i64::MAX => Raw::Text("infinity"),
            i64::MIN => Raw::Text("-infinity"),
            micros if kind == Kind::Civil => Raw::Civil(micros.saturating_add(MICROS)),
            micros => Raw::Instant(micros.saturating_add(MICROS)),
        },
        (Kind::Span, _) => span(bytes, scratch)?,
        (Kind::Padded, _) => Raw::Text(std::str::from_utf8(bytes).ok()?.trim_end_matches(' ')),
        (Kind::Uuid, _) => {
            for (i, byte) in bytes.iter().enumerate() {
                let dash = if matches!(i, 4 | 6 | 8 | 10) { "-" } else { "" };
                write!(scratch, "{dash}{byte:02x}").ok()?;
            }
            Raw::Text(scratch)
        }
        _ => Raw::Text(std::str::from_utf8(bytes).ok()?),
    })
}

fn int(bytes: &[u8]) -> Option<i64> {
    Some(match bytes {
        [a, b] => i16::from_be_bytes([*a, *b]).into(),
        [a, b, c, d] => i32::from_be_bytes([*a, *b, *c, *d]).into(),
        _ => i64::from_be_bytes(bytes.try_into().ok()?),
    })
}

/// Groups of four digits, of which the first stands so many groups before the point.
fn numeric<'a>(bytes: &[u8], scratch: &'a mut String) -> Option<Raw<'a>> {
    let [_, _, w0, w1, s0, s1, _, _, groups @ ..] = bytes else { return None };
    let (weight, sign) = (i16::from_be_bytes([*w0, *w1]), u16::from_be_bytes([*s0, *s1]));
    match sign {
        0xd000 => return Some(Raw::Real(f64::INFINITY)),
        0xf000 => return Some(Raw::Real(f64::NEG_INFINITY)),
        0xc000 => return Some(Raw::Real(f64::NAN)),
        _ => {}
    }
    let mut groups = groups.chunks_exact(2).map(|g| match g {
        [a, b] => u16::from_be_bytes([*a, *b]),
        _ => 0,
    });
    if sign != 0 {
        scratch.push('-');
    }
    if weight < 0 {
        scratch.push('0');
    }
    for i in 0..=weight {
        let group = groups.next().unwrap_or(0);
        if i == 0 { write!(scratch, "{group}").ok()? } else { four(group, scratch) }
    }
    let mut rest = groups.peekable();
    if rest.peek().is_some() {
        scratch.push('.');
        (weight + 1..0).for_each(|_| scratch.push_str("0000"));
        rest.for_each(|group| four(group, scratch));
    }
    Some(decimal(scratch))
}

/// A group in four digits.
fn four(group: u16, text: &mut String) {
    for digit in [group / 1000, group / 100, group / 10, group] {
        text.push(char::from(b'0' + (digit % 10) as u8));
    }
}

fn bit_string<'a>(count: usize, bits: &[u8], scratch: &'a mut String) -> Raw<'a> {
    let bit = |i: usize| bits.get(i / 8).is_some_and(|byte| byte >> (7 - i % 8) & 1 == 1);
    if count < 64 {
        return Raw::Int((0..count).fold(0, |number, i| number << 1 | i64::from(bit(i))));
    }
    scratch.extend((0..count).map(|i| if bit(i) { '1' } else { '0' }));
    Raw::Text(scratch)
}

/// A length of time in seconds. Months have none.
fn span<'a>(bytes: &[u8], scratch: &'a mut String) -> Option<Raw<'a>> {
    let (micros, rest) = bytes.split_first_chunk::<8>()?;
    let (days, rest) = rest.split_first_chunk::<4>()?;
    let (micros, days) = (i64::from_be_bytes(*micros), i32::from_be_bytes(*days));
    let months = i32::from_be_bytes(rest.try_into().ok()?);
    if months != 0 {
        write!(scratch, "{months} months {days} days {micros} microseconds").ok()?;
        return Some(Raw::Text(scratch));
    }
    let micros = i128::from(micros) + i128::from(days) * 86_400_000_000;
    let (sign, size) = (if micros < 0 { "-" } else { "" }, micros.unsigned_abs());
    write!(scratch, "{sign}{}", size / 1_000_000).ok()?;
    if size % 1_000_000 != 0 {
        write!(scratch, ".{:06}", size % 1_000_000).ok()?;
    }
    scratch.push_str(" seconds");
    Some(Raw::Text(scratch))
}
