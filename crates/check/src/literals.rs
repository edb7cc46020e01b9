//! What is written out, as a value of the type that its place asks for.

use crate::Checker;
use crate::names::Named;
use crate::program::Window;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use tidings_schema::money::{self, AmountError};
use tidings_schema::{Currency, ElapsedUnit, OneOf, Type, Value, calendar};
use tidings_syntax::tree::{self, Expr, ExprKind, Length, Literal, Unit};
use tidings_syntax::{Code, Diagnostic, Place, Spanned};

impl Checker<'_> {
    /// A literal or a bare word as a value of a type.
    pub(crate) fn constant_as(&mut self, expr: &Expr, ty: &Type) -> Option<Value> {
        match (&expr.node, ty) {
            (ExprKind::Literal(literal), _) => self.literal_as(&Spanned::new(literal.clone(), expr.span), ty),
            (ExprKind::Path(path), Type::OneOf(list)) if path.parts.len() == 1 => {
                let name = path.parts.first()?;
                self.word(name, list)
            }
            (ExprKind::Path(path), Type::YesNo) if path.parts.len() == 1 => self.report_yes_no(expr),
            (ExprKind::Path(_), Type::Text) => self.report_needs_quotes(expr),
            _ => {
                let place = self.place(expr.span);
                self.report(
                    Diagnostic::new(
                        Code::WRONG_TYPE,
                        place,
                        "only values that are written out can stand in a list",
                    )
                    .help("use `or` between comparisons instead"),
                )
            }
        }
    }

    pub(crate) fn report_yes_no<T>(&mut self, expr: &Expr) -> Option<T> {
        let place = self.place(expr.span);
        let fix = match self.text(expr.span).to_lowercase().as_str() {
            "yes" | "y" | "on" => "true",
            "no" | "n" | "off" => "false",
            _ => {
                return self.report(
                    Diagnostic::new(Code::TRUE_OR_FALSE, place, "this is compared with yes or no")
                        .help("write `true` or `false`"),
                );
            }
        };
        self.report(
            Diagnostic::new(Code::TRUE_OR_FALSE, place, format!("yes and no are written {fix} here"))
                .fix("write", place, fix),
        )
    }

    /// A word of a one-of.
    pub(crate) fn word(&mut self, name: &tree::Name, list: &OneOf) -> Option<Value> {
        if let Some(position) = list.position(&name.node) {
            return Some(Value::Word(position));
        }
        let what = format!("word in {}", list.name);
        self.unknown_among(Code::NOT_A_WORD, name, &what, list.words.iter().map(|w| w.name.as_str()))
    }

    /// A literal as a value of a type.
    pub(crate) fn literal_as(&mut self, literal: &Spanned<Literal>, ty: &Type) -> Option<Value> {
        let place = self.place(literal.span);
        match (&literal.node, ty) {
            (Literal::Number(n), Type::Number) => self.number(*n, place),
            (Literal::Percent(p), Type::Percent) => self.number(p / Decimal::ONE_HUNDRED, place),
            (Literal::Money(amount, code), Type::Money(currency)) => {
                self.money(*amount, code, Some(*currency), place)
            }
            (Literal::Text(text), Type::Text) => Some(Value::Text(text.clone())),
            (Literal::Text(text), Type::OneOf(list)) => {
                self.word(&Spanned::new(text.clone(), literal.span), list)
            }
            (Literal::Truth(truth), Type::YesNo) => Some(Value::Truth(*truth)),
            (Literal::Date(date), Type::Date) => Some(Value::Date(calendar::day_number(*date))),
            (Literal::Number(n), Type::Elapsed(unit)) => match n.to_i64().filter(|_| n.fract().is_zero()) {
                Some(n) => Some(Value::Count(n)),
                None => self.report(
                    Diagnostic::new(Code::WRONG_TYPE, place, format!("{} are whole here", unit_words(*unit)))
                        .help("write a whole number"),
                ),
            },
            (Literal::Length(length), Type::Elapsed(unit)) => self.elapsed(*length, *unit, place),
            (Literal::Length(length), Type::Duration) => match seconds(*length) {
                Some(seconds) => Some(Value::Count(seconds)),
                None => self.report(
                    Diagnostic::new(Code::WRONG_UNIT, place, "months and years have no fixed length")
                        .help("write days or weeks"),
                ),
            },
            _ => self.report_literal(literal, ty),
        }
    }

    fn number(&mut self, n: Decimal, place: Place) -> Option<Value> {
        match n.to_f64().filter(|n| n.is_finite()) {
            Some(n) => Some(Value::Number(n)),
            None => self.report(
                Diagnostic::new(Code::BAD_NUMBER, place, "this number is too large")
                    .help("write a smaller one"),
            ),
        }
    }

    /// An amount in the minor unit of its currency, which is the wanted one where one is.
    pub(crate) fn money(
        &mut self,
        amount: Decimal,
        code: &str,
        wanted: Option<Currency>,
        place: Place,
    ) -> Option<Value> {
        let Some(currency) = Currency::from_code(code) else {
            return self.report(
                Diagnostic::new(Code::CURRENCY, place, format!("there is no currency {code}"))
                    .help("write its ISO 4217 code: CNY, USD, EUR"),
            );
        };
        if let Some(wanted) = wanted.filter(|w| *w != currency) {
            return self.report(
                Diagnostic::new(Code::CURRENCY, place, format!("{} is compared with {code}", wanted.code()))
                    .help(format!("write an amount in {}: nothing is converted here", wanted.code())),
            );
        }
        match money::to_minor(amount, currency) {
            Ok(minor) => Some(Value::Money(minor)),
            Err(AmountError::TooLarge) => self.report(
                Diagnostic::new(Code::BAD_NUMBER, place, "this amount is too large")
                    .help("write a smaller one"),
            ),
            Err(AmountError::TooFine) => self.report(
                Diagnostic::new(
                    Code::CURRENCY,
                    place,
                    format!("{code} has {} decimals at most", money::decimals(currency)),
                )
                .help("write an amount that can be paid"),
            ),
        }
    }

    fn elapsed(&mut self, length: Length, unit: ElapsedUnit, place: Place) -> Option<Value> {
        let count = i64::from(length.count);
        let found = match (unit, length.unit) {
            (ElapsedUnit::Days, Unit::Day)
            | (ElapsedUnit::Weeks, Unit::Week)
            | (ElapsedUnit::Months, Unit::Month) => Some(count),
            (ElapsedUnit::Days, Unit::Week) => Some(count * 7),
            (ElapsedUnit::Months, Unit::Year) => Some(count * 12),
            _ => None,
        };
        let found = found.map(Value::Count);
        if found.is_some() {
            return found;
        }
        let counted = unit_words(unit);
        let wanted = match length.unit {
            Unit::Month | Unit::Year => "months since",
            Unit::Week => "weeks since",
            Unit::Day => "days since",
            Unit::Hour | Unit::Minute => {
                return self.report(
                    Diagnostic::new(
                        Code::WRONG_UNIT,
                        place,
                        format!("{counted} are counted here, and this is shorter than a day"),
                    )
                    .help("write a number of days"),
                );
            }
        };
        self.report(
            Diagnostic::new(
                Code::WRONG_UNIT,
                place,
                format!("{counted} are counted here, and this is another unit"),
            )
            .help(format!("count in that unit with `{wanted} …`, or write a number of {counted}")),
        )
    }

    fn report_literal<T>(&mut self, literal: &Spanned<Literal>, ty: &Type) -> Option<T> {
        let place = self.place(literal.span);
        let written = self.text(literal.span);
        let d = Diagnostic::new(Code::WRONG_TYPE, place, format!("{ty} was expected here"))
            .label(format!("this is {}", literal_words(&literal.node)));
        let d = match (&literal.node, ty) {
            (Literal::Number(_), Type::Money(c)) => Diagnostic::new(
                Code::CURRENCY,
                place,
                "money needs its currency",
            )
            .fix("write", place, format!("{written} {}", c.code())),
            (Literal::Number(_), Type::Percent) => d.fix("write a percentage", place, format!("{written}%")),
            (Literal::Number(_), Type::Duration) => Diagnostic::new(
                Code::WRONG_UNIT,
                place,
                "a length of time needs its unit",
            )
            .fix("write", place, format!("{written} days")),
            (Literal::Number(_), Type::Text) => {
                d.fix("put quotes around it", place, format!("\"{written}\""))
            }
            (Literal::Text(text), Type::Date | Type::Number | Type::Money(_) | Type::Percent) => {
                d.fix("take the quotes off", place, text.clone())
            }
            (Literal::Text(_), Type::YesNo) => d.help("write `true` or `false`"),
            (Literal::Money(..), Type::Number | Type::Elapsed(_)) => {
                d.help("write a bare number, or compare with an amount of money")
            }
            (_, Type::Tags) => d.help("ask for one of the tags: `… contains \"vip\"`"),
            (_, Type::OneOf(list)) => {
                let words: Vec<&str> = list.words.iter().map(|w| w.name.as_str()).collect();
                d.help(format!("its words are: {}", words.join(", ")))
            }
            (Literal::Length(_), Type::Number) => d.help("a count has no unit: write the bare number"),
            (_, Type::Date | Type::Moment) => d.help("write a date such as 2026-11-11"),
            _ => d.help(format!("write {ty}")),
        };
        self.report(d)
    }

    /// A window as it was written.
    pub(crate) fn window(&mut self, window: &Spanned<tree::Window>) -> Option<Window> {
        let place = self.place(window.span);
        Some(match &window.node {
            tree::Window::Last(length) => span_of(length.node),
            tree::Window::Since(from) => Window::Between(self.bound(from)?, None),
            tree::Window::Before(to) => Window::Between(None, self.bound(to)?.and_then(|d| d.pred_opt())),
            tree::Window::Between(from, to) => {
                let (first, last) = (self.bound(from)?, self.bound(to)?);
                if first > last && last.is_some() {
                    return self.report(
                        Diagnostic::new(Code::BAD_WINDOW, place, "this stretch ends before it begins")
                            .help("write the earlier day first"),
                    );
                }
                Window::Between(first, last)
            }
        })
    }

    fn bound(&mut self, bound: &Spanned<tree::Bound>) -> Option<Option<chrono::NaiveDate>> {
        match bound.node {
            tree::Bound::Date(date) => Some(Some(date)),
            tree::Bound::Start if self.in_journey => Some(None),
            tree::Bound::Start => {
                let place = self.place(bound.span);
                self.report(
                    Diagnostic::new(Code::ONLY_IN_JOURNEY, place, "only a journey has a start")
                        .help("write a date, or `in last 30 days`"),
                )
            }
        }
    }

    /// A name that must be an event.
    pub(crate) fn event(&mut self, name: &tree::Name) -> Option<()> {
        let vocabulary = self.vocabulary;
        if vocabulary.events.iter().any(|e| e.name == name.node) {
            return Some(());
        }
        self.unknown_among(Code::NO_EVENT, name, "event", vocabulary.events.iter().map(|e| e.name.as_str()))
    }

    /// A name that must be a journey.
    pub(crate) fn journey_name(&mut self, name: &tree::Name) -> Option<()> {
        match self.sender(&name.node) {
            Some(Named::Journey) => Some(()),
            _ => self.unknown(name, "journey", |n| n == Named::Journey),
        }
    }
}

/// A length of time as a window: days and weeks in calendar days, months and years in calendar months.
pub(crate) fn span_of(length: Length) -> Window {
    let count = length.count;
    match length.unit {
        Unit::Minute => Window::Seconds(i64::from(count) * 60),
        Unit::Hour => Window::Seconds(i64::from(count) * 3600),
        Unit::Day => Window::Days(count),
        Unit::Week => Window::Days(count.saturating_mul(7)),
        Unit::Month => Window::Months(count),
        Unit::Year => Window::Months(count.saturating_mul(12)),
    }
}

/// A fixed length of time in seconds; months and years have none.
pub(crate) fn seconds(length: Length) -> Option<i64> {
    let unit = match length.unit {
        Unit::Minute => 60,
        Unit::Hour => 3600,
        Unit::Day => 86_400,
        Unit::Week => 7 * 86_400,
        Unit::Month | Unit::Year => return None,
    };
    Some(i64::from(length.count) * unit)
}

fn unit_words(unit: ElapsedUnit) -> &'static str {
    match unit {
        ElapsedUnit::Days => "days",
        ElapsedUnit::Weeks => "weeks",
        ElapsedUnit::Months => "months",
    }
}

pub(crate) fn literal_words(literal: &Literal) -> &'static str {
    match literal {
        Literal::Number(_) => "a number",
        Literal::Percent(_) => "a percentage",
        Literal::Text(_) => "text",
        Literal::Truth(_) => "true or false",
        Literal::Date(_) => "a date",
        Literal::Length(_) => "a length of time",
        Literal::Money(..) => "money",
    }
}
