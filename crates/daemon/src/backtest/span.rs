//! The moments of a backtest.

use chrono::{Days, Months, NaiveDateTime, TimeDelta};
use tidings_schema::{Now, calendar};

/// In microseconds.
const HOUR: i64 = 3_600_000_000;

/// How far apart the moments are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepOf {
    /// An hour.
    Hour,
    /// A day: the same time of each.
    Day,
    /// Seven days.
    Week,
    /// A month: the same day of each, or its last.
    Month,
}

/// From a moment to another, both included.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// The first moment.
    pub from: Now,
    /// None is later than this.
    pub to: Now,
    /// How far apart they are.
    pub step: StepOf,
}

impl Span {
    /// How many moments are replayed at most.
    pub const MOST: usize = 20_000;

    /// The moment, in microseconds since 1970 UTC, that is one step before the first.
    pub fn before(&self) -> i64 {
        let civil = self.from.civil();
        let before = match self.step {
            StepOf::Hour => return self.from.micros.saturating_sub(HOUR),
            StepOf::Day => civil.checked_sub_days(Days::new(1)),
            StepOf::Week => civil.checked_sub_days(Days::new(7)),
            StepOf::Month => civil.checked_sub_months(Months::new(1)),
        };
        before.map_or(i64::MIN, |civil| calendar::instant(civil, self.from.zone))
    }

    /// The moments, ascending. Where clocks go forward over one it is the first after the gap; where they go back over
    /// it, the first of the two. Where there are more than [`Span::MOST`] it is one more than that.
    pub fn moments(&self) -> Vec<Now> {
        let zone = self.from.zone;
        let civil = self.from.civil();
        let mut moments: Vec<Now> = Vec::new();
        for n in 0..=Span::MOST as u32 {
            let micros = match self.step {
                // Hours are counted by the clock that never jumps.
                StepOf::Hour => Some(self.from.micros.saturating_add(i64::from(n) * HOUR)),
                step => after(step, civil, n).map(|civil| calendar::instant(civil, zone)),
            };
            let Some(micros) = micros.filter(|micros| *micros <= self.to.micros) else { break };
            if moments.last().is_none_or(|last| last.micros < micros) {
                moments.push(Now { micros, zone });
            }
        }
        moments
    }
}

fn after(step: StepOf, civil: NaiveDateTime, n: u32) -> Option<NaiveDateTime> {
    match step {
        StepOf::Hour => civil.checked_add_signed(TimeDelta::hours(i64::from(n))),
        StepOf::Day => civil.checked_add_days(Days::new(u64::from(n))),
        StepOf::Week => civil.checked_add_days(Days::new(7 * u64::from(n))),
        StepOf::Month => civil.checked_add_months(Months::new(n)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use chrono_tz::Tz;

    #[test]
    fn steps_keep_the_time_of_day_through_changes_of_clocks() {
        let civil = |from: &str, to: &str, step| {
            let at = |text: &str| Now::parse(text, Tz::Europe__Berlin).unwrap();
            let span = Span { from: at(from), to: at(to), step };
            span.moments().iter().map(|now| now.civil().format("%m-%d %H:%M").to_string()).collect::<Vec<_>>()
        };
        assert_eq!(
            civil("2026-03-28T02:30", "2026-03-30T02:30", StepOf::Day),
            ["03-28 02:30", "03-29 03:00", "03-30 02:30"]
        );
        assert_eq!(
            civil("2026-10-25T01:00", "2026-10-25T03:00", StepOf::Hour),
            ["10-25 01:00", "10-25 02:00", "10-25 02:00", "10-25 03:00"]
        );
        assert_eq!(
            civil("2026-01-31", "2026-03-31", StepOf::Month),
            ["01-31 00:00", "02-28 00:00", "03-31 00:00"]
        );
        assert_eq!(civil("2026-01-01", "2026-01-14", StepOf::Week), ["01-01 00:00", "01-08 00:00"]);
        assert!(civil("2026-01-02", "2026-01-01", StepOf::Day).is_empty());
        assert_eq!(civil("1970-01-01", "2026-01-01", StepOf::Hour).len(), Span::MOST + 1);
    }
}
