//! Around every change of clocks from 2020 to 2030, schedules come when Python's zoneinfo says (`zones.py`).
//!
//! It needs a Python with the package `tzdata` of the version that chrono-tz has. `TIDINGS_PYTHON` names it, and
//! then nothing may be missing; without it the test says that it looked at nothing. `TIDINGS_ZONES=all` looks at
//! every zone, otherwise at one in ten.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use chrono::NaiveTime;
use chrono_tz::{IANA_TZDB_VERSION, TZ_VARIANTS, Tz};
use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};
use tidings_check::program::{Days, Schedule};
use tidings_plan::schedule::occurrences;

#[test]
fn schedules_come_as_another_calendar_says() {
    let all = std::env::var("TIDINGS_ZONES").is_ok_and(|zones| zones == "all");
    let zones: Vec<Tz> = TZ_VARIANTS.iter().copied().step_by(if all { 1 } else { 10 }).collect();
    let schedules = schedules();
    let told = match ask(&zones, &schedules) {
        Ok(told) => told,
        Err(why) if std::env::var_os("TIDINGS_PYTHON").is_some() => panic!("{why}"),
        Err(why) => {
            // Written around the test's own capture, which would keep it to itself.
            return writeln!(std::io::stderr(), "NOTHING WAS COMPARED: {why}").unwrap();
        }
    };
    let (mut changes, mut differences) = (BTreeSet::new(), Vec::new());
    for line in told.lines().skip(1) {
        let [zone, after, until, which, comes] = line.splitn(5, '|').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let micros = |seconds: &str| seconds.parse::<i64>().unwrap() * 1_000_000;
        let (schedule, _) = &schedules[which.parse::<usize>().unwrap()];
        let found = occurrences(schedule, zone.parse().unwrap(), micros(after), micros(until));
        let found: Vec<String> = found.map(|o| format!("{} {}", o.at / 1_000_000, o.name)).collect();
        if found.join(",") != comes {
            differences.push(format!("{zone} {schedule:?}\n  here:  {}\n  there: {comes}", found.join(",")));
        }
        changes.insert((zone, after));
    }
    eprintln!("{} zones, {} changes, {} differences", zones.len(), changes.len(), differences.len());
    assert!(changes.len() > zones.len(), "hardly a change was found");
    assert!(differences.is_empty(), "{}", differences[..differences.len().min(5)].join("\n"));
}

/// Schedules, each with the words that tell the oracle which times it has.
fn schedules() -> Vec<(Schedule, String)> {
    let time = |hour, minute| NaiveTime::from_hms_opt(hour, minute, 0).unwrap();
    let times = |hours: &mut dyn Iterator<Item = u32>, minutes: &[u32]| {
        let all = hours.flat_map(|h| minutes.iter().map(move |m| format!("{h:02}:{m:02}")));
        all.collect::<Vec<_>>().join(",")
    };
    let mut all = Vec::new();
    for (hour, minute) in [(0, 0), (0, 30), (1, 0), (1, 45), (2, 0), (2, 30), (3, 0), (12, 0), (23, 30)] {
        let daily = Schedule::Daily(Days::All, time(hour, minute));
        all.push((daily, format!("day|once|{hour:02}:{minute:02}")));
    }
    let hours = (0..24).map(|h| h.to_string()).collect::<Vec<_>>().join(",");
    for (pattern, words) in [
        ("0 0 8,20 * * *".into(), "time|once|08:00,20:00".to_owned()),
        ("0 30 1-3 * * *".into(), format!("time|once|{}", times(&mut (1..4), &[30]))),
        (
            format!("0 0,15,30,45 {hours} * * *"),
            format!("time|once|{}", times(&mut (0..24), &[0, 15, 30, 45])),
        ),
        ("0 */15 * * * *".into(), format!("time|both|{}", times(&mut (0..24), &[0, 15, 30, 45]))),
        ("0 10 */2 * * *".into(), format!("time|both|{}", times(&mut (0..24).step_by(2), &[10]))),
        ("0 */20 1,2 * * *".into(), format!("time|both|{}", times(&mut (1..3), &[0, 20, 40]))),
    ] {
        all.push((Schedule::Cron(pattern), words));
    }
    all.push((Schedule::Interval(7200), "interval|7200".to_owned()));
    all
}

/// What the oracle says, or why it says nothing.
fn ask(zones: &[Tz], schedules: &[(Schedule, String)]) -> Result<String, String> {
    let python = std::env::var("TIDINGS_PYTHON").unwrap_or("python3".to_owned());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/zones.py");
    let oracle = Command::new(&python).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut oracle = oracle.map_err(|e| format!("{python} does not start: {e}"))?;
    let zones = zones.iter().map(|zone| format!("zone {}\n", zone.name()));
    let questions: String = zones.chain(schedules.iter().map(|(_, s)| format!("schedule {s}\n"))).collect();
    // A Python without the database has gone already, and says so below.
    let _ = oracle.stdin.take().unwrap().write_all(questions.as_bytes());
    let told = String::from_utf8(oracle.wait_with_output().unwrap().stdout).unwrap();
    let version = told.lines().next().unwrap_or("none");
    if version != IANA_TZDB_VERSION {
        return Err(format!(
            "chrono-tz has the time zones of {IANA_TZDB_VERSION}, and {python} has {version}: install the package tzdata of that version"
        ));
    }
    Ok(told)
}
