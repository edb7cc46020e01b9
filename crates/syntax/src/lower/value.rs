//! Written-out values: numbers, money, lengths, days, times.

use super::Lower;
use super::slip::Wanted;
use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::grammar::{Pair, Rule, find, has};
use crate::span::Spanned;
use crate::tree::{Length, Literal, Unit};
use chrono::{NaiveDate, NaiveTime};
use rust_decimal::Decimal;
use std::str::FromStr;

impl Lower<'_> {
    pub(super) fn literal(&mut self, pair: &Pair<'_>) -> Option<Spanned<Literal>> {
        let inner = pair.clone().into_inner().next()?;
        let literal = match inner.as_rule() {
            Rule::truth => Literal::Truth(has(&inner, Rule::k_true)),
            Rule::text => Literal::Text(self.text(&inner).node),
            Rule::date => Literal::Date(self.date(&inner)?.node),
            Rule::quantity => Literal::Length(self.quantity(&inner)?.node),
            Rule::money => {
                let currency = find(&inner, Rule::currency)?.as_str().to_owned();
                Literal::Money(self.number(&find(&inner, Rule::number)?)?, currency)
            }
            Rule::percent => Literal::Percent(self.number(&find(&inner, Rule::number)?)?),
            Rule::number => Literal::Number(self.number(&inner)?),
            _ => return self.slip(&inner, Wanted::Value),
        };
        Some(Spanned::new(literal, self.span(pair)))
    }

    pub(super) fn number(&mut self, pair: &Pair<'_>) -> Option<Decimal> {
        let number = Decimal::from_str_exact(pair.as_str()).ok();
        if number.is_none() {
            let place = self.place(pair);
            self.report(
                Diagnostic::new(Code::BAD_NUMBER, place, "this number has too many digits")
                    .label("more than 28 digits")
                    .help("write it with fewer digits"),
            );
        }
        number
    }

    /// A whole number that fits into `T`.
    pub(super) fn whole<T: FromStr>(&mut self, pair: &Pair<'_>, what: &str) -> Option<Spanned<T>> {
        let span = self.span(pair);
        let whole = pair.as_str().parse().ok();
        if whole.is_none() {
            self.report(
                Diagnostic::new(Code::BAD_NUMBER, self.at(span), format!("{what} is a whole number"))
                    .label(format!("`{}` is not one that can be used here", pair.as_str()))
                    .help("write a whole number, such as `5`"),
            );
        }
        whole.map(|w| Spanned::new(w, span))
    }

    /// The number directly inside.
    pub(super) fn find_whole<T: FromStr>(&mut self, pair: &Pair<'_>, what: &str) -> Option<Spanned<T>> {
        self.whole(&find(pair, Rule::number)?, what)
    }

    fn quantity(&mut self, pair: &Pair<'_>) -> Option<Spanned<Length>> {
        let unit = unit(find(pair, Rule::unit)?.as_str())?;
        let count = self.find_whole(pair, "a length of time")?.node;
        Some(Spanned::new(Length { count, unit }, self.span(pair)))
    }

    /// `90 days`, or what was written in its place.
    pub(super) fn length(&mut self, pair: &Pair<'_>) -> Option<Spanned<Length>> {
        let inner = pair.clone().into_inner().next()?;
        match inner.as_rule() {
            Rule::quantity => self.quantity(&inner),
            _ => {
                self.slip(&inner, Wanted::Length);
                None
            }
        }
    }

    pub(super) fn find_length(&mut self, pair: &Pair<'_>) -> Option<Spanned<Length>> {
        find(pair, Rule::length).and_then(|l| self.length(&l))
    }

    /// `per 60 days`, `per week`.
    pub(super) fn per(&mut self, pair: &Pair<'_>) -> Option<Spanned<Length>> {
        let per = find(pair, Rule::per)?;
        match find(&per, Rule::unit) {
            Some(unit_pair) => {
                let unit = unit(unit_pair.as_str())?;
                Some(Spanned::new(Length { count: 1, unit }, self.span(&unit_pair)))
            }
            None => self.find_length(&per),
        }
    }

    /// `10%`: 10.
    pub(super) fn share(&mut self, pair: &Pair<'_>) -> Option<Spanned<Decimal>> {
        let share = find(pair, Rule::share)?;
        let inner = share.clone().into_inner().next()?;
        if inner.as_rule() == Rule::percent {
            let number = self.number(&find(&inner, Rule::number)?)?;
            return Some(Spanned::new(number, self.span(&share)));
        }
        let number = self.number(&inner)?;
        let place = self.place(&inner);
        let share = if number < Decimal::ONE { number * Decimal::ONE_HUNDRED } else { number };
        let percent = format!("{}%", share.normalize());
        self.report(
            Diagnostic::new(Code::NOT_PERCENT, place, "a share is written in percent")
                .label("the `%` is missing")
                .fix("write it with `%`", place, percent),
        );
        None
    }

    pub(super) fn date(&mut self, pair: &Pair<'_>) -> Option<Spanned<NaiveDate>> {
        let mut parts = pair.as_str().splitn(3, '-').map(str::parse::<u32>);
        let (Some(Ok(year)), Some(Ok(month)), Some(Ok(day))) = (parts.next(), parts.next(), parts.next())
        else {
            return None;
        };
        let date = NaiveDate::from_ymd_opt(year as i32, month, day);
        if date.is_none() {
            self.bad_date(pair, year as i32, month);
        }
        date.map(|d| Spanned::new(d, self.span(pair)))
    }

    fn bad_date(&mut self, pair: &Pair<'_>, year: i32, month: u32) {
        let place = self.place(pair);
        let found = Diagnostic::new(Code::BAD_DATE, place, format!("there is no {}", pair.as_str()));
        let last = (28..=31).rev().find_map(|d| NaiveDate::from_ymd_opt(year, month, d));
        self.report(match last {
            Some(last) => found.label(format!("the last day of this month is {last}")).fix(
                "write the last day of the month",
                place,
                last.to_string(),
            ),
            None => found
                .label("a year has 12 months")
                .help("a date is year, month and day, such as `2026-11-30`"),
        });
    }

    /// A day of the calendar in a clause.
    pub(super) fn day(&mut self, pair: &Pair<'_>) -> Option<Spanned<NaiveDate>> {
        let inner = find(pair, Rule::day)?.into_inner().next()?;
        match inner.as_rule() {
            Rule::date => self.date(&inner),
            _ => {
                self.slip(&inner, Wanted::Date);
                None
            }
        }
    }

    /// `10:00`, or what was written in its place.
    pub(super) fn time(&mut self, pair: &Pair<'_>) -> Option<Spanned<NaiveTime>> {
        let inner = pair.clone().into_inner().next()?;
        if inner.as_rule() != Rule::time {
            self.slip(&inner, Wanted::Time);
            return None;
        }
        let text = inner.as_str();
        let (hour, minute) = text.split_once(':')?;
        let (hour, plain) = (hour.parse().ok()?, minute.len() == 2);
        let time = minute.get(..2)?.parse().ok().and_then(|m| NaiveTime::from_hms_opt(hour, m, 0));
        match time {
            Some(time) if plain => Some(Spanned::new(time, self.span(&inner))),
            Some(time) => {
                let half = text.to_ascii_lowercase();
                let hour = match hour {
                    12 if half.ends_with("am") => 0,
                    1..12 if half.ends_with("pm") => hour + 12,
                    _ => hour,
                };
                self.bad_time(&inner, "a time is hours and minutes, from 00:00 to 23:59", Some((hour, time)));
                None
            }
            None => {
                self.bad_time(&inner, &format!("there is no {text} on the clock"), None);
                None
            }
        }
    }

    fn bad_time(&mut self, pair: &Pair<'_>, message: &str, meant: Option<(u32, NaiveTime)>) {
        let place = self.place(pair);
        let found = Diagnostic::new(Code::BAD_DATE, place, message);
        self.report(match meant {
            Some((hour, time)) => {
                let text = format!("{hour:02}:{}", time.format("%M"));
                found.label("not in this form").fix("write the time on a clock of 24 hours", place, text)
            }
            None => found
                .label("a day goes from 00:00 to 23:59")
                .help("write a time from `00:00` to `23:59`; midnight is `00:00`"),
        });
    }
}

/// The unit of that name, singular or plural, whatever its capitals.
pub(super) fn unit(text: &str) -> Option<Unit> {
    Some(match text.to_ascii_lowercase().trim_end_matches('s') {
        "minute" => Unit::Minute,
        "hour" => Unit::Hour,
        "day" => Unit::Day,
        "week" => Unit::Week,
        "month" => Unit::Month,
        "year" => Unit::Year,
        _ => return None,
    })
}
