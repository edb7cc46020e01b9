//! When rules run: days and times that exist.

use crate::program::{Condition, ConditionKind, Days, Schedule, Term, TermKind};
use crate::{Checker, Scope};
use chrono::{NaiveTime, TimeZone, Utc, Weekday};
use std::str::FromStr;
use tidings_schema::{ElapsedUnit, EventSource, Type, Value};
use tidings_syntax::tree::{self, CompareOp, Side, Unit};
use tidings_syntax::{Code, Diagnostic, Place, Spanned};

/// Every day at ten in the morning: the schedule of rules that name none, where the policy names none.
pub(crate) fn usual() -> Schedule {
    Schedule::Daily(Days::All, morning())
}

fn morning() -> NaiveTime {
    NaiveTime::from_hms_opt(10, 0, 0).unwrap_or(NaiveTime::MIN)
}

impl Checker<'_> {
    /// A schedule, and the comparison with a customer's date that it implies.
    pub(crate) fn schedule(
        &mut self,
        tree: &tree::Schedule,
        place: Place,
    ) -> Option<(Schedule, Option<Condition>)> {
        let time = |at: &Option<Spanned<NaiveTime>>| at.as_ref().map_or_else(morning, |t| t.node);
        match tree {
            tree::Schedule::Every(days, at) => Some((Schedule::Daily(self.days(days)?, time(at)), None)),
            tree::Schedule::Interval(length) => {
                let seconds = match length.node.unit {
                    Unit::Minute => 60,
                    Unit::Hour => 3600,
                    _ => 0,
                } * i64::from(length.node.count);
                if seconds == 0 {
                    return self.report(
                        Diagnostic::new(
                            Code::BAD_SCHEDULE,
                            self.place(length.span),
                            "only minutes and hours can be counted off",
                        )
                        .help(
                            "write `every day`, `every monday`, `every month on day 1`, or `every 2 hours`",
                        ),
                    );
                }
                Some((Schedule::Interval(seconds), None))
            }
            tree::Schedule::Cron(text) => Some((Schedule::Cron(self.cron(text)?), None)),
            tree::Schedule::On(event) => {
                self.event(event)?;
                if !self.has_moments(&event.node) {
                    let place = self.place(event.span);
                    let message = format!("{} has only a day, and this waits for a moment", event.node);
                    return self.report(
                        Diagnostic::new(Code::BAD_SCHEDULE, place, message)
                            .help("write `every day at 10:00`, and ask for the day with `if`"),
                    );
                }
                Some((Schedule::On(event.node.clone()), None))
            }
            tree::Schedule::Around { length, side, date, at } => {
                let condition = self.around(length, *side, date, place)?;
                Some((Schedule::OnTheDay(time(at)), Some(condition)))
            }
        }
    }

    /// Whether an event is known to the moment.
    fn has_moments(&self, event: &str) -> bool {
        let source = self.vocabulary.events.iter().find(|e| e.name == event).map(|e| &e.source);
        let time = match source {
            Some(EventSource::Attribute(id)) => self.vocabulary.attribute(*id),
            Some(EventSource::Row(id)) => self.vocabulary.collection(*id).and_then(|c| c.field(c.time)),
            None => None,
        };
        time.is_some_and(|time| time.ty == Type::Moment)
    }

    fn days(&mut self, days: &tree::Days) -> Option<Days> {
        Some(match days {
            tree::Days::All => Days::All,
            tree::Days::Weekdays => {
                Days::Of(vec![Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri])
            }
            tree::Days::Of(days) => Days::Of(days.iter().map(|d| d.node).collect()),
            tree::Days::Month(day) => {
                let place = self.place(day.span);
                if !(1..=31).contains(&day.node) {
                    return self.report(
                        Diagnostic::new(
                            Code::BAD_SCHEDULE,
                            place,
                            format!("no month has a day {}", day.node),
                        )
                        .help("write a day from 1 to 31"),
                    );
                }
                if day.node > 28 {
                    self.diagnostics.push(
                        Diagnostic::new(
                            Code::SHORT_MONTHS,
                            place,
                            format!("months without a day {} are passed over", day.node),
                        )
                        .help("a day up to the 28th is in every month"),
                    );
                }
                Days::Month(day.node)
            }
        })
    }

    /// The usual five fields, weekdays by name, as the six fields of the `cron` crate; a schedule that never
    /// comes is an error.
    fn cron(&mut self, text: &tree::Text) -> Option<String> {
        let place = self.place(text.span);
        let wrong = |message: &str| {
            Diagnostic::new(Code::BAD_SCHEDULE, place, message.to_owned())
                .help("the five fields are minute, hour, day of the month, month and weekday by name: \"0 10 * * mon-fri\"")
        };
        let fields: Vec<&str> = text.node.split_whitespace().collect();
        let &[minute, hour, day, month, weekday] = fields.as_slice() else {
            return self
                .report(wrong(&format!("a cron pattern has five fields, and this has {}", fields.len())));
        };
        if weekday.chars().any(|c| c.is_ascii_digit()) {
            return self
                .report(wrong("weekdays are written by name, since programs disagree on their numbers"));
        }
        let six = format!("0 {minute} {hour} {day} {month} {weekday}");
        let Ok(parsed) = cron::Schedule::from_str(&six) else {
            return self.report(wrong("this cron pattern cannot be read"));
        };
        // The pattern is laid over civil time; which year it is asked from decides nothing but leap days.
        let from = Utc.with_ymd_and_hms(2024, 1, 1, 0, 0, 0).single()?;
        if parsed.after(&from).next().is_none() {
            return self.report(wrong("no day fits this cron pattern"));
        }
        Some(six)
    }

    /// `7 days before birthday` as a comparison with today.
    fn around(
        &mut self,
        length: &Spanned<tree::Length>,
        side: Side,
        path: &tree::Path,
        place: Place,
    ) -> Option<Condition> {
        let days = match length.node.unit {
            Unit::Day => i64::from(length.node.count),
            Unit::Week => i64::from(length.node.count) * 7,
            _ => {
                return self.report(
                    Diagnostic::new(
                        Code::WRONG_UNIT,
                        self.place(length.span),
                        "only days and weeks are counted from a date",
                    )
                    .help("write `30 days before …`"),
                );
            }
        };
        let first = path.parts.first()?;
        let span = first.span.to(path.parts.last()?.span);
        let term = self.term(&Spanned::new(tree::ExprKind::Path(path.clone()), span), Scope::Customer)?;
        let yearly = match term.kind {
            TermKind::Attribute(id) => self.vocabulary.attribute(id).is_some_and(|a| a.yearly),
            _ => false,
        };
        let date = Box::new(self.as_date(term)?);
        let at = self.place(span);
        let round = |kind: TermKind| Box::new(Term { kind, ty: Type::Date, place: at });
        let unit = ElapsedUnit::Days;
        let kind = match (side, yearly) {
            (Side::Before, true) => TermKind::Until(unit, round(TermKind::Next(date))),
            (Side::Before, false) => TermKind::Until(unit, date),
            (Side::After, true) => TermKind::Since(unit, round(TermKind::Last(date))),
            (Side::After, false) => TermKind::Since(unit, date),
        };
        let ty = Type::Elapsed(unit);
        let left = Term { kind, ty: ty.clone(), place };
        let right = Term { kind: TermKind::Constant(Value::Count(days)), ty, place };
        Some(Condition { kind: ConditionKind::Compare(CompareOp::Equal, left, right), place })
    }
}
