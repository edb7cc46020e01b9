//! Dates: counts of calendar units, anniversaries, the days of moments.

use crate::bitmap::Bitmap;
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
    let mut answers = spare.ints();
    let (known, today) = (dates.known.as_ref(), now.today());
    match &dates.values {
        // A date that is known fits; what stands where one is missing need not.
        Values::Int(days) => {
            let fitting = |day: &i64| (*day).clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32;
            ask_each(question, days.iter().map(fitting), known, today, memory, &mut answers);
        }
        Values::Short(days) => {
            ask_each(question, days.values.iter().copied(), known, today, memory, &mut answers);
        }
        _ => return Column::missing(dates.len()),
    }
    Column::ints(answers, known.map(|known| spare.copy(known)))
}

fn ask_each(
    question: Question,
    days: impl ExactSizeIterator<Item = i32>,
    known: Option<&Bitmap>,
    today: i32,
    memory: &mut Memory,
    answers: &mut Vec<i64>,
) {
    let answer = |day: i32| match question {
        Question::Since(unit) => elapsed(unit, day, today),
        Question::Until(unit) => elapsed(unit, today, day),
        Question::Next => i64::from(next_anniversary(day, today)),
        Question::Last => i64::from(last_anniversary(day, today)),
    };
    match known {
        // Sooner counted than remembered.
        _ if matches!(question, Question::Since(ElapsedUnit::Days) | Question::Until(ElapsedUnit::Days)) => {
            answers.extend(days.map(answer));
        }
        _ if memory.is_worth(days.len()) => memory.recall(today, days, answer, answers),
        // Counting months from a date beyond the calendar is not worth it where the date means nothing.
        Some(known) => {
            answers.extend(days.enumerate().map(|(i, day)| if known.contains(i) { answer(day) } else { 0 }));
        }
        None => answers.extend(days.map(answer)),
    }
}

/// The day of each moment in the zone.
pub(crate) fn date_of(moments: &Column, now: Now, offsets: &mut Offsets, spare: &mut Spare) -> Column {
    let mut days = spare.ints();
    let mut day = |micros| i64::from(offsets.day_of(micros, now));
    match &moments.values {
        Values::Int(micros) => days.extend(micros.iter().map(|micros| day(*micros))),
        Values::Short(moments) => days.extend(moments.iter().map(day)),
        _ => return Column::missing(moments.len()),
    }
    Column::ints(days, moments.known.as_ref().map(|known| spare.copy(known)))
}
