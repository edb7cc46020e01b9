//! Schedules: in order, each once, however a stretch of time is cut up; and what is made up for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../../check/tests/checked/mod.rs"]
mod checked;

use chrono::{NaiveTime, Weekday};
use chrono_tz::Tz;
use proptest::prelude::*;
use std::collections::BTreeSet;
use tidings_check::World;
use tidings_check::program::{Days, Rule, Schedule};
use tidings_plan::schedule::{Due, Occurrence, due, events_since, latest_occurrence, next, occurrences};
use tidings_schema::{Currency, Now};

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3600 * SECOND;
const SCHEMA: &str = "
customer: {table: customers, key: id, attributes: {vip: {type: yes/no, required: true}, joined: moment}}
events: {signup: customer.joined}
";

fn micros(text: &str) -> i64 {
    Now::parse(text, Tz::UTC).unwrap().micros
}

/// A rule in a project with this policy.
fn rule(clauses: &str, policy: &str) -> Rule {
    let text = format!("policy {policy} end rule r {clauses} if vip then send x coupon end");
    let vocabulary = checked::vocabulary(SCHEMA, Tz::UTC, Currency::CNY);
    checked::program(&text, &vocabulary, &World::default()).rules.remove(0)
}

type Told<'a> = (usize, &'a str, &'a str, &'a str);

/// Names of what runs, and count, ends and reason of what does not.
fn told(due: &Due) -> (Vec<&str>, Vec<Told<'_>>) {
    let run = due.run.iter().map(|o| o.name.as_str()).collect();
    let skipped = due.skipped.iter();
    (run, skipped.map(|s| (s.count, s.first.name.as_str(), s.last.name.as_str(), s.reason)).collect())
}

#[test]
fn the_latest_that_was_missed_is_made_up_for_within_the_hour() {
    let daily = rule("every day at 10:00", "");
    let due = |dealt_with, now| due(&daily, Tz::UTC, micros(dealt_with), micros(now));
    assert_eq!(due("2026-11-10T10:00", "2026-11-11T09:59"), Due::default());
    assert_eq!(told(&due("2026-11-10T10:00", "2026-11-11T10:00")), (vec!["2026-11-11"], vec![]));
    assert_eq!(told(&due("2026-11-10T10:00", "2026-11-11T11:00")), (vec!["2026-11-11"], vec![]));
    let late = "it was too late for it";
    let skipped = vec![(1, "2026-11-11", "2026-11-11", late)];
    assert_eq!(told(&due("2026-11-10T10:00", "2026-11-11T11:00:01")), (vec![], skipped));
    let earlier = vec![(3, "2026-11-11", "2026-11-13", "a later one was due as well")];
    assert_eq!(told(&due("2026-11-10T10:00", "2026-11-14T10:30")), (vec!["2026-11-14"], earlier));
    // A clock that was put back asks for nothing.
    assert_eq!(due("2026-11-11T10:00", "2026-11-10T10:30"), Due::default());
}

#[test]
fn rules_and_the_policy_say_what_is_made_up_for() {
    let six_hours_down = |clauses: &str, policy: &str| {
        let rule = rule(&format!("every 30 minutes {clauses}"), policy);
        let due = due(&rule, Tz::UTC, micros("2026-11-11T04:00"), micros("2026-11-11T10:20"));
        (due.run.len(), due.skipped.iter().map(|s| s.count).collect::<Vec<_>>())
    };
    assert_eq!(six_hours_down("", ""), (1, vec![11]));
    assert_eq!(six_hours_down("if missed then run latest", "if missed then skip"), (1, vec![11]));
    assert_eq!(six_hours_down("if missed then skip", ""), (0, vec![11, 1]));
    assert_eq!(six_hours_down("", "if missed then skip"), (0, vec![11, 1]));
    assert_eq!(six_hours_down("if missed then run all", ""), (12, vec![]));
    let late = "if late by more than 2 hours then skip";
    assert_eq!(six_hours_down(&format!("if missed then run all {late}"), ""), (4, vec![8]));
    assert_eq!(six_hours_down("if late by more than 10 minutes then skip", ""), (0, vec![11, 1]));
    let down_since = |clauses: &str, dealt_with: &str| {
        let rule = rule(clauses, "");
        let due = due(&rule, Tz::UTC, micros(dealt_with), micros("2026-11-11T20:00"));
        (due.run.len(), due.skipped.iter().map(|s| s.count).collect::<Vec<_>>())
    };
    assert_eq!(down_since("every day at 10:00", "2026-11-11T04:00"), (0, vec![1]));
    let any = "every day at 10:00 if late by more than 2 hours then send";
    assert_eq!(down_since(any, "2026-11-11T04:00"), (1, vec![]));
    assert_eq!(down_since("every 30 minutes if missed then run all", "2026-11-10T20:00"), (24, vec![24]));
    let over = "every day at 10:00 if missed then run all expires 2026-11-10";
    assert_eq!(down_since(over, "2026-11-07T20:00"), (2, vec![]), "nothing of what is over");
}

#[test]
fn years_of_every_minute_are_soon_looked_through() {
    for every_minute in ["every 1 minute", "cron \"* * * * *\"", "cron \"* * * * *\" if missed then run all"]
    {
        let rule = rule(every_minute, "");
        let due = due(&rule, Tz::Europe__Berlin, 0, micros("2026-11-11T10:00"));
        assert_eq!(due.run.len(), if every_minute.contains("all") { 24 } else { 1 });
        let skipped = &due.skipped[0];
        assert_eq!(skipped.count, 1000, "counted no further");
        assert_eq!((skipped.first.at, skipped.last.at), (60 * SECOND, due.run[0].at - 60 * SECOND));
    }
}

#[test]
fn times_that_fall_on_one_instant_are_a_run_each() {
    let rule = rule("cron \"0 2,3 * * *\"", "");
    let both = due(&rule, Tz::Europe__Berlin, micros("2026-03-29T00:30"), micros("2026-03-29T01:00"));
    assert_eq!(told(&both), (vec!["2026-03-29T02:00:00", "2026-03-29T03:00:00"], vec![]));
    // Samoa left out the 30th of December 2011, and what was to come on it comes as the 31st begins.
    let ten = Schedule::Daily(Days::All, NaiveTime::from_hms_opt(10, 0, 0).unwrap());
    let found = occurrences(&ten, Tz::Pacific__Apia, micros("2011-12-30T00:00"), micros("2011-12-31T12:00"));
    let expected = [("2011-12-30T10:00", "2011-12-30"), ("2011-12-30T20:00", "2011-12-31")];
    assert_eq!(
        found.collect::<Vec<_>>(),
        expected.map(|(at, name)| Occurrence { at: micros(at), name: name.into() })
    );
}

#[test]
fn intervals_come_in_both_passes_and_not_in_the_gap() {
    let half_hours = Schedule::Cron("0 */30 * * * *".into());
    let names = |after, until| -> Vec<String> {
        occurrences(&half_hours, Tz::Europe__Berlin, micros(after), micros(until))
            .map(|o| o.name[11..].into())
            .collect()
    };
    let autumn = ["02:00:00", "02:30:00", "02:00:00 again", "02:30:00 again", "03:00:00"];
    assert_eq!(names("2026-10-24T23:59", "2026-10-25T02:00"), autumn);
    assert_eq!(
        names("2026-10-25T00:59", "2026-10-25T02:00"),
        autumn[2..],
        "from a clock that is about to go back"
    );
    assert_eq!(names("2026-03-29T00:00", "2026-03-29T01:30"), ["01:30:00", "03:00:00", "03:30:00"]);
}

#[test]
fn who_waits_for_an_event_is_due_every_minute_and_looks_no_further_back_than_a_run_may_be_late() {
    let on = |late: &str| rule(&format!("on signup {late}"), "");
    assert_eq!(next(&on("").schedule, Tz::UTC, 0), None);
    let now = micros("2026-11-11T10:00:20");
    let due = due(&on(""), Tz::UTC, now - 3 * HOUR, now);
    assert_eq!(due.run.iter().map(|o| o.at).collect::<Vec<_>>(), [micros("2026-11-11T10:00")]);
    assert_eq!(events_since(&on(""), now - 600 * SECOND, now), now - 600 * SECOND);
    assert_eq!(events_since(&on(""), now - 9 * HOUR, now), now - HOUR);
    let late = on("if late by more than 2 hours then skip");
    assert_eq!(events_since(&late, now - 9 * HOUR, now), now - 2 * HOUR);
    assert_eq!(
        events_since(&on("if late by more than 2 hours then send"), now - 9 * HOUR, now),
        now - 9 * HOUR
    );
}

const FORMS: &[&str] = &[
    "every day at 02:30",
    "every weekday at 00:00",
    "every month on day 31 at 09:00",
    "every 90 minutes",
    "cron \"0 8,20 * * *\"",
    "cron \"15,45 0-4 * * *\"",
    "cron \"*/20 * * * *\"",
    "cron \"7 */3 * * sun\"",
    "on signup",
];

/// Moments near the changes of clocks of a zone that has odd ones.
fn moment() -> impl Strategy<Value = i64> {
    let change = prop::sample::select(vec![
        "2026-03-29T01:00",
        "2026-10-25T01:00",
        "2026-04-04T15:00",
        "2026-10-03T15:30",
    ]);
    let by = prop_oneof![-30 * HOUR..30 * HOUR, -2 * HOUR..2 * HOUR];
    (change, by).prop_map(|(change, by)| micros(change) + by)
}

fn zone() -> impl Strategy<Value = Tz> {
    prop::sample::select(vec![Tz::UTC, Tz::Europe__Berlin, Tz::Australia__Lord_Howe, Tz::Antarctica__Troll])
}

fn any_schedule() -> impl Strategy<Value = Schedule> {
    let field = |from: u32, to: u32| {
        let number = from..to;
        prop_oneof![
            2 => Just("*".to_owned()),
            2 => (2..20_u32).prop_map(|n| format!("*/{n}")),
            3 => prop::collection::btree_set(number.clone(), 1..4).prop_map(|set| set.iter().map(u32::to_string).collect::<Vec<_>>().join(",")),
            1 => number.prop_flat_map(move |low| (Just(low), low..to)).prop_map(|(low, high)| format!("{low}-{high}")),
        ]
    };
    let time = (0_u32..24, 0_u32..60).prop_map(|(h, m)| NaiveTime::from_hms_opt(h, m, 0).unwrap());
    let days =
        prop_oneof![Just(Days::All), Just(Days::Of(vec![Weekday::Sun])), (1_u32..32).prop_map(Days::Month)];
    prop_oneof![
        2 => (field(0, 60), field(0, 24)).prop_map(|(m, h)| Schedule::Cron(format!("0 {m} {h} * * *"))),
        1 => (days, time).prop_map(|(days, time)| Schedule::Daily(days, time)),
        1 => (1_i64..300).prop_map(|minutes| Schedule::Interval(minutes * 60)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_stretch_cut_anywhere_has_the_same_occurrences_in_order(
        schedule in any_schedule(),
        zone in zone(),
        mut cuts in prop::collection::vec(moment(), 3),
    ) {
        cuts.sort_unstable();
        let [after, cut, until] = cuts[..] else { unreachable!() };
        let all: Vec<Occurrence> = occurrences(&schedule, zone, after, until).collect();
        prop_assert!(all.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", all);
        prop_assert!(all.iter().all(|o| after < o.at && o.at <= until));
        let names: BTreeSet<&str> = all.iter().map(|o| o.name.as_str()).collect();
        prop_assert_eq!(names.len(), all.len(), "two of one name");
        let parts = occurrences(&schedule, zone, after, cut).chain(occurrences(&schedule, zone, cut, until));
        prop_assert_eq!(parts.collect::<Vec<_>>(), all.clone());
        prop_assert_eq!(next(&schedule, zone, after).filter(|o| o.at <= until), all.first().cloned());
        if let Some(last) = all.last() {
            let name = latest_occurrence(&schedule, Now { micros: until, zone });
            prop_assert_eq!(name.as_ref(), Some(&last.name), "the occasion is the run's");
        }
    }

    #[test]
    fn nothing_is_due_twice_and_nothing_is_forgotten(
        form in prop::sample::select(FORMS),
        missed in prop::sample::select(vec!["", "if missed then skip", "if missed then run all"]),
        late in prop::sample::select(vec!["", "if late by more than 2 hours then skip", "if late by more than 1 hour then send"]),
        zone in zone(),
        start in moment(),
        steps in prop::collection::vec(-2 * HOUR..9 * HOUR, 1..30),
    ) {
        let rule = rule(&format!("{form} {missed} {late}"), "");
        let (mut now, mut dealt_with) = (start, start);
        let mut given = Vec::new();
        let mut passed_over = 0;
        for step in steps {
            now += step;
            let due = due(&rule, zone, dealt_with, now);
            let skipped = due.skipped.iter().map(|s| &s.last);
            dealt_with = due.run.iter().chain(skipped).map(|o| o.at).fold(dealt_with, i64::max);
            passed_over += due.skipped.iter().map(|s| s.count).sum::<usize>();
            prop_assert!(due.run.iter().all(|o| o.at <= now));
            given.extend(due.run);
        }
        prop_assert!(given.windows(2).all(|pair| pair[0] < pair[1]), "in order, none twice: {:?}", given);
        let all: Vec<Occurrence> = occurrences(rule.schedule.polled(), zone, start, dealt_with).collect();
        prop_assert!(given.iter().all(|o| all.contains(o)));
        prop_assert_eq!(given.len() + passed_over, all.len(), "each is run or skipped");
    }
}
