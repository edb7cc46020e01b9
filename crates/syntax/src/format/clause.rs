//! Clauses and actions.

use super::page::Page;
use super::word;
use crate::span::Spanned;
use crate::tree::{
    Action, Amount, Clause, Days, Late, Losers, Missed, Overlap, PolicyClause, Repeat, Schedule, Side,
    Variant,
};
use chrono::{NaiveTime, Weekday};

impl Page<'_> {
    /// The bare sentence: on one line where it is short.
    pub(super) fn sentence(&mut self, sentence: &Spanned<Vec<Spanned<Clause>>>) {
        let clauses = &sentence.node;
        if let [condition, then] = clauses.as_slice()
            && let (Clause::If(test), Clause::Then(actions)) = (&condition.node, &then.node)
            && let [action] = actions.as_slice()
            && let Some(action) = simple_action(&action.node)
            && !self.comment_before(sentence.span.end)
        {
            let line = format!("if {} then {action}", super::condition::flat(test));
            if super::width(&line) <= self.room() {
                self.word(&line);
                return self.end_line(u32::MAX);
            }
        }
        for (i, clause) in clauses.iter().enumerate() {
            self.before(clause.span.start);
            self.clause(clause, clauses.get(i + 1).map_or(u32::MAX, |n| n.span.start));
        }
    }

    pub(super) fn clause(&mut self, clause: &Spanned<Clause>, next: u32) {
        let text = match &clause.node {
            Clause::If(condition) => {
                self.word("if");
                self.expr(condition);
                return self.end_line(next);
            }
            Clause::Then(actions) => return self.actions("then", actions, next),
            Clause::Else(actions) => return self.actions("else", actions, next),
            Clause::Was(name) => format!("was {}", word::name(&name.node)),
            Clause::Owner(owner) => format!("owner {}", word::text(&owner.node)),
            Clause::When(when) => schedule(when),
            Clause::For(segment) => format!("for {}", word::name(&segment.node)),
            Clause::Repeat(Repeat::Once) => "once".to_owned(),
            Clause::Repeat(Repeat::AtMostOncePer(l)) => {
                format!("repeat at most once per {}", word::period(l.node))
            }
            Clause::Repeat(Repeat::EveryEntry) => "repeat on every entry".to_owned(),
            Clause::Repeat(Repeat::EveryTime) => "repeat every time".to_owned(),
            Clause::Limit(Amount::Customers(n)) => format!("limit {} customers", n.node),
            Clause::Limit(Amount::Percent(p)) => format!("limit {}% of customers", p.node),
            Clause::Budget(money, per) => {
                format!("budget {} per {}", word::literal(&money.node), word::period(per.node))
            }
            Clause::HoldOut(share) => format!("hold out {}%", share.node),
            Clause::Priority(priority) => format!("priority {}", priority.node),
            Clause::Expires(date) => format!("expires {}", date.node),
            Clause::Late(length, late) => {
                let then = if *late == Late::Skip { "skip" } else { "send" };
                format!("if late by more than {} then {then}", word::length(length.node))
            }
            Clause::Missed(what) => missed(*what).to_owned(),
            Clause::Overlap(what) => overlap(*what).to_owned(),
            Clause::Goal { event, within, worth } => {
                let goal = format!("goal {} within {}", word::name(&event.node), word::length(within.node));
                worth.as_ref().map_or(goal.clone(), |w| format!("{goal} worth {}", word::path(w)))
            }
        };
        self.word(&text);
        self.end_line(next);
    }

    pub(super) fn policy_clause(&mut self, clause: &Spanned<PolicyClause>, next: u32) {
        let text = match &clause.node {
            PolicyClause::Cap { count, channel, per, losers } => {
                let what = channel.as_ref().map_or("messages".to_owned(), |c| word::name(&c.node));
                let then = match losers {
                    None => "",
                    Some(Losers::Wait) => " then wait",
                    Some(Losers::Skip) => " then skip",
                };
                format!("at most {} {what} per {}{then}", count.node, word::period(per.node))
            }
            PolicyClause::Quiet { from, to, channel, unknown_wait } => {
                let of = channel.as_ref().map_or(String::new(), |c| format!(" for {}", word::name(&c.node)));
                let unknown = if *unknown_wait { ", unknown zones wait" } else { "" };
                format!("quiet from {} to {}{of}{unknown}", time(from.node), time(to.node))
            }
            PolicyClause::HoldOut(share) => format!("hold out {}%", share.node),
            PolicyClause::Missed(what) => missed(*what).to_owned(),
            PolicyClause::Overlap(what) => overlap(*what).to_owned(),
            PolicyClause::When(when) => schedule(when),
        };
        self.word(&text);
        self.end_line(next);
    }

    /// One simple action stays on the line of its word; several get lines of their own.
    fn actions(&mut self, lead: &str, actions: &[Spanned<Action>], next: u32) {
        self.word(lead);
        match actions {
            [only] if simple_action(&only.node).is_some() && !self.comment_before(only.span.start) => {
                self.action(only, next);
            }
            _ => {
                self.end_line(actions.first().map_or(next, |a| a.span.start));
                self.indent += 1;
                for (i, action) in actions.iter().enumerate() {
                    self.before(action.span.start);
                    self.action(action, actions.get(i + 1).map_or(next, |n| n.span.start));
                }
                self.indent -= 1;
            }
        }
    }

    pub(super) fn action(&mut self, action: &Spanned<Action>, next: u32) {
        match &action.node {
            Action::Set(name, value) => {
                self.word(&format!("set {} =", word::name(&name.node)));
                self.expr(value);
            }
            Action::Split(variants) => {
                self.word("split");
                self.block(variants, action.span.end, |page, variant, next| page.variant(variant, next));
                self.word("end");
            }
            other => self.word(&simple_action(other).unwrap_or_default()),
        }
        self.end_line(next);
    }

    fn variant(&mut self, variant: &Spanned<Variant>, next: u32) {
        let v = &variant.node;
        let lead = format!("{}% {}:", v.share.node, word::name(&v.name.node));
        self.actions(&lead, &v.actions, next);
    }
}

/// An action that has no expression and no block inside.
pub(super) fn simple_action(action: &Action) -> Option<String> {
    Some(match action {
        Action::Send { template, channels, coupon } => {
            let channels: Vec<String> = channels.iter().map(|c| word::narrow(&c.node)).collect();
            let send = format!("send {} {}", word::name(&template.node), channels.join(" or "));
            coupon.as_ref().map_or(send.clone(), |c| format!("{send} with {} coupon", word::name(&c.node)))
        }
        Action::Coupon(name) => format!("send {} coupon", word::name(&name.node)),
        Action::AddTag(tag) => format!("add tag {}", word::text(&tag.node)),
        Action::RemoveTag(tag) => format!("remove tag {}", word::text(&tag.node)),
        Action::Call(name) => format!("call {} webhook", word::name(&name.node)),
        Action::Start(name) => format!("start {}", word::name(&name.node)),
        Action::Stop(name) => format!("stop {}", word::name(&name.node)),
        Action::Notify(text) => format!("notify {}", word::text(&text.node)),
        Action::Set(..) | Action::Split(_) => return None,
    })
}

fn schedule(schedule: &Schedule) -> String {
    let at = |time_of_day: &Option<Spanned<NaiveTime>>| {
        time_of_day.as_ref().map_or(String::new(), |t| format!(" at {}", time(t.node)))
    };
    match schedule {
        Schedule::Every(every, time) => format!("every {}{}", days(every), at(time)),
        Schedule::Interval(length) => format!("every {}", word::length(length.node)),
        Schedule::Cron(cron) => format!("cron {}", word::text(&cron.node)),
        Schedule::On(event) => format!("on {}", word::name(&event.node)),
        Schedule::Around { length, side, date, at: time } => {
            let side = if *side == Side::Before { "before" } else { "after" };
            format!("{} {side} {}{}", word::length(length.node), word::path(date), at(time))
        }
    }
}

fn missed(missed: Missed) -> &'static str {
    match missed {
        Missed::Latest => "if missed then run latest",
        Missed::All => "if missed then run all",
        Missed::Skip => "if missed then skip",
    }
}

fn overlap(overlap: Overlap) -> &'static str {
    match overlap {
        Overlap::Skip => "if still running then skip",
        Overlap::Wait => "if still running then wait",
    }
}

fn days(days: &Days) -> String {
    match days {
        Days::All => "day".to_owned(),
        Days::Weekdays => "weekday".to_owned(),
        Days::Of(days) => days.iter().map(|d| weekday(d.node)).collect::<Vec<_>>().join(", "),
        Days::Month(day) => format!("month on day {}", day.node),
    }
}

fn weekday(day: Weekday) -> &'static str {
    match day {
        Weekday::Mon => "monday",
        Weekday::Tue => "tuesday",
        Weekday::Wed => "wednesday",
        Weekday::Thu => "thursday",
        Weekday::Fri => "friday",
        Weekday::Sat => "saturday",
        Weekday::Sun => "sunday",
    }
}

fn time(time: NaiveTime) -> String {
    time.format("%H:%M").to_string()
}
