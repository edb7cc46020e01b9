//! What a rule file says, as a tree with spans. It knows no type and no table: names are only names here.

mod expression;

pub use expression::*;

use crate::span::{Span, Spanned};
use chrono::{NaiveDate, NaiveTime};
use rust_decimal::Decimal;

/// A name, NFC-normalised and without its back-ticks.
pub type Name = Spanned<String>;
/// A quoted text, without its quotes.
pub type Text = Spanned<String>;
/// An expression and where it stands.
pub type Expr = Spanned<ExprKind>;

/// One rule file.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct File {
    /// The declarations, in the order in which they were written.
    pub items: Vec<Spanned<Item>>,
    /// The bare `if … then …` sentence, at most one and after the declarations. A rule named after its file.
    pub sentence: Option<Spanned<Vec<Spanned<Clause>>>>,
    /// Every comment, in order. They are no part of the meaning; the formatter puts them back.
    pub comments: Comments,
}

/// The comments of a file. Never part of a comparison of trees.
#[derive(Clone, Debug, Default)]
pub struct Comments(pub Vec<Comment>);

impl PartialEq for Comments {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// A comment, from `#` to the end of its line.
#[derive(Clone, Debug, PartialEq)]
pub struct Comment {
    /// The text after `#`, trimmed at its end.
    pub text: String,
    /// From the `#` to the last character.
    pub span: Span,
    /// Whether nothing but blanks stands before it on its line.
    pub own_line: bool,
    /// Whether an empty line follows it.
    pub paragraph: bool,
}

/// A declaration.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// `define NAME = EXPR`
    Define(Define),
    /// `score NAME = quintile of EXPR, lowest first`
    Score(Score),
    /// `stages NAME … end`
    Stages(Stages),
    /// `segment NAME … end`
    Segment(Segment),
    /// `rule NAME … end`
    Rule(Rule),
    /// `journey NAME … end`
    Journey(Journey),
    /// `policy … end`
    Policy(Policy),
}

/// A named expression: a value or a condition.
#[derive(Clone, Debug, PartialEq)]
pub struct Define {
    /// Its name.
    pub name: Name,
    /// The expression that the name stands for.
    pub value: Expr,
}

/// A number for each customer, by place in the population or by fixed bands. The highest is best.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// Its name.
    pub name: Name,
    /// What decides the band.
    pub basis: Basis,
    /// The value that is scored.
    pub of: Expr,
    /// Which end of the values is best; the highest where it is not said.
    pub best: Option<Best>,
}

/// How a score cuts values into bands.
#[derive(Clone, Debug, PartialEq)]
pub enum Basis {
    /// Equal shares of the population: `quintile of`, `decile of`, `4 bands of`.
    Population(Shares),
    /// `bands of X at 100 CNY, 500 CNY`: below the first, from each bound up to the next, from the last on.
    Fixed(Vec<Spanned<Literal>>),
}

/// Equal shares of the population, as they were spelt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shares {
    /// `quintile`: five.
    Quintile,
    /// `decile`: ten.
    Decile,
    /// `N bands`.
    Bands(u32),
}

/// Which end of the values gets the highest score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Best {
    /// `lowest first`
    Lowest,
    /// `highest first`
    Highest,
}

/// An exclusive, ordered partition of all customers: the first arm that holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Stages {
    /// Its name.
    pub name: Name,
    /// What people call it.
    pub label: Option<Text>,
    /// The arms in order.
    pub arms: Vec<Spanned<Arm>>,
}

/// One stage.
#[derive(Clone, Debug, PartialEq)]
pub struct Arm {
    /// Its name.
    pub name: Name,
    /// What people call it.
    pub label: Option<Text>,
    /// Its test; `None` is `otherwise`.
    pub when: Option<Expr>,
}

/// A named condition over customers.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// Its name.
    pub name: Name,
    /// What people call it.
    pub label: Option<Text>,
    /// Who is in it.
    pub condition: Expr,
}

/// When, who, what, how often.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Its name.
    pub name: Name,
    /// What people call it.
    pub label: Option<Text>,
    /// Its clauses in the order in which they were written.
    pub clauses: Vec<Spanned<Clause>>,
}

/// One clause of a rule.
#[derive(Clone, Debug, PartialEq)]
pub enum Clause {
    /// `was old-name`
    Was(Name),
    /// `owner "growth team"`
    Owner(Text),
    /// `every day at 10:00`, `cron "…"`, `on EVENT`, `7 days before birthday at 09:00`
    When(Schedule),
    /// `for SEGMENT`
    For(Name),
    /// `if CONDITION`
    If(Expr),
    /// `then ACTIONS`
    Then(Vec<Spanned<Action>>),
    /// `else ACTIONS`
    Else(Vec<Spanned<Action>>),
    /// `once`, `repeat …`
    Repeat(Repeat),
    /// `limit 5% of customers`
    Limit(Amount),
    /// `budget 20000 CNY per week`: the money and the length of the period.
    Budget(Spanned<Literal>, Spanned<Length>),
    /// `hold out 10%`: the percentage, 10 for 10%.
    HoldOut(Spanned<Decimal>),
    /// `priority 5`
    Priority(Spanned<i32>),
    /// `expires 2027-01-01`
    Expires(Spanned<NaiveDate>),
    /// `if late by more than 2 hours then skip|send`
    Late(Spanned<Length>, Late),
    /// `if missed then run latest|run all|skip`
    Missed(Missed),
    /// `if still running then skip|wait`
    Overlap(Overlap),
    /// `goal order within 14 days worth orders.total`
    Goal {
        /// The event that is hoped for.
        event: Name,
        /// How long after the send it counts.
        within: Spanned<Length>,
        /// What it is worth.
        worth: Option<Path>,
    },
}

/// How many customers.
#[derive(Clone, Debug, PartialEq)]
pub enum Amount {
    /// `500 customers`
    Customers(Spanned<u64>),
    /// `5% of customers`: 5 for 5%.
    Percent(Spanned<Decimal>),
}

/// What happens to a run that is late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Late {
    /// `then skip`
    Skip,
    /// `then send`
    Send,
}

/// What happens to runs that were missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missed {
    /// `then run latest`
    Latest,
    /// `then run all`
    All,
    /// `then skip`
    Skip,
}

/// What happens to a run that is due while the one before still goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlap {
    /// `then skip`
    Skip,
    /// `then wait`
    Wait,
}

/// How often a rule may reach one customer.
#[derive(Clone, Debug, PartialEq)]
pub enum Repeat {
    /// `once`: once per customer, ever.
    Once,
    /// `repeat at most once per 60 days`
    AtMostOncePer(Spanned<Length>),
    /// `repeat on every entry`: again after having left.
    EveryEntry,
    /// `repeat every time`
    EveryTime,
}

/// When a rule runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Schedule {
    /// `every day|monday, thursday|weekday|month on day 1 at 10:00`
    Every(Days, Option<Spanned<NaiveTime>>),
    /// `every 2 hours`
    Interval(Spanned<Length>),
    /// `cron "0 10 * * *"`
    Cron(Text),
    /// `on EVENT`
    On(Name),
    /// `7 days before birthday at 09:00`
    Around {
        /// How many days, weeks, months.
        length: Spanned<Length>,
        /// `before` or `after`.
        side: Side,
        /// The date that comes round every year.
        date: Path,
        /// The time of day.
        at: Option<Spanned<NaiveTime>>,
    },
}

/// Before or after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// `before`
    Before,
    /// `after`
    After,
}

/// The days of a schedule.
#[derive(Clone, Debug, PartialEq)]
pub enum Days {
    /// `day`
    All,
    /// `weekday`: Monday to Friday.
    Weekdays,
    /// `monday, thursday`
    Of(Vec<Spanned<chrono::Weekday>>),
    /// `month on day 1`
    Month(Spanned<u32>),
}

/// What a rule does.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// `send TEMPLATE CHANNEL [or CHANNEL]… [with NAME coupon]`
    Send {
        /// The template.
        template: Name,
        /// The channels, the first that can reach the customer.
        channels: Vec<Name>,
        /// The coupon that the message carries.
        coupon: Option<Name>,
    },
    /// `send NAME coupon`
    Coupon(Name),
    /// `add tag "x"`
    AddTag(Text),
    /// `remove tag "x"`
    RemoveTag(Text),
    /// `set NAME = VALUE`
    Set(Name, Expr),
    /// `call NAME webhook`
    Call(Name),
    /// `start JOURNEY`
    Start(Name),
    /// `stop JOURNEY`
    Stop(Name),
    /// `notify "team"`
    Notify(Text),
    /// `split 50% short: … 50% long: … end`
    Split(Vec<Spanned<Variant>>),
}

/// One side of a split.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// Its share in percent, 50 for 50%.
    pub share: Spanned<Decimal>,
    /// Its name.
    pub name: Name,
    /// What its customers get.
    pub actions: Vec<Spanned<Action>>,
}

/// A path of a customer through several steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Journey {
    /// Its name.
    pub name: Name,
    /// What people call it.
    pub label: Option<Text>,
    /// What it was called before.
    pub was: Option<Name>,
    /// The event that starts it.
    pub on: Option<Name>,
    /// Whether customers inside it move to a new version.
    pub migrate: bool,
    /// Its steps.
    pub steps: Vec<Spanned<JourneyStep>>,
    /// `exit when CONDITION`
    pub exit: Option<Expr>,
}

/// One step of a journey.
#[derive(Clone, Debug, PartialEq)]
pub enum JourneyStep {
    /// An action.
    Do(Action),
    /// `wait 2 days`
    Wait(Spanned<Length>),
    /// `wait until EVENT, at most 5 days`
    WaitUntil(Name, Spanned<Length>),
    /// `if CONDITION then … else … end`
    If(Expr, Vec<Spanned<JourneyStep>>, Vec<Spanned<JourneyStep>>),
}

/// What holds for all rules of the project.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Its clauses in the order in which they were written.
    pub clauses: Vec<Spanned<PolicyClause>>,
}

/// One clause of the policy.
#[derive(Clone, Debug, PartialEq)]
pub enum PolicyClause {
    /// `at most 2 email per 7 days`, `at most 3 messages per 7 days then skip`; no channel is every channel.
    Cap {
        /// How many.
        count: Spanned<u32>,
        /// In which channel; `None` for `messages`, all of them together.
        channel: Option<Name>,
        /// In how long, rolling.
        per: Spanned<Length>,
        /// What happens to the others, where it is said.
        losers: Option<Losers>,
    },
    /// `quiet from 21:00 to 09:00 [for sms][, unknown zones wait]`
    Quiet {
        /// From this time of day.
        from: Spanned<NaiveTime>,
        /// To this one, perhaps on the next day.
        to: Spanned<NaiveTime>,
        /// In which channel; `None` for all.
        channel: Option<Name>,
        /// Whether customers whose zone is unknown wait until it is known.
        unknown_wait: bool,
    },
    /// `hold out 5%`: of everybody, from every rule.
    HoldOut(Spanned<Decimal>),
    /// `if missed then …`, for rules that do not say so themselves.
    Missed(Missed),
    /// `if still running then …`, for rules that do not say so themselves.
    Overlap(Overlap),
    /// `every day at 10:00`: when rules without a schedule run.
    When(Schedule),
}

/// What happens to a message that a cap has no room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Losers {
    /// `then wait`
    Wait,
    /// `then skip`
    Skip,
}
