//! What a rule file says, as a tree with spans. It knows no type and no table: names are only names here.

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
    /// `at most 2 email per 7 days`, `at most 3 messages per 7 days`; no channel is every channel.
    Cap {
        /// How many.
        count: Spanned<u32>,
        /// In which channel; `None` for `messages`, all of them together.
        channel: Option<Name>,
        /// In how long, rolling.
        per: Spanned<Length>,
    },
    /// `quiet from 21:00 to 09:00 [for sms]`
    Quiet {
        /// From this time of day.
        from: Spanned<NaiveTime>,
        /// To this one, perhaps on the next day.
        to: Spanned<NaiveTime>,
        /// In which channel; `None` for all.
        channel: Option<Name>,
    },
    /// `hold out 5%`: of everybody, from every rule.
    HoldOut(Spanned<Decimal>),
    /// `every day at 10:00`: when rules without a schedule run.
    When(Schedule),
}

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
