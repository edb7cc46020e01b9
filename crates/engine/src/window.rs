//! Windows of time: which rows of each customer lie in them.

use crate::classes::{Class, Scale, widened};
use crate::fold::ranks::Ranks;
use crate::planes::Planes;
use crate::spare::Spare;
use std::ops::Range;
use tidings_check::program::Window;
use tidings_schema::Now;
use tidings_schema::calendar::{day_number, day_of, months_before, start_of_day};

/// The instants of a window: from the first on, and before the second, which is never after now.
pub(crate) fn instants(window: Option<Window>, now: Now) -> Range<i64> {
    let start = |day| start_of_day(day, now.zone);
    match window {
        None => i64::MIN..now.micros,
        Some(Window::Days(days)) => {
            let days = i32::try_from(days).unwrap_or(i32::MAX);
            start(now.today().saturating_sub(days))..now.micros
        }
        Some(Window::Months(months)) => start(months_before(now.today(), months))..now.micros,
        Some(Window::Seconds(seconds)) => {
            now.micros.saturating_sub(seconds.saturating_mul(1_000_000))..now.micros
        }
        Some(Window::Between(first, last)) => {
            let from = first.map_or(i64::MIN, |day| start(day_number(day)));
            let to = last.map_or(i64::MAX, |day| start(day_number(day).saturating_add(1)));
            from..to.min(now.micros)
        }
    }
}

/// The days that begin within a stretch of instants: a date counts as its first instant.
pub(crate) fn days(within: Range<i64>, now: Now) -> Range<i64> {
    first_day(within.start, now)..first_day(within.end, now)
}

/// For each customer, the place of the first row at each of some instants or after it, one list an instant. The
/// instants ascend, and so do each customer's rows.
pub(crate) fn places<T: Copy + Default + Into<i64>>(
    offsets: &[i32],
    times: &[T],
    instants: &[i64],
    places: &mut [Vec<u32>],
    spare: &mut Spare,
) {
    match Scale::of(instants.to_vec()) {
        Some(scale) if scale.classes() < usize::from(u8::MAX) => {
            placed::<_, u8>(&scale, offsets, times, places, spare);
        }
        Some(scale) => placed::<_, u16>(&scale, offsets, times, places, spare),
        None => {}
    }
}

fn placed<T: Copy + Default + Into<i64>, C: Class>(
    scale: &Scale<i64>,
    offsets: &[i32],
    times: &[T],
    places: &mut [Vec<u32>],
    spare: &mut Spare,
) {
    let mut planes = Planes::<C>::default();
    planes.fill(times, None, |values, classes| scale.place(&widened(values, 1), classes));
    let (mut rows, mut words, mut ranks) = (spare.places(), Vec::new(), spare.places());
    rows.extend(offsets.iter().map(|row| *row as u32));
    for (i, places) in places.iter_mut().enumerate() {
        // Those that reach no more than the instants before this one.
        words.clear();
        planes.test(std::slice::from_ref(&(0..i + 1)), &mut words);
        ranks.clear();
        let earlier = Ranks::new(&words, spare);
        earlier.of(&rows, &mut ranks);
        earlier.close(spare);
        let own = ranks.iter().zip(ranks.iter().skip(1)).map(|(before, after)| after - before);
        places.extend(rows.iter().zip(own).map(|(first, earlier)| first + earlier));
    }
    [rows, ranks].into_iter().for_each(|places| spare.keep_places(places));
}

/// The first day that begins at an instant or later.
fn first_day(instant: i64, now: Now) -> i64 {
    // Clocks go back over midnight in some zones, so the day before is looked at too.
    let around = day_of(instant, now.zone).saturating_sub(1);
    let day = (around..).find(|day| start_of_day(*day, now.zone) >= instant).unwrap_or(around);
    i64::from(day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::NaiveDate;

    #[test]
    fn windows_beyond_the_calendar_reach_as_far_as_it_does() {
        let now = Now { micros: 1_782_784_800_000_000, zone: chrono_tz::America::Sao_Paulo };
        let long = [
            Window::Days(u32::MAX),
            Window::Months(u32::MAX),
            Window::Seconds(i64::MAX),
            Window::Between(Some(NaiveDate::MIN), Some(NaiveDate::MAX)),
            Window::Between(None, None),
        ];
        for window in long {
            let within = instants(Some(window), now);
            assert!(within.start < -4_000_000_000_000_000_000, "{window:?} begins at {within:?}");
            assert_eq!(within.end, now.micros, "{window:?}");
            assert!(days(within, now).contains(&-700_000), "{window:?}");
        }
    }
}
