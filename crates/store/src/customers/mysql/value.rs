//! MySQL's and MariaDB's binary values.

use crate::customers::reader::Kind;
use crate::customers::written::{decimal, widened};
use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use sqlx::mysql::MySqlRow;
use sqlx::{Decode, MySql, Row};
use std::fmt::Write;
use tidings_schema::{Raw, calendar};

/// What the server sent for a column; none where there is nothing. A date of zeros is no value to the driver, so its own
/// test for nothing is of no use.
pub(crate) fn bytes(row: &MySqlRow, column: usize) -> Option<&[u8]> {
    row.try_get_raw(column).ok().and_then(|value| <&[u8] as Decode<MySql>>::decode(value).ok())
}

/// A value; none where it is text that is not UTF-8, or not what its kind says.
pub(crate) fn raw<'a>(kind: Kind, bytes: &'a [u8], scratch: &'a mut String) -> Option<Raw<'a>> {
    scratch.clear();
    Some(match (kind, bytes) {
        (Kind::Int, _) => Raw::Int(match bytes {
            [a] => i8::from_le_bytes([*a]).into(),
            [a, b] => i16::from_le_bytes([*a, *b]).into(),
            [a, b, c, d] => i32::from_le_bytes([*a, *b, *c, *d]).into(),
            _ => i64::from_le_bytes(bytes.try_into().ok()?),
        }),
        (Kind::Unsigned, _) => unsigned(bytes.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b)), scratch)?,
        (Kind::Bits, _) => unsigned(bytes.iter().fold(0, |n, b| n << 8 | u64::from(*b)), scratch)?,
        (Kind::Real, [a, b, c, d]) => Raw::Real(widened(f32::from_le_bytes([*a, *b, *c, *d]))),
        (Kind::Real, _) => Raw::Real(f64::from_le_bytes(bytes.try_into().ok()?)),
        (Kind::Decimal, _) => decimal(std::str::from_utf8(bytes).ok()?),
        (Kind::Day | Kind::Civil | Kind::Instant, _) => time(kind, bytes, scratch)?,
        (Kind::Clock, _) => clock(bytes, scratch)?,
        _ => Raw::Text(std::str::from_utf8(bytes).ok()?),
    })
}

fn unsigned(number: u64, scratch: &mut String) -> Option<Raw<'_>> {
    if let Ok(whole) = i64::try_from(number) {
        return Some(Raw::Int(whole));
    }
    write!(scratch, "{number}").ok()?;
    Some(Raw::Text(scratch))
}

/// A length, then a date, then perhaps a time, then perhaps microseconds. Days that there are not, such as
/// 0000-00-00, come as text.
fn time<'a>(kind: Kind, bytes: &[u8], scratch: &'a mut String) -> Option<Raw<'a>> {
    let mut parts = [0; 11];
    parts.iter_mut().zip(bytes.iter().skip(1)).for_each(|(part, byte)| *part = *byte);
    let [y0, y1, month, day, hour, minute, second, micros @ ..] = parts;
    let (year, micros) = (u16::from_le_bytes([y0, y1]), u32::from_le_bytes(micros));
    let date = NaiveDate::from_ymd_opt(year.into(), month.into(), day.into());
    let time = NaiveTime::from_hms_micro_opt(hour.into(), minute.into(), second.into(), micros);
    let (Some(date), Some(time), 1..) = (date, time, year) else {
        write!(scratch, "{year:04}-{month:02}-{day:02}").ok()?;
        return Some(Raw::Text(scratch));
    };
    let micros = NaiveDateTime::new(date, time).and_utc().timestamp_micros();
    Some(match kind {
        Kind::Day => Raw::Day(calendar::day_number(date)),
        Kind::Civil => Raw::Civil(micros),
        _ => Raw::Instant(micros),
    })
}

/// A length, whether it is negative, days, hours, minutes, seconds, and perhaps microseconds.
fn clock<'a>(bytes: &[u8], scratch: &'a mut String) -> Option<Raw<'a>> {
    let mut parts = [0; 12];
    parts.iter_mut().zip(bytes.iter().skip(1)).for_each(|(part, byte)| *part = *byte);
    let [negative, d0, d1, d2, d3, hours, minutes, seconds, micros @ ..] = parts;
    let hours = u32::from_le_bytes([d0, d1, d2, d3]) * 24 + u32::from(hours);
    let sign = if negative == 0 { "" } else { "-" };
    write!(scratch, "{sign}{hours:02}:{minutes:02}:{seconds:02}").ok()?;
    let micros = u32::from_le_bytes(micros);
    if micros != 0 {
        write!(scratch, ".{micros:06}").ok()?;
    }
    Some(Raw::Text(scratch))
}
