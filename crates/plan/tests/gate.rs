//! What the gate promises, over random policies and sequences of messages: no cap is ever exceeded, nothing leaves in
//! hours of silence, and nothing waits longer than it must.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../../check/tests/checked/mod.rs"]
mod checked;

use chrono::{DateTime, Datelike, Days, Months, TimeZone, Timelike, Utc};
use chrono_tz::Tz;
use proptest::prelude::*;
use tidings_check::{Program, World};
use tidings_plan::{AtGate, Door, Kind, Refusal, Status};
use tidings_schema::Currency;

const SCHEMA: &str = "
customer:
  table: customers
  key: id
  attributes: {email: text, phone: text, email_ok: yes/no, sms_ok: yes/no}
contact:
  email: {address: email, consent: email_ok}
  sms: {address: phone, consent: sms_ok}
";
const ZONES: [Tz; 5] =
    [Tz::UTC, Tz::Asia__Shanghai, Tz::Europe__Berlin, Tz::America__New_York, Tz::Australia__Lord_Howe];
const MINUTE: i64 = 60_000_000;

#[derive(Clone, Copy, Debug)]
enum Per {
    Hours(i64),
    Days(u32),
    Months(u32),
}

#[derive(Clone, Debug)]
struct Case {
    caps: Vec<(usize, Option<&'static str>, Per)>,
    /// From and to, in minutes of the day.
    quiet: Vec<(u32, u32, Option<&'static str>)>,
    home: Tz,
    zone: Option<&'static str>,
    /// Minutes since the message before, and the channel.
    messages: Vec<(i64, &'static str)>,
    start: i64,
}

fn channel() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("email"), Just("sms")]
}

fn case() -> impl Strategy<Value = Case> {
    let per = prop_oneof![
        (1..72_i64).prop_map(Per::Hours),
        (1..10_u32).prop_map(Per::Days),
        (1..3_u32).prop_map(Per::Months)
    ];
    let caps = prop::collection::vec((1..4_usize, prop::option::of(channel()), per), 0..3);
    let quiet = prop::collection::vec((0..1440_u32, 0..1440_u32, prop::option::of(channel())), 0..3);
    let zone = prop_oneof![
        Just(None),
        Just(Some("Europe/Berlin")),
        Just(Some("Asia/Kathmandu")),
        Just(Some("nowhere"))
    ];
    let messages = prop::collection::vec((0..3000_i64, channel()), 1..12);
    (caps, quiet, prop::sample::select(&ZONES[..]), zone, messages, 0..730 * 1440_i64).prop_map(
        |(caps, quiet, home, zone, messages, start)| Case { caps, quiet, home, zone, messages, start },
    )
}

impl Case {
    fn policy(&self) -> String {
        let time = |minute: &u32| format!("{:02}:{:02}", minute / 60, minute % 60);
        let mut text = "policy ".to_owned();
        for (count, channel, per) in &self.caps {
            let per = match per {
                Per::Hours(n) => format!("{n} hours"),
                Per::Days(n) => format!("{n} days"),
                Per::Months(n) => format!("{n} months"),
            };
            text += &format!("at most {count} {} per {per}\n", channel.unwrap_or("messages"));
        }
        for (from, to, channel) in &self.quiet {
            let of = channel.map_or(String::new(), |c| format!(" for {c}"));
            text += &format!("quiet from {} to {}{of}\n", time(from), time(to));
        }
        text + "end rule r then send a email end"
    }

    fn door(&self) -> Door {
        Door::new(&program(&self.policy(), self.home), "test")
    }

    /// Whether the policy forbids a message now: said once more, plainly, from the policy's words.
    fn forbidden(&self, now: i64, channel: &str, sent: &[(String, i64)]) -> Option<Status> {
        let instant: DateTime<Utc> = Utc.timestamp_micros(now).unwrap();
        let zone: Tz = self.zone.and_then(|z| z.parse().ok()).unwrap_or(self.home);
        let local = instant.with_timezone(&zone);
        let minute = local.hour() * 60 + local.minute();
        let silent = self.quiet.iter().any(|(from, to, of)| {
            let night = from >= to && (minute >= *from || minute < *to);
            of.is_none_or(|c| c == channel) && (night || (*from..*to).contains(&minute))
        });
        if silent {
            return Some(Status::Quiet);
        }
        let full = self.caps.iter().any(|(count, of, per)| {
            let home = instant.with_timezone(&self.home).naive_local();
            let days_before = |days: i64| {
                // The same time of day on an earlier day: a time that does not exist is the first one after it.
                let day = home.checked_sub_days(Days::new(days as u64)).unwrap();
                (0..400)
                    .find_map(|m| {
                        self.home.from_local_datetime(&(day + chrono::TimeDelta::minutes(m))).earliest()
                    })
                    .unwrap()
            };
            let start = match per {
                Per::Hours(n) => now - n * 60 * MINUTE,
                Per::Days(n) => days_before(i64::from(*n)).timestamp_micros(),
                Per::Months(n) => {
                    let day = home.date().checked_sub_months(Months::new(*n)).unwrap();
                    let days = home.date().num_days_from_ce() - day.num_days_from_ce();
                    days_before(i64::from(days)).timestamp_micros()
                }
            };
            let counts = |c: &str| of.is_none_or(|of| of == c);
            counts(channel) && sent.iter().filter(|(c, at)| counts(c) && *at > start).count() >= *count
        });
        full.then_some(Status::Capped)
    }
}

fn program(rules: &str, zone: Tz) -> Program {
    let vocabulary = checked::vocabulary(SCHEMA, zone, Currency::CNY);
    let world = World { templates: [("a".to_owned(), "email".to_owned())].into(), ..World::default() };
    checked::program(rules, &vocabulary, &world)
}

fn row<'a>(
    channel: &'a str,
    zone: Option<&'a str>,
    expires: Option<i64>,
    sent: &'a [(String, i64)],
) -> AtGate<'a> {
    AtGate { kind: Kind::Message, rule: "r", customer: "c", channel, zone, expires, sent }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]

    #[test]
    fn caps_and_quiet_hours_hold_and_nothing_waits_longer_than_it_must(case in case()) {
        let door = case.door();
        let mut now = 1_735_689_600_000_000 + case.start * MINUTE;
        let mut sent: Vec<(String, i64)> = Vec::new();
        for (pause, channel) in &case.messages {
            now += pause * MINUTE;
            // A message that has to wait comes again when it was told to, until it may leave.
            for _ in 0..40 {
                let forbidden = case.forbidden(now, channel, &sent);
                // The store reads no further back than it is told to.
                let since = door.looks_back(now).unwrap_or(now);
                let counted: Vec<_> = sent.iter().filter(|(_, at)| *at >= since).cloned().collect();
                match door.judge(&row(channel, case.zone, None, &counted), now) {
                    None => {
                        prop_assert_eq!(forbidden, None, "let out at {}", now);
                        sent.push(((*channel).to_owned(), now));
                        break;
                    }
                    Some(Refusal::Waits { until, status }) => {
                        prop_assert_eq!(forbidden, Some(status), "held at {}", now);
                        prop_assert!(until > now);
                        prop_assert!(case.forbidden(until - 1, channel, &sent).is_some(), "waits too long: {} to {}", now, until);
                        let late = door.judge(&row(channel, case.zone, Some(until), &sent), now);
                        prop_assert!(matches!(late, Some(Refusal::Ends(s, _)) if s == status), "{:?}", late);
                        now = until;
                    }
                    Some(Refusal::Ends(..)) => panic!("it does not expire"),
                }
            }
        }
    }
}

/// On 2026-10-25 in Berlin the hour from two to three comes twice.
#[test]
fn silence_ends_in_the_second_of_two_hours_too() {
    let door = Door::new(
        &program("policy quiet from 05:19 to 02:23 end rule r then send a email end", Tz::UTC),
        "test",
    );
    let second = Utc.with_ymd_and_hms(2026, 10, 25, 1, 0, 0).unwrap().timestamp_micros();
    let judged = door.judge(&row("email", Some("Europe/Berlin"), None, &[]), second);
    assert!(
        matches!(judged, Some(Refusal::Waits { until, .. }) if until == second + 23 * MINUTE),
        "{judged:?}"
    );
}

#[test]
fn whoever_is_held_out_since_gets_nothing() {
    let door =
        |text: &str| Door::new(&program(&format!("rule r then send a email {text} end"), Tz::UTC), "test");
    let judge = |door: &Door, kind| door.judge(&AtGate { kind, ..row("email", None, None, &[]) }, 0);
    for kind in [Kind::Message, Kind::Coupon, Kind::Webhook] {
        assert_eq!(judge(&door(""), kind), None);
        assert!(matches!(judge(&door("hold out 99%"), kind), Some(Refusal::Ends(Status::Holdout, _))));
    }
}
