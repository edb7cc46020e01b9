//! Moments as tests write them: on the calendar, or so long before or after another one.

use chrono::{Days, Months, NaiveDateTime, TimeDelta};
use tidings_schema::{Now, calendar};

/// A length of time on the calendar: days and longer keep the time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Length {
    count: u32,
    unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Minutes,
    Hours,
    Days,
    Months,
}

impl Length {
    /// `1 day`, `90 minutes`, `3 weeks`, `2 months`.
    pub(crate) fn parse(text: &str) -> Option<Length> {
        let (count, unit) = text.trim().split_once(' ')?;
        let count: u32 = count.parse().ok()?;
        let (unit, times) = match unit.trim().trim_end_matches('s') {
            "minute" => (Unit::Minutes, 1),
            "hour" => (Unit::Hours, 1),
            "day" => (Unit::Days, 1),
            "week" => (Unit::Days, 7),
            "month" => (Unit::Months, 1),
            "year" => (Unit::Months, 12),
            _ => return None,
        };
        Some(Length { count: count.checked_mul(times)?, unit })
    }

    /// So long after a moment; none where no calendar goes that far.
    pub(crate) fn after(self, now: Now) -> Option<Now> {
        self.moved(
            now,
            |civil, days| civil.checked_add_days(days),
            |civil, months| civil.checked_add_months(months),
            1,
        )
    }

    /// So long before it.
    pub(crate) fn before(self, now: Now) -> Option<Now> {
        self.moved(
            now,
            |civil, days| civil.checked_sub_days(days),
            |civil, months| civil.checked_sub_months(months),
            -1,
        )
    }

    fn moved(
        self,
        now: Now,
        by_days: fn(NaiveDateTime, Days) -> Option<NaiveDateTime>,
        by_months: fn(NaiveDateTime, Months) -> Option<NaiveDateTime>,
        sign: i64,
    ) -> Option<Now> {
        let exactly = |each: TimeDelta| {
            let micros = each.num_microseconds()?.checked_mul(i64::from(self.count))?.checked_mul(sign)?;
            now.micros.checked_add(micros)
        };
        let micros = match self.unit {
            Unit::Minutes => exactly(TimeDelta::minutes(1))?,
            Unit::Hours => exactly(TimeDelta::hours(1))?,
            Unit::Days => {
                calendar::instant(by_days(now.civil(), Days::new(u64::from(self.count)))?, now.zone)
            }
            Unit::Months => calendar::instant(by_months(now.civil(), Months::new(self.count))?, now.zone),
        };
        Some(Now { micros, ..now })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn days_keep_the_time_of_day_and_hours_do_not() {
        let at = |text| Now::parse(text, chrono_tz::Europe::London).unwrap();
        let later = |text, length| Length::parse(length).unwrap().after(at(text)).unwrap();
        assert_eq!(later("2026-03-28T10:00", "1 day"), at("2026-03-29T10:00"));
        assert_eq!(later("2026-03-28T10:00", "24 hours"), at("2026-03-29T11:00"));
        assert_eq!(later("2026-01-31T10:00", "1 month"), at("2026-02-28T10:00"));
        assert_eq!(Length::parse("2 weeks").unwrap().before(at("2026-03-15")).unwrap(), at("2026-03-01"));
        assert_eq!(Length::parse("1 fortnight"), None);
        assert_eq!(Length::parse("4000000000 years"), None);
    }
}
