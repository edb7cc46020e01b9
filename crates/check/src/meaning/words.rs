//! The clauses of a rule and of the policy in the language's words.

use super::Meaning;
use crate::program::{
    Action, Cap, CatchUp, Days, Lateness, Limit, Losers, Overlap, Policy, Quiet, Repeat, Rule, Schedule,
    Step, UnknownZone, Window,
};
use chrono::NaiveTime;
use tidings_schema::show::{length, show};
use tidings_schema::{AttributeId, Type, Value, Vocabulary, money};

/// What of a rule, and in words.
pub(super) fn clauses(rule: &Rule, vocabulary: &Vocabulary) -> Vec<(&'static str, String)> {
    let said = |text: &Option<String>| text.clone().unwrap_or_default();
    let not_run: Vec<&str> = rule.not_run.iter().map(|n| n.what).collect();
    let budget = rule.budget.as_ref().map(|b| {
        let (amount, code) = (money::to_major(b.amount, b.currency), b.currency.code());
        format!("{amount} {code} per {}", window(b.per))
    });
    vec![
        ("label", said(&rule.label)),
        ("owner", said(&rule.owner)),
        ("schedule", schedule(&rule.schedule)),
        (Meaning::ACTIONS, steps(&rule.then, vocabulary)),
        (Meaning::ELSE, steps(&rule.otherwise, vocabulary)),
        ("repeat", repeat(rule.repeat)),
        ("hold out", rule.hold_out.map(share).unwrap_or_default()),
        ("limit", rule.limit.map(limit).unwrap_or_default()),
        ("budget", budget.unwrap_or_default()),
        ("expires", rule.expires.map(|day| day.to_string()).unwrap_or_default()),
        ("priority", rule.priority.to_string()),
        ("if missed", missed(rule.catch_up).to_owned()),
        ("if still running", overlap(rule.overlap).to_owned()),
        ("if late", rule.late.map(late).unwrap_or_default()),
        ("not run yet", not_run.join(", ")),
    ]
}

/// A clause each.
pub(super) fn policy(policy: &Policy) -> Vec<String> {
    let caps = policy.caps.iter().map(cap);
    caps.chain(policy.quiet.iter().map(quiet))
        .chain(policy.hold_out.map(|s| format!("hold out {}", share(s))))
        .collect()
}

pub(super) fn cap(Cap { count, channel, per, losers }: &Cap) -> String {
    let what = channel.as_deref().unwrap_or(if *count == 1 { "message" } else { "messages" });
    let then = if *losers == Losers::Skip { " then skip" } else { "" };
    format!("at most {count} {what} per {}{then}", window(*per))
}

fn quiet(Quiet { from, to, channel, unknown_zone }: &Quiet) -> String {
    let channel = channel.as_ref().map(|c| format!(" for {c}")).unwrap_or_default();
    let unknown = if *unknown_zone == UnknownZone::Held { ", unknown zones wait" } else { "" };
    format!("quiet from {} to {}{channel}{unknown}", time(*from), time(*to))
}

fn steps(steps: &[Step], vocabulary: &Vocabulary) -> String {
    let name = |id: &AttributeId| vocabulary.attribute(*id).map_or("", |a| a.name.as_str());
    let words = |step: &Step| match &step.action {
        Action::Message { template, channels, coupon } => {
            let with = coupon.as_ref().map(|c| format!(" with {c} coupon")).unwrap_or_default();
            format!("send {template} {}{with}", channels.join(" or "))
        }
        Action::Coupon(name) => format!("send {name} coupon"),
        Action::Webhook(name) => format!("call {name} webhook"),
        Action::Notify(team) => format!("notify \"{team}\""),
        Action::AddTag(_, tag) => format!("add tag \"{tag}\""),
        Action::RemoveTag(_, tag) => format!("remove tag \"{tag}\""),
        Action::Set(id, value) => format!("set {} = {}", name(id), shown(vocabulary, *id, value)),
    };
    steps.iter().map(words).collect::<Vec<_>>().join(", ")
}

fn shown(vocabulary: &Vocabulary, id: AttributeId, value: &Value) -> String {
    let ty = vocabulary.attribute(id).map_or(&Type::Text, |a| &a.ty);
    show(ty, value, vocabulary.zone)
}

fn schedule(schedule: &Schedule) -> String {
    match schedule {
        Schedule::Daily(Days::All, at) => format!("every day at {}", time(*at)),
        Schedule::Daily(Days::Of(days), at) => {
            let days: Vec<String> = days.iter().map(ToString::to_string).collect();
            format!("every {} at {}", days.join(", "), time(*at))
        }
        Schedule::Daily(Days::Month(day), at) => format!("on day {day} of the month at {}", time(*at)),
        Schedule::Interval(seconds) => format!("every {}", duration(*seconds)),
        Schedule::Cron(pattern) => format!("cron \"{pattern}\""),
        Schedule::OnTheDay(at) => format!("on the day at {}", time(*at)),
        Schedule::On(event) => format!("on {event}"),
    }
}

fn repeat(repeat: Repeat) -> String {
    match repeat {
        Repeat::Once => "once".to_owned(),
        Repeat::AtMostOncePer(per) => format!("at most once per {}", window(per)),
        Repeat::EveryEntry => "on every entry".to_owned(),
        Repeat::EveryTime => "every time".to_owned(),
    }
}

fn limit(limit: Limit) -> String {
    match limit {
        Limit::Customers(most) => format!("{most} customers"),
        Limit::Share(most) => format!("{} of customers", share(most)),
    }
}

fn missed(catch_up: CatchUp) -> &'static str {
    match catch_up {
        CatchUp::Latest => "run latest",
        CatchUp::All => "run all",
        CatchUp::None => "skip",
    }
}

fn overlap(overlap: Overlap) -> &'static str {
    match overlap {
        Overlap::Skip => "skip",
        Overlap::Wait => "wait",
    }
}

fn late(late: Lateness) -> String {
    match late {
        Lateness::Seconds(seconds) => format!("by more than {} then skip", duration(seconds)),
        Lateness::Any => "send".to_owned(),
    }
}

fn window(window: Window) -> String {
    match window {
        Window::Days(days) => length(days.into(), "day"),
        Window::Months(months) => length(months.into(), "month"),
        // 24 hours are not a day where clocks are set.
        Window::Seconds(seconds) if seconds % 3_600 == 0 => length(seconds / 3_600, "hour"),
        Window::Seconds(seconds) => duration(seconds),
        Window::Between(from, to) => {
            let day = |day: Option<chrono::NaiveDate>| day.map(|d| d.to_string()).unwrap_or_default();
            format!("{} to {}", day(from), day(to))
        }
    }
}

fn duration(seconds: i64) -> String {
    show(&Type::Duration, &Value::Count(seconds), chrono_tz::UTC)
}

fn share(share: f64) -> String {
    show(&Type::Percent, &Value::Number(share), chrono_tz::UTC)
}

fn time(time: NaiveTime) -> String {
    time.format("%H:%M").to_string()
}
