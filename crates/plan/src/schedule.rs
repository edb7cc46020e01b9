//! When rules run, over civil time: the `cron` crate iterates patterns as if civil time were UTC, and each
//! civil time becomes an instant by the project's own rule for gaps and overlaps.
//!
//! A *fixed* time (`every day at 02:30`, `cron "0 8,20 * * *"`) comes once: where clocks go forward over it at the
//! first instant after the gap, where they go back over it the first time ([`calendar::instant`]). A pattern with
//! `*` or `/` in its minute or hour is an *interval*: a time that is left out does not come, and one that comes twice
//! comes twice.

use chrono::offset::LocalResult::{Ambiguous, None as Nowhere, Single};
use chrono::{TimeDelta, TimeZone, Timelike, Utc, Weekday};
use chrono_tz::Tz;
use std::collections::VecDeque;
use std::str::FromStr;
use tidings_check::program::{CatchUp, Days, Lateness, Rule, Schedule};
use tidings_schema::Now;
use tidings_schema::calendar::{self, SECOND};

const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// A run that starts no later than this was not missed.
const PUNCTUAL: i64 = MINUTE;
/// The latest that are made up for where all are.
const MOST_CAUGHT_UP: usize = 24;
/// How far runs that are skipped are counted.
const COUNTED: usize = 1000;

/// A time at which a schedule comes. In order of their moments, and of their names where clocks went forward over
/// several.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Occurrence {
    /// When, in microseconds since 1970 UTC.
    pub at: i64,
    /// What it is called, like no other of the schedule: its day where there is one a day at most, so that another
    /// time of day makes no other occasion; else its civil time, with ` again` for the second of two; its number of
    /// seconds for an interval.
    pub name: String,
}

/// The occurrences after a moment up to another, in order. None for a rule that waits for an event.
pub fn occurrences(
    schedule: &Schedule,
    zone: Tz,
    after: i64,
    until: i64,
) -> Box<dyn Iterator<Item = Occurrence>> {
    let (pattern, both, form) = match schedule {
        Schedule::Interval(seconds) => return Box::new(interval(*seconds, after, until)),
        Schedule::On(_) => return Box::new(std::iter::empty()),
        Schedule::Daily(days, at) => (daily(days, *at), false, "%Y-%m-%d"),
        Schedule::OnTheDay(at) => (daily(&Days::All, *at), false, "%Y-%m-%d"),
        Schedule::Cron(pattern) => (pattern.clone(), is_interval(pattern), "%Y-%m-%dT%H:%M:%S"),
    };
    // The checker has read the pattern before.
    let Ok(pattern) = cron::Schedule::from_str(&pattern) else { return Box::new(std::iter::empty()) };
    // Where clocks are about to go back, times come that they show already.
    let start = calendar::civil(after, zone)
        .min(calendar::civil(after.saturating_add(DAY), zone) - TimeDelta::microseconds(DAY));
    let civil = pattern.after_owned(start.and_utc());
    let times = Times { civil, zone, both, form, ahead: None, again: VecDeque::new() };
    Box::new(times.skip_while(move |o| o.at <= after).take_while(move |o| o.at <= until))
}

/// The first occurrence after a moment.
pub fn next(schedule: &Schedule, zone: Tz, after: i64) -> Option<Occurrence> {
    occurrences(schedule, zone, after, i64::MAX).next()
}

/// The name of the latest occurrence at or before now, the same for all runs until the next. A customer's own day is
/// the day itself, also before its time of day. None where it never came.
pub fn latest_occurrence(schedule: &Schedule, now: Now) -> Option<String> {
    match schedule {
        Schedule::OnTheDay(_) => Some(now.civil().date().to_string()),
        _ => latest(schedule, now.zone, 0, now.micros, 1).pop().map(|o| o.name),
    }
}

/// What is to be done about a rule's schedule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// What runs, in order.
    pub run: Vec<Occurrence>,
    /// What does not, in order.
    pub skipped: Vec<Skipped>,
}

/// Occurrences one after the other that do not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// How many, counted up to 1,000.
    pub count: usize,
    /// The first of them.
    pub first: Occurrence,
    /// The last of them.
    pub last: Occurrence,
    /// Why.
    pub reason: &'static str,
}

/// What is due of a rule, when all up to a moment is dealt with: what came since, by what the rule says about runs
/// that were missed. Whoever takes all of it for dealt with is never given any of it again, whatever clocks do.
/// A rule that waits for an event is due every minute.
pub fn due(rule: &Rule, zone: Tz, dealt_with: i64, now: i64) -> Due {
    let schedule = rule.schedule.polled();
    let end = rule.expires.map(|day| calendar::start_of_day(calendar::day_number(day), zone) - 1);
    let until = end.map_or(now, |end| end.min(now));
    let (most, why_not) = match rule.catch_up {
        CatchUp::All => (MOST_CAUGHT_UP, "only the latest 24 are made up for"),
        CatchUp::Latest | CatchUp::None => (1, "a later one was due as well"),
    };
    let recent = latest(schedule, zone, dealt_with, until, most);
    let Some(first) = recent.first() else { return Due::default() };
    let before = first.at - 1;
    let earlier = skipped(
        occurrences(schedule, zone, dealt_with, before),
        latest(schedule, zone, dealt_with, before, 1).pop(),
        why_not,
    );
    let on_time = match tolerance(rule) {
        Some(bound) => recent.partition_point(|o| now.saturating_sub(o.at) > bound),
        None => 0,
    };
    let (late, run) = recent.split_at(on_time);
    let why_not = match rule.catch_up {
        CatchUp::None => "it was missed, and the rule makes up for none",
        _ => "it was too late for it",
    };
    let late = skipped(late.iter().cloned(), late.last().cloned(), why_not);
    Due { run: run.to_vec(), skipped: earlier.into_iter().chain(late).collect() }
}

/// From when on events count for a run of a rule that waits for them, when all up to a moment is dealt with: events
/// from longer ago than a run may be late are missed.
pub fn events_since(rule: &Rule, dealt_with: i64, now: i64) -> i64 {
    tolerance(rule).map_or(dealt_with, |bound| dealt_with.max(now.saturating_sub(bound)))
}

/// Whether a run that was begun and lost is too late to be begun again.
pub fn is_late(rule: &Rule, occurrence: &Occurrence, now: i64) -> bool {
    let bound = match (rule.late, rule.catch_up) {
        (Some(Lateness::Seconds(seconds)), _) => Some(seconds.saturating_mul(SECOND).max(PUNCTUAL)),
        (Some(Lateness::Any), _) | (None, CatchUp::All) => None,
        (None, CatchUp::Latest | CatchUp::None) => Some(HOUR),
    };
    bound.is_some_and(|bound| now.saturating_sub(occurrence.at) > bound)
}

/// How late a run may start, in microseconds; none is as late as can be.
fn tolerance(rule: &Rule) -> Option<i64> {
    match (rule.catch_up, rule.late) {
        (CatchUp::None, _) => Some(PUNCTUAL),
        (_, Some(Lateness::Seconds(seconds))) => Some(seconds.saturating_mul(SECOND).max(PUNCTUAL)),
        (_, Some(Lateness::Any)) | (CatchUp::All, None) => None,
        (CatchUp::Latest, None) => Some(HOUR),
    }
}

fn skipped(
    mut which: impl Iterator<Item = Occurrence>,
    last: Option<Occurrence>,
    reason: &'static str,
) -> Option<Skipped> {
    let (first, last) = (which.next()?, last?);
    Some(Skipped { count: 1 + which.take(COUNTED - 1).count(), first, last, reason })
}

/// The last occurrences of a stretch, so many or, where several share a moment, a few more. It looks back in ever
/// longer steps: after years of every minute as soon as after a day.
fn latest(schedule: &Schedule, zone: Tz, after: i64, until: i64, most: usize) -> Vec<Occurrence> {
    let mut back = HOUR;
    loop {
        let from = until.saturating_sub(back).max(after);
        let mut found: Vec<Occurrence> = occurrences(schedule, zone, from, until).collect();
        if found.len() >= most || from == after || back == i64::MAX {
            let moment = found.len().checked_sub(most).and_then(|i| found.get(i)).map(|o| o.at);
            found.retain(|o| moment.is_none_or(|moment| o.at >= moment));
            return found;
        }
        back = back.saturating_mul(2);
    }
}

/// Counted from 1970 UTC.
fn interval(seconds: i64, after: i64, until: i64) -> impl Iterator<Item = Occurrence> {
    let step = seconds.max(1).saturating_mul(SECOND);
    let first = after.div_euclid(step).checked_add(1).and_then(|n| n.checked_mul(step));
    std::iter::successors(first, move |at| at.checked_add(step))
        .take_while(move |at| *at <= until)
        .map(|at| Occurrence { at, name: (at / SECOND).to_string() })
}

/// As a pattern of the `cron` crate.
fn daily(days: &Days, at: chrono::NaiveTime) -> String {
    let time = format!("{} {} {}", at.second(), at.minute(), at.hour());
    match days {
        Days::All => format!("{time} * * *"),
        Days::Of(days) => {
            let days: Vec<String> = days.iter().map(Weekday::to_string).collect();
            format!("{time} * * {}", days.join(","))
        }
        Days::Month(day) => format!("{time} {day} * *"),
    }
}

/// Whether a pattern's minute or hour says any or every so many; lists and ranges are fixed times.
fn is_interval(pattern: &str) -> bool {
    pattern.split_whitespace().skip(1).take(2).any(|field| field.contains(['*', '/', '?']))
}

/// The times of a pattern as instants.
struct Times {
    civil: cron::OwnedScheduleIterator<Utc>,
    zone: Tz,
    /// Whether a time that comes twice comes twice.
    both: bool,
    form: &'static str,
    /// The next one that is no second time.
    ahead: Option<Occurrence>,
    /// Second times of what came already.
    again: VecDeque<Occurrence>,
}

impl Iterator for Times {
    type Item = Occurrence;

    fn next(&mut self) -> Option<Occurrence> {
        self.ahead = self.ahead.take().or_else(|| self.first_time());
        let ahead = self.ahead.as_ref().map_or(i64::MAX, |o| o.at);
        match self.again.front() {
            Some(again) if again.at < ahead => self.again.pop_front(),
            _ => self.ahead.take(),
        }
    }
}

impl Times {
    fn first_time(&mut self) -> Option<Occurrence> {
        loop {
            let civil = self.civil.next()?.naive_utc();
            let name = civil.format(self.form).to_string();
            if !self.both {
                return Some(Occurrence { at: calendar::instant(civil, self.zone), name });
            }
            match self.zone.from_local_datetime(&civil) {
                Single(at) => return Some(Occurrence { at: at.timestamp_micros(), name }),
                Ambiguous(first, second) => {
                    let again = format!("{name} again");
                    self.again.push_back(Occurrence { at: second.timestamp_micros(), name: again });
                    return Some(Occurrence { at: first.timestamp_micros(), name });
                }
                Nowhere => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use chrono::DateTime;
    use chrono::NaiveTime;

    fn at(text: &str, zone: Tz) -> Now {
        Now::new(DateTime::parse_from_rfc3339(text).unwrap().to_utc(), zone)
    }

    fn daily(days: Days, hour: u32, minute: u32) -> Schedule {
        Schedule::Daily(days, NaiveTime::from_hms_opt(hour, minute, 0).unwrap())
    }

    #[test]
    fn the_occurrence_lasts_until_the_next() {
        let every_day = daily(Days::All, 10, 0);
        let occurrence = |text| latest_occurrence(&every_day, at(text, Tz::Asia__Shanghai)).unwrap();
        assert_eq!(occurrence("2026-11-11T10:00:00+08:00"), "2026-11-11");
        assert_eq!(occurrence("2026-11-12T09:59:59+08:00"), "2026-11-11");
        let mondays = daily(Days::Of(vec![Weekday::Mon]), 9, 30);
        assert_eq!(latest_occurrence(&mondays, at("2026-11-11T08:00:00Z", Tz::UTC)).unwrap(), "2026-11-09");
        let last_days = daily(Days::Month(31), 9, 0);
        assert_eq!(latest_occurrence(&last_days, at("2026-11-30T12:00:00Z", Tz::UTC)).unwrap(), "2026-10-31");
        let twice = Schedule::Cron("0 0 8,20 * * *".into());
        assert_eq!(
            latest_occurrence(&twice, at("2026-11-11T19:00:00Z", Tz::UTC)).unwrap(),
            "2026-11-11T08:00:00"
        );
        let birthday = Schedule::OnTheDay(NaiveTime::from_hms_opt(9, 0, 0).unwrap());
        for hour in ["08", "10"] {
            let now = at(&format!("2026-11-11T{hour}:00:00Z"), Tz::UTC);
            assert_eq!(latest_occurrence(&birthday, now).unwrap(), "2026-11-11", "one day, one occasion");
        }
        let interval = Schedule::Interval(7200);
        assert_eq!(latest_occurrence(&interval, at("1970-01-01T03:59:59Z", Tz::UTC)).unwrap(), "7200");
    }

    #[test]
    fn clocks_that_change_neither_skip_nor_repeat() {
        let berlin = Tz::Europe__Berlin;
        // 02:30 does not exist on 2026-03-29: it comes at 03:00, which is 01:00 UTC.
        let half_past_two = daily(Days::All, 2, 30);
        let spring = |text| latest_occurrence(&half_past_two, at(text, berlin)).unwrap();
        assert_eq!(spring("2026-03-29T00:59:59Z"), "2026-03-28");
        assert_eq!(spring("2026-03-29T01:00:00Z"), "2026-03-29");
        // 02:30 comes twice on 2026-10-25, first at 00:30 UTC; at 01:10 UTC clocks say 02:10 again.
        assert_eq!(spring("2026-10-25T00:29:59Z"), "2026-10-24");
        assert_eq!(spring("2026-10-25T00:30:00Z"), "2026-10-25");
        assert_eq!(spring("2026-10-25T01:10:00Z"), "2026-10-25");
    }
}
