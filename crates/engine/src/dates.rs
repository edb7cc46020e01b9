//! Dates: counts of calendar units, anniversaries, the days of moments.

use crate::column::Column;
use tidings_schema::calendar::{day_of, elapsed, last_anniversary, next_anniversary};
use tidings_schema::{ElapsedUnit, Now};

/// Whole units from each date to today.
pub(crate) fn since(unit: ElapsedUnit, dates: &Column, now: Now) -> Column {
    let today = now.today();
    of_days(dates, |day| elapsed(unit, day, today))
}

/// Whole units from today to each date.
pub(crate) fn until(unit: ElapsedUnit, dates: &Column, now: Now) -> Column {
    let today = now.today();
    of_days(dates, |day| elapsed(unit, today, day))
}

/// The next day on which each yearly date comes round, today included.
pub(crate) fn next(dates: &Column, now: Now) -> Column {
    let today = now.today();
    of_days(dates, |day| i64::from(next_anniversary(day, today)))
}

/// The last day on which each yearly date came round, today included.
pub(crate) fn last(dates: &Column, now: Now) -> Column {
    let today = now.today();
    of_days(dates, |day| i64::from(last_anniversary(day, today)))
}

/// The day of each moment in the zone.
pub(crate) fn date_of(moments: &Column, now: Now) -> Column {
    Column::from_ints((0..moments.len()).map(|i| Some(i64::from(day_of(moments.int(i)?, now.zone)))))
}

fn of_days(dates: &Column, of: impl Fn(i32) -> i64) -> Column {
    Column::from_ints((0..dates.len()).map(|i| Some(of(i32::try_from(dates.int(i)?).ok()?))))
}
