//! Dates: counts of calendar units, anniversaries, the days of moments.

use crate::calendar::{Memory, Offsets};
use crate::column::{Column, Values};
use crate::spare::Spare;
use tidings_schema::calendar::{elapsed, last_anniversary, next_anniversary};
use tidings_schema::{ElapsedUnit, Now};

/// What is asked of each day, seen from today.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Question {
    /// Whole units from it to today.
    Since(ElapsedUnit),
    /// Whole units from today to it.
    Until(ElapsedUnit),
    /// The next day on which it comes round, today included.
    Next,
    /// The last day on which it came round, today included.
    Last,
}

/// The answer for each date.
pub(crate) fn ask(
    question: Question,
    dates: &Column,
    now: Now,
    memory: &mut Memory,
    spare: &mut Spare,
) -> Column {
    let today = now.today();
    let answer = |day: i32| match question {
        Question::Since(unit) => elapsed(unit, day, today),
        Question::Until(unit) => elapsed(unit, today, day),
        Question::Next => i64::from(next_anniversary(day, today)),
        Question::Last => i64::from(last_anniversary(day, today)),
    };
    let dates = &*dates.wide();
    let Values::Int(days) = &dates.values else { return Column::missing(dates.len()) };
    let mut answers = spare.ints();
    // A date that is known fits; what stands where one is missing need not.
    let fitting = |day: i64| day.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32;
    let days = days.iter().map(|day| fitting(*day));
    match dates.known.as_ref().filter(|_| !memory.is_worth(dates.len())) {
        // Counting months from a date beyond the calendar is not worth it where the date means nothing.
        Some(known) => {
            answers.extend(days.enumerate().map(|(i, day)| if known.contains(i) { answer(day) } else { 0 }))
        }
        None if memory.is_worth(dates.len()) => memory.recall(today, days, answer, &mut answers),
        None => answers.extend(days.map(answer)),
    }
    Column::ints(answers, dates.known.as_ref().map(|known| spare.copy(known)))
}

/// The day of each moment in the zone.
pub(crate) fn date_of(moments: &Column, now: Now, offsets: &mut Offsets, spare: &mut Spare) -> Column {
    let Values::Int(micros) = &moments.values else { return Column::missing(moments.len()) };
    let mut days = spare.ints();
    days.extend(micros.iter().map(|micros| i64::from(offsets.day_of(*micros, now))));
    Column::ints(days, moments.known.as_ref().map(|known| spare.copy(known)))
}
