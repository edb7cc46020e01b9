//! When a rule runs.

use super::Lower;
use crate::grammar::{Pair, Rule, find, has, parts};
use crate::span::Spanned;
use crate::tree::{Days, Length, Schedule, Side, Unit};
use chrono::{NaiveTime, Weekday};

impl Lower<'_> {
    pub(super) fn schedule(&mut self, pair: &Pair<'_>) -> Option<Schedule> {
        let inner = parts(pair.clone()).next()?;
        Some(match inner.as_rule() {
            Rule::length => Schedule::Interval(self.length(&inner)?),
            Rule::unit_interval => {
                let unit = if has(&inner, Rule::k_hour) { Unit::Hour } else { Unit::Minute };
                Schedule::Interval(Spanned::new(Length { count: 1, unit }, self.span(&inner)))
            }
            Rule::days => {
                let days = self.days(&inner)?;
                Schedule::Every(days, self.at_time(pair)?)
            }
            Rule::text => Schedule::Cron(self.text(&inner)),
            Rule::name => Schedule::On(self.name(&inner)),
            _ => Schedule::Around {
                length: self.find_length(&inner)?,
                side: if has(&inner, Rule::k_before) { Side::Before } else { Side::After },
                date: self.find_path(&inner)?,
                at: self.at_time(&inner)?,
            },
        })
    }

    /// `at 10:00`, if it is said.
    fn at_time(&mut self, pair: &Pair<'_>) -> Option<Option<Spanned<NaiveTime>>> {
        match find(pair, Rule::at) {
            Some(at) => self.time(&find(&at, Rule::time_of_day)?).map(Some),
            None => Some(None),
        }
    }

    fn days(&mut self, pair: &Pair<'_>) -> Option<Days> {
        Some(match pair.clone().into_inner().next()?.as_rule() {
            Rule::k_day => Days::All,
            Rule::k_weekday => Days::Weekdays,
            Rule::k_month => Days::Month(self.find_whole(pair, "a day of the month")?),
            _ => {
                let days =
                    parts(pair.clone()).map(|d| Some(Spanned::new(weekday(d.as_str())?, self.span(&d))));
                Days::Of(days.collect::<Option<_>>()?)
            }
        })
    }
}

/// `monday`, `Monday`, `mondays`
fn weekday(text: &str) -> Option<Weekday> {
    text.to_ascii_lowercase().trim_end_matches('s').parse().ok()
}
