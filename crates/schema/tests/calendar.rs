//! Civil time, held against every change of the clocks in every zone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime};
use chrono_tz::{TZ_VARIANTS, Tz};
use proptest::prelude::*;
use tidings_schema::calendar::{
    civil, date, day_number, day_of, elapsed, instant, last_anniversary, months_before, next_anniversary,
    start_of_day,
};
use tidings_schema::{ElapsedUnit, Now};

fn micros(second: i64) -> i64 {
    second * 1_000_000
}

fn utc(second: i64) -> NaiveDateTime {
    DateTime::from_timestamp(second, 0).unwrap().naive_utc()
}

/// Seconds east of UTC at a second.
fn offset(second: i64, zone: Tz) -> i64 {
    use chrono::{Offset, TimeZone};
    i64::from(zone.offset_from_utc_datetime(&utc(second)).fix().local_minus_utc())
}

/// The seconds at which a zone's clocks change between two years: found by hours, then exactly.
fn changes(zone: Tz, years: std::ops::Range<i32>) -> Vec<i64> {
    let second = |year| {
        NaiveDate::from_ymd_opt(year, 1, 1).unwrap().and_hms_opt(0, 0, 0).unwrap().and_utc().timestamp()
    };
    let mut found = Vec::new();
    let mut at = second(years.start);
    while at < second(years.end) {
        let next = at + 6 * 3600;
        if offset(at, zone) != offset(next, zone) {
            let (mut before, mut after) = (at, next);
            while after - before > 1 {
                let middle = (before + after) / 2;
                if offset(middle, zone) == offset(at, zone) { before = middle } else { after = middle }
            }
            found.push(after);
        }
        at = next;
    }
    found
}

#[test]
fn gaps_and_overlaps_of_every_zone() {
    let (mut gaps, mut overlaps) = (0, 0);
    // Years with odd changes too: whole days left out (Manila 1844/45, Kwajalein 1993, Samoa 2011), a quarter of an hour and
    // less (Venezuela, North Korea, local mean times), and this year.
    for years in [
        1844..1846,
        1883..1885,
        1911..1913,
        1940..1942,
        1993..1994,
        2007..2008,
        2011..2012,
        2015..2019,
        2026..2027,
    ] {
        for zone in TZ_VARIANTS {
            for change in changes(zone, years.clone()) {
                let (before, after) = (offset(change - 1, zone), offset(change, zone));
                let (from, to) = (before.min(after), before.max(after));
                // Civil times that do not exist, or twice: its first and last second, and one inside.
                for local in [change + from, change + (from + to) / 2, change + to - 1] {
                    let expected = if after > before { change } else { local - before };
                    assert_eq!(instant(utc(local), zone), micros(expected), "{zone} {}", utc(local));
                }
                let (ends, next) = (utc(change + from - 1), utc(change + to));
                assert_eq!(instant(ends, zone), micros(change + from - 1 - before), "{zone} {ends}");
                assert_eq!(instant(next, zone), micros(change + to - after), "{zone} {next}");
                if after > before { gaps += 1 } else { overlaps += 1 }
            }
        }
    }
    assert!(gaps > 2000 && overlaps > 2000, "{gaps} gaps, {overlaps} overlaps");
}

#[test]
fn a_day_begins_after_a_gap_at_midnight() {
    // In Lebanon clocks go from 00:00 to 01:00.
    let zone = chrono_tz::Asia::Beirut;
    let day = day_number(NaiveDate::from_ymd_opt(2026, 3, 29).unwrap());
    assert_eq!(civil(start_of_day(day, zone), zone).to_string(), "2026-03-29 01:00:00");
    assert_eq!(day_of(start_of_day(day, zone), zone), day);
    assert_eq!(day_of(start_of_day(day, zone) - 1, zone), day - 1);
    let noon = Now::new("2026-03-30T21:30:00Z".parse().unwrap(), zone);
    assert_eq!(noon.days_ago(2).civil().to_string(), "2026-03-29 01:00:00");
}

#[test]
fn extremes_stay_in_range() {
    for zone in [chrono_tz::UTC, chrono_tz::Pacific::Kiritimati, chrono_tz::America::Adak] {
        for extreme in [i64::MIN, i64::MAX] {
            let _ = day_of(extreme, zone);
            let _ = Now { micros: extreme, zone }.days_ago(u32::MAX);
        }
        for extreme in [i32::MIN, i32::MAX] {
            let _ = start_of_day(extreme, zone);
            let _ = (
                next_anniversary(extreme, 0),
                last_anniversary(extreme, extreme),
                months_before(extreme, u32::MAX),
            );
            let _ = elapsed(ElapsedUnit::Months, extreme, -extreme.saturating_add(1));
        }
    }
}

#[test]
fn leap_days_and_short_months() {
    let d = |text: &str| day_number(text.parse().unwrap());
    assert_eq!(next_anniversary(d("2000-02-29"), d("2026-01-01")), d("2026-02-28"));
    assert_eq!(next_anniversary(d("2000-02-29"), d("2027-03-01")), d("2028-02-29"));
    assert_eq!(last_anniversary(d("2000-02-29"), d("2026-02-27")), d("2025-02-28"));
    assert_eq!(last_anniversary(d("2000-02-29"), d("2026-02-28")), d("2026-02-28"));
    assert_eq!(elapsed(ElapsedUnit::Months, d("2026-01-31"), d("2026-02-27")), 0);
    assert_eq!(elapsed(ElapsedUnit::Months, d("2026-01-31"), d("2026-02-28")), 1);
    assert_eq!(elapsed(ElapsedUnit::Months, d("2026-02-28"), d("2026-01-31")), -1);
    assert_eq!(months_before(d("2026-03-31"), 1), d("2026-02-28"));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn instants_of_civil_times(second in -2_000_000_000_i64..4_000_000_000, zone in 0..TZ_VARIANTS.len()) {
        let zone = TZ_VARIANTS[zone];
        let local = civil(micros(second), zone);
        let back = instant(local, zone);
        // The same instant, or the first of the two that have this civil time.
        prop_assert!(back <= micros(second));
        prop_assert_eq!(civil(back, zone), local);
    }

    #[test]
    fn months_count_like_a_calendar(from in -30_000..60_000, length in 0..20_000) {
        let months = elapsed(ElapsedUnit::Months, from, from + length);
        let reached = |m: i64| date(from).checked_add_months(chrono::Months::new(m as u32)).unwrap();
        prop_assert!(reached(months) <= date(from + length) && date(from + length) < reached(months + 1));
        prop_assert!(next_anniversary(from, from + length) >= from + length);
        prop_assert!(last_anniversary(from, from + length) <= from + length);
        prop_assert!(date(next_anniversary(from, from + length)).year() - date(from + length).year() <= 1);
    }
}
