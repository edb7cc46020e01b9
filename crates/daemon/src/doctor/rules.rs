//! The rules, their schedules, and whether what they send can be made.

use super::{Part, Sheet};
use crate::site::Site;
use std::collections::BTreeSet;
use tidings_channels::Clock;
use tidings_check::program::{Action, Rule};
use tidings_plan::schedule::{Occurrence, occurrences};
use tidings_plan::{Grant, Key, Kind, Sending};
use tidings_schema::{Now, Type, Value, calendar, show};
use tidings_store::Outlet;

pub(super) fn look(site: &Site, clock: &Clock, sheet: &mut Sheet) {
    let rules = &site.program.rules;
    match (rules.len(), site.warnings) {
        (0, _) => {
            let folder = &site.project.config.rules;
            sheet.warn(
                Part::Project,
                format!("there is no rule in {folder}"),
                "write one, and see `tidings plan`",
            );
        }
        (count, 0) => {
            sheet.fine(Part::Project, format!("its rules are sound: {}", show::count(count as u64)))
        }
        (_, warnings) => sheet.warn(
            Part::Project,
            format!("its rules can be run, with {}", show::counted(warnings as u64, "warning")),
            "`tidings check` shows them",
        ),
    }
    messages(site, sheet);
    schedules(site, clock(), sheet);
}

/// Makes each message once, for a customer of whom nothing is known.
fn messages(site: &Site, sheet: &mut Sheet) {
    let steps = site
        .program
        .rules
        .iter()
        .flat_map(|rule| rule.then.iter().chain(&rule.otherwise).map(move |step| (rule, &step.action)));
    let attributes = &site.program.vocabulary.customer.attributes;
    let nothing: serde_json::Map<_, _> =
        attributes.iter().map(|a| (a.name.clone(), serde_json::Value::Null)).collect();
    let values = serde_json::json!({ "customer": nothing }).to_string();
    let (mut made, mut seen) = (0_u64, BTreeSet::new());
    for (rule, action) in steps {
        let Action::Message { template, channels, coupon } = action else { continue };
        for channel in channels.iter().filter(|c| seen.insert((template, *c, coupon.is_some()))) {
            let outlet = Outlet { kind: Kind::Message, channel: channel.clone() };
            let Some(carrier) = site.carrier(&outlet) else { continue };
            let declared = |name| site.project.config.delivery.coupons.get(name);
            let grant = coupon.as_ref().map(|name| Grant {
                code: "SAMPLE".to_owned(),
                value: declared(name).map(|c| c.value.clone()).unwrap_or_default(),
                label: declared(name).and_then(|c| c.label.clone()),
                expires: None,
            });
            match carrier.prepare(&sample(rule, template, channel, &values), grant.as_ref()) {
                Ok(_) => made += 1,
                Err(why) => sheet.broken(
                    Part::Project,
                    format!("the message {template} by {channel} cannot be made: {why}"),
                    "mend its template: it has to stand that nothing is known of a customer",
                ),
            }
        }
    }
    if made > 0 {
        sheet.fine(Part::Project, format!("{} can be made from templates", show::counted(made, "message")));
    }
}

fn sample(rule: &Rule, template: &str, channel: &str, values: &str) -> Sending {
    Sending {
        key: Key::new(b"a sample", rule.identity(), template, channel, "", ""),
        kind: Kind::Message,
        channel: channel.to_owned(),
        subject: template.to_owned(),
        address: Some("sample@example.com".to_owned()),
        customer: String::new(),
        rule: rule.name.clone(),
        values: values.to_owned(),
        at: 0,
    }
}

fn schedules(site: &Site, now: i64, sheet: &mut Sheet) {
    let (zone, rules) = (site.zone(), &site.program.rules);
    let first = |rule: &Rule| -> Option<Occurrence> {
        let end = rule.expires.map(|day| calendar::start_of_day(calendar::day_number(day), zone) - 1);
        occurrences(&rule.schedule, zone, now, end.unwrap_or(i64::MAX)).next()
    };
    let next = rules.iter().filter_map(|rule| Some((first(rule)?.at, &rule.name))).min();
    let waiting = rules.iter().filter(|rule| rule.awaits_events()).count() as u64;
    let today = calendar::date(Now { micros: now, zone }.today());
    for rule in rules {
        if let Some(day) = rule.expires.filter(|day| *day <= today) {
            let mend = "give it a later `expires`, or take it out";
            sheet.warn(
                Part::Schedules,
                format!("{} is over since {day}, and sends nothing", rule.name),
                mend,
            );
        }
    }
    match next {
        Some((at, rule)) => {
            let at = show::show(&Type::Moment, &Value::Moment(at), zone);
            sheet.fine(Part::Schedules, format!("next is {rule} at {at} ({zone})"));
        }
        None if waiting == 0 && !rules.is_empty() => {
            let mend = "all have expired, or their times do not come again";
            sheet.warn(Part::Schedules, "no rule will ever run again", mend);
        }
        None => {}
    }
    if waiting > 0 {
        let (rules, wait) = (show::counted(waiting, "rule"), show::verb(waiting, "wait"));
        sheet.fine(Part::Schedules, format!("{rules} {wait} for events"));
    }
}
