//! Dates and times as people and programs write them, year first.

use crate::calendar;
use chrono::{Datelike, NaiveDate, NaiveTime, TimeDelta};
use chrono_tz::Tz;

/// A written date, with a time and an offset where they were written too.
pub(super) struct Civil {
    pub date: NaiveDate,
    time: NaiveTime,
    /// East of UTC.
    offset: Option<TimeDelta>,
}

impl Civil {
    /// Microseconds since 1970 UTC; `zone` is for what is written without an offset.
    pub(super) fn instant(&self, zone: Tz) -> i64 {
        let local = self.date.and_time(self.time);
        match self.offset {
            Some(offset) => (local - offset).and_utc().timestamp_micros(),
            None => calendar::instant(local, zone),
        }
    }
}

/// Whether an instant lies in the years 1 to 9999.
pub(super) fn in_range(micros: i64) -> bool {
    (-62_135_596_800_000_000..253_402_300_800_000_000).contains(&micros)
}

/// Whether a day, counted from 1970-01-01, lies in those years.
pub(super) fn has_day(day: i32) -> bool {
    i64::from(day).checked_mul(86_400_000_000).is_some_and(in_range)
}

/// The day of a number like 20261111.
pub(super) fn compact(n: i64) -> Option<NaiveDate> {
    let n = u32::try_from(n).ok().filter(|n| (10_000_101..=99_991_231).contains(n))?;
    NaiveDate::from_ymd_opt((n / 10_000) as i32, n / 100 % 100, n % 100)
}

/// `2026-11-11`, `2026/11/11`, `20261111`, each perhaps with `T09:30`, ` 09:30:00.5`, `Z`, `+08:00`.
pub(super) fn read(text: &str) -> Option<Civil> {
    let mut scan = Scan(text.as_bytes());
    let date = scan.date()?;
    let mut civil = Civil { date, time: NaiveTime::MIN, offset: None };
    if scan.0.is_empty() {
        return Some(civil);
    }
    if !scan.eat(b'T') && !scan.eat(b't') && !scan.eat(b' ') {
        return None;
    }
    scan.blanks();
    civil.time = scan.time()?;
    scan.blanks();
    if !scan.0.is_empty() {
        civil.offset = Some(scan.offset()?);
    }
    scan.0.is_empty().then_some(civil)
}

struct Scan<'a>(&'a [u8]);

impl Scan<'_> {
    fn date(&mut self) -> Option<NaiveDate> {
        let digits = self.0.iter().take_while(|b| b.is_ascii_digit()).count();
        if digits == 8 {
            return compact(i64::from(self.number(8)?));
        }
        let year = if digits == 4 { self.number(4)? } else { return None };
        let separator = *self.0.first().filter(|b| matches!(b, b'-' | b'/'))?;
        self.eat(separator);
        let month = self.number(2)?;
        let day = if self.eat(separator) { self.number(2)? } else { return None };
        NaiveDate::from_ymd_opt(year as i32, month, day).filter(|d| d.year() >= 1)
    }

    fn time(&mut self) -> Option<NaiveTime> {
        let hour = self.number(2)?;
        let minute = if self.eat(b':') { self.number(2)? } else { return None };
        let second = if self.eat(b':') { self.number(2)? } else { 0 };
        let fraction = if self.eat(b'.') || self.eat(b',') { self.fraction()? } else { 0 };
        NaiveTime::from_hms_micro_opt(hour, minute, second, fraction)
    }

    /// Microseconds; finer digits are dropped.
    fn fraction(&mut self) -> Option<u32> {
        let digits = self.0.iter().take_while(|b| b.is_ascii_digit()).count();
        let (written, rest) = self.0.split_at_checked(digits).filter(|(written, _)| !written.is_empty())?;
        self.0 = rest;
        Some(written.iter().chain([&b'0'; 6]).take(6).fold(0, |sum, b| sum * 10 + u32::from(b - b'0')))
    }

    fn offset(&mut self) -> Option<TimeDelta> {
        if self.eat(b'Z') || self.eat(b'z') {
            return Some(TimeDelta::zero());
        }
        if let Some(rest) = self.0.strip_prefix(b"UTC") {
            self.0 = rest;
            return Some(TimeDelta::zero());
        }
        let sign = if self.eat(b'+') {
            1
        } else if self.eat(b'-') {
            -1
        } else {
            return None;
        };
        let hours = self.number(2)?;
        let minutes = if self.eat(b':') || !self.0.is_empty() { self.number(2)? } else { 0 };
        let east = i64::from(hours * 60 + minutes);
        (hours <= 18 && minutes < 60).then(|| TimeDelta::minutes(sign * east))
    }

    /// One digit at least, and so many at most.
    fn number(&mut self, most: usize) -> Option<u32> {
        let digits = self.0.iter().take(most).take_while(|b| b.is_ascii_digit()).count();
        let (written, rest) = self.0.split_at_checked(digits).filter(|(written, _)| !written.is_empty())?;
        self.0 = rest;
        Some(written.iter().fold(0, |sum, b| sum * 10 + u32::from(b - b'0')))
    }

    fn eat(&mut self, byte: u8) -> bool {
        match self.0.split_first() {
            Some((first, rest)) if *first == byte => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    fn blanks(&mut self) {
        while self.eat(b' ') {}
    }
}
