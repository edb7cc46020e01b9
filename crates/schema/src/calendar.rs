//! Civil time: instants to days and back in one zone, and whole units between days. Reads no clock.

use crate::types::ElapsedUnit;
use chrono::{
    DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc,
};
use chrono_tz::Tz;

/// Days from 0001-01-01 to 1970-01-01, as chrono counts them.
const EPOCH: i32 = 719_163;
/// Microseconds in a second.
pub const SECOND: i64 = 1_000_000;

/// The moment for which everything is computed, fixed for a whole run, and the zone of its days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Microseconds since 1970 UTC.
    pub micros: i64,
    /// The project's zone.
    pub zone: Tz,
}

impl Now {
    /// An instant seen from a zone.
    pub fn new(instant: DateTime<Utc>, zone: Tz) -> Now {
        Now { micros: instant.timestamp_micros(), zone }
    }

    /// Midnight at the start of a day in a zone.
    pub fn midnight(date: NaiveDate, zone: Tz) -> Now {
        Now { micros: instant(date.and_time(NaiveTime::MIN), zone), zone }
    }

    /// A day (its midnight) or a civil time in a zone, or an instant with its own offset: `2026-11-11`,
    /// `2026-11-11T10:00`, `2026-11-11 10:00:00`, `2026-11-11T10:00:00+08:00`.
    pub fn parse(text: &str, zone: Tz) -> Option<Now> {
        if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
            return Some(Now::new(instant.to_utc(), zone));
        }
        let to_the_minute = ["%Y-%m-%dT%H:%M%#z", "%Y-%m-%d %H:%M%#z"];
        if let Some(instant) = to_the_minute.iter().find_map(|form| DateTime::parse_from_str(text, form).ok())
        {
            return Some(Now::new(instant.to_utc(), zone));
        }
        if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
            return Some(Now::midnight(date, zone));
        }
        let forms = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"];
        let civil = forms.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())?;
        Some(Now { micros: instant(civil, zone), zone })
    }

    /// The civil time in the zone.
    pub fn civil(self) -> NaiveDateTime {
        civil(self.micros, self.zone)
    }

    /// Today, in days since 1970-01-01.
    pub fn today(self) -> i32 {
        day_number(self.civil().date())
    }

    /// The same time of day, some days earlier.
    #[must_use]
    pub fn days_ago(self, days: u32) -> Now {
        let civil = self.civil();
        let date = civil.date().checked_sub_days(Days::new(u64::from(days))).unwrap_or(NaiveDate::MIN);
        Now { micros: instant(date.and_time(civil.time()), self.zone), zone: self.zone }
    }

    /// The same time of day, some days later.
    #[must_use]
    pub fn days_later(self, days: u32) -> Now {
        let civil = self.civil();
        let date = civil.date().checked_add_days(Days::new(u64::from(days))).unwrap_or(NaiveDate::MAX);
        Now { micros: instant(date.and_time(civil.time()), self.zone), zone: self.zone }
    }
}

/// The civil time of an instant (microseconds since 1970 UTC) in a zone.
/// Instants beyond chrono's range read as its first or last day.
pub fn civil(micros: i64, zone: Tz) -> NaiveDateTime {
    let utc = DateTime::from_timestamp_micros(micros).unwrap_or(if micros < 0 {
        DateTime::<Utc>::MIN_UTC
    } else {
        DateTime::<Utc>::MAX_UTC
    });
    // A day of room on both sides, since the zone moves the time by up to 26 hours.
    let room = TimeDelta::days(2);
    let utc = utc.clamp(DateTime::<Utc>::MIN_UTC + room, DateTime::<Utc>::MAX_UTC - room);
    utc.with_timezone(&zone).naive_local()
}

/// The day of an instant in a zone, in days since 1970-01-01.
pub fn day_of(micros: i64, zone: Tz) -> i32 {
    day_number(civil(micros, zone).date())
}

/// The instant of a civil time: where clocks go forward over it the first instant after the gap, where
/// they go back and it comes twice the first of the two. Microseconds since 1970 UTC.
pub fn instant(local: NaiveDateTime, zone: Tz) -> i64 {
    use chrono::offset::LocalResult::{Ambiguous, None, Single};
    match zone.from_local_datetime(&local) {
        Single(t) | Ambiguous(t, _) => t.timestamp_micros(),
        None => after_gap(local, zone),
    }
}

/// The first instant after the gap in which a civil time falls: the offset from before the gap, applied
/// to the civil time, is later than the gap's end by as much as the time is inside the gap.
fn after_gap(local: NaiveDateTime, zone: Tz) -> i64 {
    // No zone has had a gap of more than a day and some minutes (Samoa and Kwajalein left out a whole day).
    let mut probe = local;
    for _ in 0..=26 * 4 {
        probe += TimeDelta::minutes(15);
        if let Some(t) = zone.from_local_datetime(&probe).earliest() {
            return first_of_offset(t.timestamp(), zone) * SECOND;
        }
    }
    local.and_utc().timestamp_micros()
}

/// The first second that has the zone's offset of second `t`, which came less than 15 minutes before it.
fn first_of_offset(t: i64, zone: Tz) -> i64 {
    let offset = |s: i64| {
        let at = DateTime::from_timestamp(s, 0).unwrap_or_default();
        civil(s.saturating_mul(SECOND), zone).signed_duration_since(at.naive_utc())
    };
    let here = offset(t);
    let (mut before, mut after) = (t - 900, t);
    while after - before > 1 {
        let middle = before + (after - before) / 2;
        if offset(middle) == here { after = middle } else { before = middle }
    }
    after
}

/// Days since 1970-01-01.
pub fn day_number(date: NaiveDate) -> i32 {
    date.num_days_from_ce() - EPOCH
}

/// The date of a day number; beyond chrono's range its last day.
pub fn date(day: i32) -> NaiveDate {
    day.checked_add(EPOCH).and_then(NaiveDate::from_num_days_from_ce_opt).unwrap_or(if day < 0 {
        NaiveDate::MIN
    } else {
        NaiveDate::MAX
    })
}

/// Midnight at the start of a day in a zone, in microseconds since 1970 UTC.
pub fn start_of_day(day: i32, zone: Tz) -> i64 {
    instant(date(day).and_time(NaiveTime::MIN), zone)
}

/// Whole units from one day to another, negative where `to` is the earlier. Months count when the day of
/// the month is reached, or the month's last day where it has no such day.
pub fn elapsed(unit: ElapsedUnit, from: i32, to: i32) -> i64 {
    let days = i64::from(to) - i64::from(from);
    match unit {
        ElapsedUnit::Days => days,
        ElapsedUnit::Weeks => days / 7,
        ElapsedUnit::Months if days < 0 => -elapsed(unit, to, from),
        ElapsedUnit::Months => {
            let (a, b) = (date(from), date(to));
            let months = i64::from(b.year() - a.year()) * 12 + i64::from(b.month()) - i64::from(a.month());
            let reached = a.checked_add_months(Months::new(months.max(0) as u32)).is_some_and(|m| m <= b);
            if reached { months } else { months - 1 }
        }
    }
}

/// The day on which a yearly date next comes round, today included. 29 February is the 28th in other years.
pub fn next_anniversary(day: i32, today: i32) -> i32 {
    in_year(date(day), date(today).year())
        .filter(|d| day_number(*d) >= today)
        .or_else(|| in_year(date(day), date(today).year() + 1))
        .map_or(today, day_number)
}

/// The day on which a yearly date last came round, today included. 29 February is the 28th in other years.
pub fn last_anniversary(day: i32, today: i32) -> i32 {
    in_year(date(day), date(today).year())
        .filter(|d| day_number(*d) <= today)
        .or_else(|| in_year(date(day), date(today).year() - 1))
        .map_or(today, day_number)
}

fn in_year(born: NaiveDate, year: i32) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(year, born.month(), born.day()).or(NaiveDate::from_ymd_opt(
        year,
        born.month(),
        28,
    ))
}

/// The day that lies some months before another one; the month's last day where it has no such day.
pub fn months_before(day: i32, months: u32) -> i32 {
    day_number(date(day).checked_sub_months(Months::new(months)).unwrap_or(NaiveDate::MIN))
}
