//! When rules run, over civil time: the `cron` crate iterates patterns as if civil time were UTC, and each
//! civil time becomes an instant by the project's own rule for gaps and overlaps
//! ([`tidings_schema::calendar::instant`]).

use chrono::{DateTime, NaiveDateTime, TimeDelta, Timelike, Utc, Weekday};
use std::str::FromStr;
use tidings_check::program::{Days, Schedule};
use tidings_schema::{Now, calendar};

/// The name of the latest occurrence at or before now, the same for all runs until the next: its day where there
/// is one a day at most, so that another time of day makes no other occasion, its civil time, or its number of
/// seconds for an interval. A customer's own day is the day itself. None where it never came.
pub fn latest_occurrence(schedule: &Schedule, now: Now) -> Option<String> {
    match schedule {
        Schedule::Interval(seconds) => {
            let second = now.micros.div_euclid(1_000_000);
            Some((second - second.rem_euclid(*seconds)).to_string())
        }
        Schedule::Daily(days, at) => {
            let time = format!("{} {} {}", at.second(), at.minute(), at.hour());
            let pattern = match days {
                Days::All => format!("{time} * * *"),
                Days::Of(days) => {
                    let days: Vec<String> = days.iter().map(Weekday::to_string).collect();
                    format!("{time} * * {}", days.join(","))
                }
                Days::Month(day) => format!("{time} {day} * *"),
            };
            latest(&pattern, now).map(|civil| civil.date().to_string())
        }
        Schedule::OnTheDay(_) => Some(now.civil().date().to_string()),
        Schedule::Cron(pattern) => {
            latest(pattern, now).map(|civil| civil.format("%Y-%m-%dT%H:%M:%S").to_string())
        }
        Schedule::On(_) => None,
    }
}

fn latest(pattern: &str, now: Now) -> Option<NaiveDateTime> {
    let schedule = cron::Schedule::from_str(pattern).ok()?;
    // Where clocks were put back, an occurrence whose civil time is still ahead may have come already.
    let from: DateTime<Utc> = (now.civil() + TimeDelta::days(1)).and_utc();
    let mut before = schedule.after(&from);
    let came = |civil: &NaiveDateTime| calendar::instant(*civil, now.zone) <= now.micros;
    std::iter::from_fn(|| before.next_back()).map(|t| t.naive_utc()).find(came)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use chrono::NaiveTime;
    use chrono_tz::Tz;

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
