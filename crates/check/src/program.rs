//! The typed program: what the checker makes of all files of a project, and all that the engine needs.
//! Everything in it has a type and a place in a rule file, so that explanations can speak the rule's own words.

use chrono::{NaiveDate, NaiveTime, Weekday};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;
use tidings_schema::{
    AttributeId, CollectionId, Currency, ElapsedUnit, FieldId, OneOf, Type, Value, Vocabulary,
};
use tidings_syntax::Place;
use tidings_syntax::tree::{ArithmeticOp, CompareOp, Function, MatchOp};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub u32);
    )*};
}

ids! {
    /// The position of a define in [`Program::defines`].
    DefineId
    /// The position of a score in [`Program::scores`].
    ScoreId
    /// The position of a partition in [`Program::stages`].
    StagesId
    /// The position of a segment in [`Program::segments`].
    SegmentId
}

/// All rules of a project, checked. Declarations refer to earlier or later ones, never in a cycle.
#[derive(Clone, Debug)]
pub struct Program {
    /// What the names stand for.
    pub vocabulary: Arc<Vocabulary>,
    /// Named expressions.
    pub defines: Vec<Define>,
    /// Scores.
    pub scores: Vec<Score>,
    /// Partitions.
    pub stages: Vec<Stages>,
    /// Segments.
    pub segments: Vec<Segment>,
    /// Rules, in the order of the files' names and of the text.
    pub rules: Vec<Rule>,
    /// What holds for all rules.
    pub policy: Policy,
    /// Journeys: checked, not run yet.
    pub journeys: Vec<NotRun>,
}

impl Program {
    /// When a rule, by its position, has its turn among those of one run: the higher priority first, equal ones in the
    /// order of files and lines.
    pub fn turn(&self, rule: usize) -> (Reverse<i32>, usize) {
        (Reverse(self.rules.get(rule).map_or(0, |rule| rule.priority)), rule)
    }

    /// One that says nothing.
    pub fn without_rules(vocabulary: Arc<Vocabulary>) -> Program {
        Program {
            vocabulary,
            defines: Vec::new(),
            scores: Vec::new(),
            stages: Vec::new(),
            segments: Vec::new(),
            rules: Vec::new(),
            policy: Policy::default(),
            journeys: Vec::new(),
        }
    }
}

/// A named expression.
#[derive(Clone, Debug)]
pub struct Define {
    /// Its name.
    pub name: String,
    /// What it stands for.
    pub body: Body,
}

/// What a define stands for.
#[derive(Clone, Debug)]
pub enum Body {
    /// A value.
    Value(Term),
    /// A condition.
    Condition(Condition),
}

/// A score: a whole number from 1, the highest best. Missing where the value is.
#[derive(Clone, Debug)]
pub struct Score {
    /// Its name.
    pub name: String,
    /// The value that is scored: number, money, percent, date, moment, duration or elapsed.
    pub of: Term,
    /// How values are cut into bands.
    pub bands: Bands,
    /// Whether the lowest value is best.
    pub lowest_first: bool,
}

/// How a score cuts values into bands.
#[derive(Clone, Debug, PartialEq)]
pub enum Bands {
    /// This many equal shares of everybody whose value is known. With b values strictly better out of n,
    /// the score is `shares - floor(shares * b / n)`: equal values have equal scores.
    Shares(u32),
    /// Bounds of the value's type, ascending: the band is the number of bounds that the value reaches,
    /// and one (from the top where the lowest is best).
    Fixed(Vec<Value>),
}

/// An exclusive partition of all customers.
#[derive(Clone, Debug)]
pub struct Stages {
    /// Its words: the arms' names in order.
    pub list: Arc<OneOf>,
    /// What people call it.
    pub label: Option<String>,
    /// The tests in order, the last always true. A customer is in the first whose test is definitely true.
    pub arms: Vec<Condition>,
}

/// A named condition.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Its name.
    pub name: String,
    /// What people call it.
    pub label: Option<String>,
    /// Who is in it.
    pub condition: Condition,
}

/// A condition, in three-valued (Kleene) logic: yes, no or unknown. Only a definite yes selects.
#[derive(Clone, Debug)]
pub struct Condition {
    /// What is asked.
    pub kind: ConditionKind,
    /// Where it was written.
    pub place: Place,
}

/// What is asked.
#[derive(Clone, Debug)]
pub enum ConditionKind {
    /// Always the same.
    Constant(bool),
    /// All of them; yes for none.
    All(Vec<Condition>),
    /// One of them at least; no for none.
    Any(Vec<Condition>),
    /// The opposite; unknown stays unknown.
    Not(Box<Condition>),
    /// A comparison of two values of one type. Unknown where either is missing.
    /// Ordered comparisons are for numbers, money, percent, dates, moments, durations, elapsed counts and
    /// ordered one-ofs; `=` and `!=` also for text, yes/no and one-ofs.
    Compare(CompareOp, Term, Term),
    /// Whether a value (not tags) is one of some constants of its type.
    In(Term, Vec<Value>),
    /// Whether a text contains, starts with or ends with another.
    Matches(MatchOp, Term, String),
    /// Whether tags hold a word.
    HasTag(Term, String),
    /// Whether a value is there; never unknown.
    Known(Term),
    /// A yes/no value as a condition.
    Truth(Term),
    /// A condition that has a name.
    Define(DefineId),
    /// Whether the customer is in a segment. A segment selects like a rule: unknown is not in it, and the
    /// answer is never unknown.
    Segment(SegmentId),
    /// Whether the customer entered a place on one of the last so many days: was in it on a day (seen at
    /// the time of day of now, today included) and was not on the day before. Never unknown.
    Entered(Entrance, u32),
}

/// A place that customers enter and leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Entrance {
    /// A stage: the partition and the position of its arm.
    Stage(StagesId, u32),
    /// A segment.
    Segment(SegmentId),
}

/// A value of a known type, or missing.
#[derive(Clone, Debug)]
pub struct Term {
    /// How it comes about.
    pub kind: TermKind,
    /// Its type.
    pub ty: Type,
    /// Where it was written.
    pub place: Place,
}

/// How a value comes about.
#[derive(Clone, Debug)]
pub enum TermKind {
    /// Written out.
    Constant(Value),
    /// An attribute of the customer.
    Attribute(AttributeId),
    /// A field of the row, only inside an aggregate's filter.
    Field(FieldId),
    /// A value that has a name.
    Define(DefineId),
    /// A score, a number.
    Score(ScoreId),
    /// The stage that the customer is in; never missing.
    Stage(StagesId),
    /// Arithmetic. Number with number; percent counts as a number; money with money for + and -; money
    /// with number for * and /; money by money is a number. Missing where a side is, where the divisor is
    /// zero and where the result leaves its range. Money is rounded half to even.
    Arithmetic(ArithmeticOp, Box<Term>, Box<Term>),
    /// A fold over rows.
    Aggregate(Box<Aggregate>),
    /// Whole units from a date to today (`since`), of the term's type `Elapsed(unit)`.
    Since(ElapsedUnit, Box<Term>),
    /// Whole units from today to a date (`until`).
    Until(ElapsedUnit, Box<Term>),
    /// The next day on which a yearly date comes round, today included.
    Next(Box<Term>),
    /// The latest day on which a yearly date came round, today included.
    Last(Box<Term>),
    /// The day of a moment in the project's zone.
    DateOf(Box<Term>),
    /// An elapsed count as a plain number.
    AsNumber(Box<Term>),
    /// Today, a date.
    Today,
    /// The moment of the run.
    Now,
}

/// A fold over the rows of a collection that lie before now, in the window, and for which the filter is
/// definitely true. Count, sum and number of distinct of nothing are 0; the others are missing. Missing
/// fields are passed over, save by `count`, and by `latest` and `first`, which take the row as it is.
#[derive(Clone, Debug)]
pub struct Aggregate {
    /// What is folded. Count and distinct are numbers; average of money is rounded half to even to the
    /// minor unit; latest and first are by time, then by the row's key.
    pub function: Function,
    /// The rows.
    pub collection: CollectionId,
    /// The field; none for count.
    pub field: Option<FieldId>,
    /// A condition on the row.
    pub filter: Option<Condition>,
    /// The stretch of time.
    pub window: Option<Window>,
}

/// A stretch of time, always before now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Window {
    /// From the start of the day that lies this many days before today: what is at most so many days ago.
    Days(u32),
    /// From the start of the day that lies this many months before today.
    Months(u32),
    /// The last so many seconds, the first included.
    Seconds(i64),
    /// From the first day to the end of the last day, where they are given.
    Between(Option<NaiveDate>, Option<NaiveDate>),
}

/// A rule, checked.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name; the file's, for a bare sentence.
    pub name: String,
    /// What people call it.
    pub label: Option<String>,
    /// What it was called before.
    pub was: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Where it stands.
    pub place: Place,
    /// When it runs.
    pub schedule: Schedule,
    /// Whom it is about; none is everybody.
    pub segment: Option<SegmentId>,
    /// Which of them get `then`: those for whom it is definitely true; none is all of them. Where the
    /// schedule goes by a yearly date, the comparison with today is part of it.
    pub condition: Option<Condition>,
    /// What those get who match.
    pub then: Vec<Step>,
    /// What the others of the segment get: those in it for whom the condition is not definitely true.
    pub otherwise: Vec<Step>,
    /// How often it may reach a customer.
    pub repeat: Repeat,
    /// The share of customers who are held out, 0.1 for 10%.
    pub hold_out: Option<f64>,
    /// More than this and the run stops for a person.
    pub limit: Option<Limit>,
    /// Which rule goes first where a cap binds: the higher.
    pub priority: i32,
    /// It does nothing from this day on.
    pub expires: Option<NaiveDate>,
    /// What happens to runs that were missed.
    pub catch_up: CatchUp,
    /// What happens to a run that is due while the one before still goes.
    pub overlap: Overlap,
    /// What its coupons may be worth.
    pub budget: Option<Budget>,
    /// How late a run that was missed, and a message that waits, may be; none is as usual.
    pub late: Option<Lateness>,
    /// What it says that is checked but not run yet.
    pub not_run: Vec<NotRun>,
}

impl Rule {
    /// The name that its keys and its history go by: the one that it had first.
    pub fn identity(&self) -> &str {
        self.was.as_deref().unwrap_or(&self.name)
    }

    /// Whether it waits for an event, and has no times of its own.
    pub fn awaits_events(&self) -> bool {
        matches!(self.schedule, Schedule::On(_))
    }

    /// Every channel that it may send through, as often as it is named.
    pub fn channels(&self) -> impl Iterator<Item = &str> {
        self.then
            .iter()
            .chain(&self.otherwise)
            .flat_map(|step| match &step.action {
                Action::Message { channels, .. } => channels.as_slice(),
                _ => &[],
            })
            .map(String::as_str)
    }
}

/// A part of the language that is checked but not run yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotRun {
    /// What, in the language's words.
    pub what: &'static str,
    /// Where it was written.
    pub place: Place,
    /// Whether the rule cannot run without it. A goal only measures: the rule runs, unmeasured.
    pub blocks: bool,
}

/// How often a rule may reach one customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Once, ever.
    Once,
    /// At most once in this length of time, rolling: days, months or seconds.
    AtMostOncePer(Window),
    /// On every entry into its audience.
    EveryEntry,
    /// At every occurrence of its schedule.
    EveryTime,
}

/// How many customers a run may reach without a person's word.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// So many.
    Customers(u64),
    /// This share of all customers, 0.05 for 5%.
    Share(f64),
}

/// What the coupons of a rule may be worth together in a rolling length of time. More waits for a person's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// So much, in minor units.
    pub amount: i64,
    /// What each of the rule's coupons is worth, in the same unit.
    pub worths: BTreeMap<String, i64>,
    /// Of this currency.
    pub currency: Currency,
    /// In this length of time.
    pub per: Window,
}

/// What happens to runs that were missed while nobody was there to start them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CatchUp {
    /// The latest of them runs.
    Latest,
    /// All of them run, the latest 24 at most.
    All,
    /// None of them does.
    None,
}

/// What happens to a run that is due while the rule's one before it still goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlap {
    /// It does not take place.
    Skip,
    /// It waits for the other to end. One waits at most.
    Wait,
}

/// How late something may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lateness {
    /// By so many seconds, and not more.
    Seconds(i64),
    /// By any length of time.
    Any,
}

/// When a rule runs, in civil time of the project's zone.
#[derive(Clone, Debug, PartialEq)]
pub enum Schedule {
    /// At a time of day on some days.
    Daily(Days, NaiveTime),
    /// Every so many seconds, counted from midnight of 1970-01-01 UTC.
    Interval(i64),
    /// A cron expression of six fields, seconds first, with weekday names.
    Cron(String),
    /// Daily at a time, for whom it is their day: a yearly date, or so many days from a date. The condition has it.
    OnTheDay(NaiveTime),
    /// On an event of the vocabulary, for whom it happened to.
    On(String),
}

impl Schedule {
    /// What to follow: events are looked for every minute.
    pub fn polled(&self) -> &Schedule {
        match self {
            Schedule::On(_) => &Schedule::Interval(60),
            other => other,
        }
    }
}

/// The days of a schedule.
#[derive(Clone, Debug, PartialEq)]
pub enum Days {
    /// Every day.
    All,
    /// Some days of the week.
    Of(Vec<Weekday>),
    /// A day of the month; months without it are passed over.
    Month(u32),
}

/// One thing that a rule does.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its identity within the rule, from what it sends and not from where it stands: `send wake-up`,
    /// `coupon wake-up`; a second one of the same is `send wake-up 2`.
    pub id: String,
    /// What it does.
    pub action: Action,
    /// Where it was written.
    pub place: Place,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// A message from a template, through the first channel that can reach the customer.
    Message {
        /// The template.
        template: String,
        /// The channels, in order.
        channels: Vec<String>,
        /// A coupon that is granted with it, only if the message can go.
        coupon: Option<String>,
    },
    /// A coupon.
    Coupon(String),
    /// A call of a webhook.
    Webhook(String),
    /// A word to a team.
    Notify(String),
    /// A tag more in an attribute that the engine keeps.
    AddTag(AttributeId, String),
    /// A tag less.
    RemoveTag(AttributeId, String),
    /// A value for an attribute that the engine keeps.
    Set(AttributeId, Value),
}

impl Action {
    /// The coupon that it grants, if it does.
    pub fn coupon(&self) -> Option<&str> {
        match self {
            Action::Coupon(name) => Some(name),
            Action::Message { coupon, .. } => coupon.as_deref(),
            _ => None,
        }
    }
}

/// What holds for all rules.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    /// At most so many messages.
    pub caps: Vec<Cap>,
    /// Hours of silence.
    pub quiet: Vec<Quiet>,
    /// The share of customers whom no rule reaches, 0.05 for 5%.
    pub hold_out: Option<f64>,
}

/// At most so many messages in a rolling length of time.
#[derive(Clone, Debug, PartialEq)]
pub struct Cap {
    /// How many.
    pub count: u32,
    /// In this channel; none for all together.
    pub channel: Option<String>,
    /// In this length of time.
    pub per: Window,
    /// What happens to messages that it has no room for.
    pub losers: Losers,
}

/// What happens to a message that a cap has no room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Losers {
    /// A later moment or run brings it.
    Wait,
    /// It is dropped, and its occasion is used up.
    Skip,
}

impl Cap {
    /// Whether messages through a channel count under it.
    pub fn counts(&self, channel: &str) -> bool {
        self.channel.as_deref().is_none_or(|c| c == channel)
    }
}

/// Hours of silence, in the customer's zone.
#[derive(Clone, Debug, PartialEq)]
pub struct Quiet {
    /// From this time of day.
    pub from: NaiveTime,
    /// To this one; on the next day where it is not later.
    pub to: NaiveTime,
    /// In this channel; none for all.
    pub channel: Option<String>,
    /// What holds for customers whose zone is not known.
    pub unknown_zone: UnknownZone,
}

/// Which hours a customer has whose zone is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownZone {
    /// The project's.
    Project,
    /// All of them are hours of silence, until the zone is known.
    Held,
}

impl Quiet {
    /// Whether it is about a channel.
    pub fn covers(&self, channel: &str) -> bool {
        self.channel.as_deref().is_none_or(|c| c == channel)
    }
}
