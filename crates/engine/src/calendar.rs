//! Answers about days that are kept: many customers have the same birthday, and many moments the same day.

use tidings_schema::Now;
use tidings_schema::calendar::{civil, day_of};

/// Answers to one question about the days of more than a century.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    answers: Vec<i32>,
}

/// Days before today that are remembered, and days in all.
const PAST: i32 = 50_000;
const SPAN: usize = 1 << 16;
const UNKNOWN: i32 = i32::MIN;
/// Fewer days than this are asked for sooner than a memory is made for.
const FEW: usize = 256;

impl Memory {
    pub fn is_worth(&self, days: usize) -> bool {
        days >= FEW
    }

    /// Answers for some days, always seen from the same today.
    pub fn recall(
        &mut self,
        today: i32,
        days: impl Iterator<Item = i32>,
        answer: impl Fn(i32) -> i64,
        answers: &mut Vec<i64>,
    ) {
        self.answers.resize(SPAN, UNKNOWN);
        let first = i64::from(today) - i64::from(PAST);
        answers.extend(days.map(|day| {
            let place = usize::try_from(i64::from(day) - first).ok();
            match place.and_then(|place| self.answers.get_mut(place)) {
                Some(known) => {
                    if *known == UNKNOWN {
                        // Of a day that is so near, every answer fits.
                        *known = i32::try_from(answer(day)).unwrap_or(UNKNOWN);
                    }
                    i64::from(*known)
                }
                None => answer(day),
            }
        }));
    }
}

/// How far the zone's clocks are from UTC, for UTC days on which they do not change.
#[derive(Debug, Default)]
pub(crate) struct Offsets {
    days: Vec<Offset>,
}

#[derive(Clone, Copy, Debug)]
enum Offset {
    Unasked,
    /// The same all day, in microseconds.
    Steady(i64),
    Changing,
}

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;

impl Offsets {
    /// The day of an instant in the zone of a moment, the zone being always the same.
    pub fn day_of(&mut self, micros: i64, now: Now) -> i32 {
        let first = now.micros.div_euclid(DAY) - i64::from(PAST);
        let day = micros.div_euclid(DAY);
        let Some(place) = usize::try_from(day - first).ok().filter(|place| *place < SPAN) else {
            return day_of(micros, now.zone);
        };
        if self.days.is_empty() {
            self.days.resize(SPAN, Offset::Unasked);
        }
        let Some(offset) = self.days.get_mut(place) else { return day_of(micros, now.zone) };
        if let Offset::Unasked = offset {
            *offset = steady(day * DAY, now);
        }
        match offset {
            Offset::Steady(offset) => (micros + *offset).div_euclid(DAY) as i32,
            Offset::Unasked | Offset::Changing => day_of(micros, now.zone),
        }
    }
}

/// The offset on the UTC day that begins at an instant.
fn steady(start: i64, now: Now) -> Offset {
    let offset = |micros: i64| civil(micros, now.zone).and_utc().timestamp_micros() - micros;
    let first = offset(start);
    // No zone's clocks were ever changed and changed back within an hour.
    let same = (1..=24).all(|hour| offset(start + hour * HOUR) == first);
    if same { Offset::Steady(first) } else { Offset::Changing }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A second before and after each quarter of an hour of the days around changes of clocks in zones of all kinds.
    #[test]
    fn days_are_those_of_the_calendar() {
        for zone in chrono_tz::TZ_VARIANTS.iter().step_by(7) {
            let mut offsets = Offsets::default();
            let now = Now { micros: 1_782_784_800_000_000, zone: *zone };
            for quarter in (0..96 * 400).step_by(5) {
                for micros in [-1, 0] {
                    let micros = now.micros - quarter * HOUR / 4 + micros;
                    assert_eq!(offsets.day_of(micros, now), day_of(micros, *zone), "{micros} in {zone}");
                }
            }
            for micros in [i64::MIN, -62_000_000_000_000_000, i64::MAX] {
                assert_eq!(offsets.day_of(micros, now), day_of(micros, *zone), "{micros} in {zone}");
            }
        }
    }
}
