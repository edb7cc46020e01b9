//! Expressions: values, conditions, folds and stretches of time.

use super::{Expr, Name};
use crate::span::Spanned;
use chrono::NaiveDate;
use rust_decimal::Decimal;

/// A dotted name: `city`, `orders.total`.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    /// One part or more.
    pub parts: Vec<Name>,
}

/// A length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Length {
    /// How many.
    pub count: u32,
    /// Of what.
    pub unit: Unit,
}

/// A unit of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unit {
    /// 60 seconds.
    Minute,
    /// 60 minutes.
    Hour,
    /// A calendar day.
    Day,
    /// 7 calendar days.
    Week,
    /// A calendar month.
    Month,
    /// 12 calendar months.
    Year,
}

/// A value that is written out.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `90`, `0.5`
    Number(Decimal),
    /// `10%`: 10.
    Percent(Decimal),
    /// `"text"`
    Text(String),
    /// `true`, `false`
    Truth(bool),
    /// `2026-11-11`
    Date(NaiveDate),
    /// `90 days`
    Length(Length),
    /// `500 CNY`: the amount and the ISO 4217 code.
    Money(Decimal, String),
}

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// A value that is written out.
    Literal(Literal),
    /// A name, or a word of a one-of on the right of a comparison.
    Path(Path),
    /// `not A`
    Not(Box<Expr>),
    /// `A and B and C`; two or more.
    And(Vec<Expr>),
    /// `A or B or C`; two or more.
    Or(Vec<Expr>),
    /// `all of A, B end`, `any of …`, `none of …`
    Group(GroupKind, Vec<Expr>),
    /// `A < B`
    Compare(Box<Expr>, Spanned<CompareOp>, Box<Expr>),
    /// `A between B and C`, both ends included; `not between` when negated.
    Between {
        /// The value.
        value: Box<Expr>,
        /// The lower end.
        low: Box<Expr>,
        /// The upper end.
        high: Box<Expr>,
        /// `not between`
        negated: bool,
    },
    /// `A in (B, C)`, `A not in (B, C)`
    In {
        /// The value.
        value: Box<Expr>,
        /// What it may be.
        list: Vec<Expr>,
        /// `not in`
        negated: bool,
    },
    /// `A contains "x"`, `A starts with "x"`, `A ends with "x"`
    Matches(Box<Expr>, MatchOp, Box<Expr>),
    /// `A is known`
    Known(Box<Expr>),
    /// `A is missing`
    Missing(Box<Expr>),
    /// `A is today`
    Today(Box<Expr>),
    /// `A + B`
    Arithmetic(Box<Expr>, ArithmeticOp, Box<Expr>),
    /// `count of orders where … in last 90 days`
    Aggregate(Box<Aggregate>),
    /// `days since X`
    Since(Unit, Box<Expr>),
    /// `days until X`
    Until(Unit, Box<Expr>),
    /// `next birthday`, only under `days until`.
    Next(Box<Expr>),
    /// `was sent wake-up [email|coupon] in last 30 days`
    WasSent(Touch),
    /// `opened wake-up email in last 30 days`
    Opened(Touch),
    /// `entered dormant in last 7 days`: a stage (`dormant`, `lifecycle.dormant`) or a segment.
    Entered(Path, Option<Spanned<Window>>),
    /// `in sleeping-vip`
    InSegment(Name),
    /// `holds wake-up coupon`
    Holds(Name),
    /// `timed out`, inside a journey.
    TimedOut,
}

/// A message that the engine sent: its template or coupon, its channel, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Touch {
    /// Template or coupon.
    pub name: Name,
    /// `email`, `sms`, `coupon`, …; any where it is not said.
    pub channel: Option<Name>,
    /// When; ever where it is not said.
    pub window: Option<Spanned<Window>>,
}

/// How the conditions of a group go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupKind {
    /// `all of`
    All,
    /// `any of`
    Any,
    /// `none of`
    None,
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CompareOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
}

impl CompareOp {
    /// The comparison that says the same with its sides exchanged.
    #[must_use]
    pub fn mirrored(self) -> CompareOp {
        match self {
            CompareOp::Equal | CompareOp::NotEqual => self,
            CompareOp::Less => CompareOp::More,
            CompareOp::AtMost => CompareOp::AtLeast,
            CompareOp::More => CompareOp::Less,
            CompareOp::AtLeast => CompareOp::AtMost,
        }
    }

    /// The comparison that holds of two values where this one does not.
    #[must_use]
    pub fn opposite(self) -> CompareOp {
        match self {
            CompareOp::Equal => CompareOp::NotEqual,
            CompareOp::NotEqual => CompareOp::Equal,
            CompareOp::Less => CompareOp::AtLeast,
            CompareOp::AtMost => CompareOp::More,
            CompareOp::More => CompareOp::AtMost,
            CompareOp::AtLeast => CompareOp::Less,
        }
    }
}

/// A test of text or tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MatchOp {
    /// `contains`
    Contains,
    /// `starts with`
    StartsWith,
    /// `ends with`
    EndsWith,
}

/// Arithmetic on numbers and money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ArithmeticOp {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
}

/// A fold over the rows of a collection.
#[derive(Clone, Debug, PartialEq)]
pub struct Aggregate {
    /// What is folded.
    pub function: Spanned<Function>,
    /// `orders` for a count, `orders.total` for the rest.
    pub path: Path,
    /// `where …`
    pub filter: Option<Expr>,
    /// `in last 90 days`
    pub window: Option<Spanned<Window>>,
}

/// A fold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Function {
    /// `count of`
    Count,
    /// `sum of`
    Sum,
    /// `average of`
    Average,
    /// `min of`
    Min,
    /// `max of`
    Max,
    /// `latest`
    Latest,
    /// `first`
    First,
    /// `number of distinct`
    Distinct,
}

/// A stretch of time.
#[derive(Clone, Debug, PartialEq)]
pub enum Window {
    /// `in last 90 days`
    Last(Spanned<Length>),
    /// `since DATE`, `since start`
    Since(Spanned<Bound>),
    /// `between DATE and DATE`, both days included.
    Between(Spanned<Bound>, Spanned<Bound>),
    /// `before DATE`
    Before(Spanned<Bound>),
}

/// One end of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// A day.
    Date(NaiveDate),
    /// `start`: when the customer entered the journey.
    Start,
}
