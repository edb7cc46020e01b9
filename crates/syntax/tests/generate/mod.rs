//! Random whole files as trees: everything that the language can say, names that look like its words included.

use chrono::{NaiveDate, NaiveTime, Weekday};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use rust_decimal::Decimal;
use tidings_syntax::tree::*;
use tidings_syntax::{Span, Spanned};

fn at<T>(node: T) -> Spanned<T> {
    Spanned::new(node, Span::default())
}

/// Spanned pieces of a strategy.
fn spanned<T: std::fmt::Debug + 'static>(
    inner: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<Spanned<T>> {
    inner.prop_map(at).boxed()
}

fn name() -> BoxedStrategy<Name> {
    let usual = prop::sample::select(vec![
        "city",
        "lifecycle",
        "wake-up",
        "spend-1y",
        "days_since",
        "沉睡客户",
        "VIP客户",
        "orders",
        "total",
        "vip",
        "émail",
        "x",
    ]);
    let words = prop::sample::select(vec![
        "end",
        "and",
        "or",
        "not",
        "in",
        "first",
        "latest",
        "when",
        "otherwise",
        "days",
        "day",
        "send",
        "coupon",
        "messages",
        "missed",
        "still",
        "running",
        "unknown",
        "zones",
        "run",
        "sent",
        "rule",
        "score",
        "policy",
        "count",
        "contains",
        "since",
        "before",
        "start",
        "True",
        "NULL",
        "was",
        "opened",
        "next",
        "timed",
        "with",
        "at",
        "at",
        "is",
        "wait",
        "exit",
        "migrate",
        "split",
        "total-5",
        "every",
        "on",
        "per",
        "USD",
    ]);
    let odd = prop::sample::select(vec![
        "7up",
        "two words",
        "a--b",
        "-x",
        "a.b",
        "100%",
        "ＶＩＰ",
        "naïve café",
        "#1",
        "\"q\"",
        "x-",
    ]);
    spanned(prop_oneof![6 => usual, 2 => words, 1 => odd].prop_map(str::to_owned)).boxed()
}

fn text() -> BoxedStrategy<Text> {
    let texts = prop_oneof![
        "[a-z \"\\\\\n#`'“”（，\t]{0,12}",
        Just("沉睡高价值客户".to_owned()),
        Just("\\n".to_owned())
    ];
    spanned(texts).boxed()
}

fn path() -> BoxedStrategy<Path> {
    vec(name(), 1..3).prop_map(|parts| Path { parts }).boxed()
}

fn decimal() -> BoxedStrategy<Decimal> {
    (-100_000i64..100_000, 0u32..4).prop_map(|(n, scale)| Decimal::new(n, scale)).boxed()
}

fn share() -> BoxedStrategy<Spanned<Decimal>> {
    spanned((0i64..1000, 0u32..2).prop_map(|(n, scale)| Decimal::new(n, scale))).boxed()
}

fn date() -> BoxedStrategy<NaiveDate> {
    (1900i32..2100, 1u32..366).prop_filter_map("no such day", |(y, d)| NaiveDate::from_yo_opt(y, d)).boxed()
}

fn time() -> BoxedStrategy<Spanned<NaiveTime>> {
    spanned((0u32..24, 0u32..60).prop_filter_map("no such time", |(h, m)| NaiveTime::from_hms_opt(h, m, 0)))
        .boxed()
}

fn unit() -> BoxedStrategy<Unit> {
    prop::sample::select(vec![Unit::Minute, Unit::Hour, Unit::Day, Unit::Week, Unit::Month, Unit::Year])
        .boxed()
}

fn length() -> BoxedStrategy<Spanned<Length>> {
    spanned((0u32..400, unit()).prop_map(|(count, unit)| Length { count, unit })).boxed()
}

fn literal() -> BoxedStrategy<Literal> {
    prop_oneof![
        decimal().prop_map(Literal::Number),
        decimal().prop_map(Literal::Percent),
        text().prop_map(|t| Literal::Text(t.node)),
        any::<bool>().prop_map(Literal::Truth),
        date().prop_map(Literal::Date),
        length().prop_map(|l| Literal::Length(l.node)),
        (decimal(), prop::sample::select(vec!["CNY", "USD", "JPY"]))
            .prop_map(|(n, c)| Literal::Money(n, c.to_owned())),
    ]
    .boxed()
}

fn window() -> BoxedStrategy<Spanned<Window>> {
    let bound = || spanned(prop_oneof![4 => date().prop_map(Bound::Date), 1 => Just(Bound::Start)]);
    spanned(prop_oneof![
        length().prop_map(Window::Last),
        bound().prop_map(Window::Since),
        (bound(), bound()).prop_map(|(a, b)| Window::Between(a, b)),
        bound().prop_map(Window::Before),
    ])
    .boxed()
}

fn touch() -> BoxedStrategy<Touch> {
    (name(), of(name()), of(window()))
        .prop_map(|(name, channel, window)| Touch { name, channel, window })
        .boxed()
}

/// `and` and `or` as lowering makes them: never directly inside their own kind.
fn joined(parts: Vec<Expr>, and: bool) -> ExprKind {
    let mut flat = Vec::new();
    for part in parts {
        match (and, part.node) {
            (true, ExprKind::And(inner)) | (false, ExprKind::Or(inner)) => flat.extend(inner),
            (_, node) => flat.push(at(node)),
        }
    }
    if and { ExprKind::And(flat) } else { ExprKind::Or(flat) }
}

pub fn expr() -> BoxedStrategy<Expr> {
    let leaf = prop_oneof![
        4 => literal().prop_map(ExprKind::Literal),
        6 => path().prop_map(ExprKind::Path),
        1 => touch().prop_map(ExprKind::WasSent),
        1 => touch().prop_map(ExprKind::Opened),
        1 => (path(), of(window())).prop_map(|(p, w)| ExprKind::Entered(p, w)),
        1 => name().prop_map(ExprKind::InSegment),
        1 => name().prop_map(ExprKind::Holds),
        1 => Just(ExprKind::TimedOut),
        1 => (unit(), path()).prop_map(|(u, p)| ExprKind::Until(u, Box::new(at(ExprKind::Next(Box::new(at(ExprKind::Path(p)))))))),
    ];
    spanned(leaf).prop_recursive(5, 48, 4, |inner| {
        let boxed = || inner.clone().prop_map(Box::new);
        let compare_op = prop::sample::select(vec![
            CompareOp::Equal,
            CompareOp::NotEqual,
            CompareOp::Less,
            CompareOp::AtMost,
            CompareOp::More,
            CompareOp::AtLeast,
        ]);
        let match_op = prop::sample::select(vec![MatchOp::Contains, MatchOp::StartsWith, MatchOp::EndsWith]);
        let sign = prop::sample::select(vec![
            ArithmeticOp::Add,
            ArithmeticOp::Subtract,
            ArithmeticOp::Multiply,
            ArithmeticOp::Divide,
        ]);
        let kind = prop::sample::select(vec![GroupKind::All, GroupKind::Any, GroupKind::None]);
        let function = prop::sample::select(vec![
            Function::Count,
            Function::Sum,
            Function::Average,
            Function::Min,
            Function::Max,
            Function::Latest,
            Function::First,
            Function::Distinct,
        ]);
        let aggregate = (spanned(function), path(), of(inner.clone()), of(window()))
            .prop_map(|(function, path, filter, window)| Aggregate { function, path, filter, window });
        spanned(prop_oneof![
            1 => boxed().prop_map(ExprKind::Not),
            3 => (vec(inner.clone(), 2..4), any::<bool>()).prop_map(|(parts, and)| joined(parts, and)),
            1 => (kind, vec(inner.clone(), 1..4)).prop_map(|(k, c)| ExprKind::Group(k, c)),
            4 => (boxed(), spanned(compare_op), boxed()).prop_map(|(a, op, b)| ExprKind::Compare(a, op, b)),
            1 => (boxed(), boxed(), boxed(), any::<bool>())
                .prop_map(|(value, low, high, negated)| ExprKind::Between { value, low, high, negated }),
            1 => (boxed(), vec(inner.clone(), 1..4), any::<bool>())
                .prop_map(|(value, list, negated)| ExprKind::In { value, list, negated }),
            1 => (boxed(), match_op, boxed()).prop_map(|(a, op, b)| ExprKind::Matches(a, op, b)),
            1 => boxed().prop_map(ExprKind::Known),
            1 => boxed().prop_map(ExprKind::Missing),
            1 => boxed().prop_map(ExprKind::Today),
            2 => (boxed(), sign, boxed()).prop_map(|(a, op, b)| ExprKind::Arithmetic(a, op, b)),
            4 => aggregate.prop_map(|a| ExprKind::Aggregate(Box::new(a))),
            2 => (unit(), boxed()).prop_map(|(u, m)| ExprKind::Since(u, m)),
            1 => (unit(), boxed()).prop_map(|(u, m)| ExprKind::Until(u, m)),
        ])
    }).boxed()
}

fn simple_action() -> BoxedStrategy<Action> {
    let channel = || name().prop_filter("a coupon is no channel", |n| n.node != "coupon");
    prop_oneof![
        (name(), vec(channel(), 1..3), of(name())).prop_map(|(template, channels, coupon)| Action::Send {
            template,
            channels,
            coupon
        }),
        name().prop_map(Action::Coupon),
        text().prop_map(Action::AddTag),
        text().prop_map(Action::RemoveTag),
        (name(), expr()).prop_map(|(n, e)| Action::Set(n, e)),
        name().prop_map(Action::Call),
        name().prop_map(Action::Start),
        name().prop_map(Action::Stop),
        text().prop_map(Action::Notify),
    ]
    .boxed()
}

fn action() -> BoxedStrategy<Action> {
    let variant = (share(), name(), vec(spanned(simple_action()), 1..3))
        .prop_map(|(share, name, actions)| Variant { share, name, actions });
    prop_oneof![
        5 => simple_action(),
        1 => vec(spanned(variant), 1..3).prop_map(Action::Split),
    ]
    .boxed()
}

fn schedule() -> BoxedStrategy<Schedule> {
    let weekday = prop::sample::select(vec![
        Weekday::Mon,
        Weekday::Tue,
        Weekday::Wed,
        Weekday::Thu,
        Weekday::Fri,
        Weekday::Sat,
        Weekday::Sun,
    ]);
    let days = prop_oneof![
        Just(Days::All),
        Just(Days::Weekdays),
        vec(spanned(weekday), 1..3).prop_map(Days::Of),
        spanned(1u32..32).prop_map(Days::Month),
    ];
    let side = prop::sample::select(vec![Side::Before, Side::After]);
    prop_oneof![
        (days, of(time())).prop_map(|(d, t)| Schedule::Every(d, t)),
        length().prop_map(Schedule::Interval),
        text().prop_map(Schedule::Cron),
        name().prop_map(Schedule::On),
        (length(), side, path(), of(time())).prop_map(|(length, side, date, at)| Schedule::Around {
            length,
            side,
            date,
            at
        }),
    ]
    .boxed()
}

fn clause() -> BoxedStrategy<Clause> {
    let repeat = prop_oneof![
        Just(Repeat::Once),
        length().prop_map(Repeat::AtMostOncePer),
        Just(Repeat::EveryEntry),
        Just(Repeat::EveryTime),
    ];
    let amount =
        prop_oneof![spanned(any::<u64>()).prop_map(Amount::Customers), share().prop_map(Amount::Percent)];
    let late = prop::sample::select(vec![Late::Skip, Late::Send]);
    let missed = prop::sample::select(vec![Missed::Latest, Missed::All, Missed::Skip]);
    let overlap = prop::sample::select(vec![Overlap::Skip, Overlap::Wait]);
    prop_oneof![
        1 => name().prop_map(Clause::Was),
        1 => text().prop_map(Clause::Owner),
        1 => schedule().prop_map(Clause::When),
        1 => name().prop_map(Clause::For),
        3 => expr().prop_map(Clause::If),
        2 => vec(spanned(action()), 1..3).prop_map(Clause::Then),
        1 => vec(spanned(action()), 1..3).prop_map(Clause::Else),
        1 => repeat.prop_map(Clause::Repeat),
        1 => amount.prop_map(Clause::Limit),
        1 => (spanned(literal()), length()).prop_map(|(l, p)| Clause::Budget(l, p)),
        1 => share().prop_map(Clause::HoldOut),
        1 => spanned(any::<i32>()).prop_map(Clause::Priority),
        1 => spanned(date()).prop_map(Clause::Expires),
        1 => (length(), late).prop_map(|(l, t)| Clause::Late(l, t)),
        1 => missed.prop_map(Clause::Missed),
        1 => overlap.prop_map(Clause::Overlap),
        1 => (name(), length(), of(path())).prop_map(|(event, within, worth)| Clause::Goal { event, within, worth }),
    ].boxed()
}

fn step() -> BoxedStrategy<JourneyStep> {
    let leaf = prop_oneof![
        action().prop_map(JourneyStep::Do),
        length().prop_map(JourneyStep::Wait),
        (name(), length()).prop_map(|(n, l)| JourneyStep::WaitUntil(n, l)),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        let steps = |least| vec(spanned(inner.clone()), least..3);
        (expr(), steps(1), steps(0)).prop_map(|(c, then, other)| JourneyStep::If(c, then, other))
    })
    .boxed()
}

fn item() -> BoxedStrategy<Item> {
    let best = prop::sample::select(vec![Best::Lowest, Best::Highest]);
    let shares =
        prop_oneof![Just(Shares::Quintile), Just(Shares::Decile), (2u32..50).prop_map(Shares::Bands)];
    let basis = prop_oneof![
        shares.prop_map(Basis::Population),
        vec(spanned(literal()), 1..4).prop_map(Basis::Fixed),
    ];
    let arm = (name(), of(text()), of(expr())).prop_map(|(name, label, when)| Arm { name, label, when });
    let losers = prop::sample::select(vec![Losers::Wait, Losers::Skip]);
    let cap = (spanned(0u32..50), of(name()), length(), of(losers));
    let cap = cap.prop_map(|(count, channel, per, losers)| PolicyClause::Cap { count, channel, per, losers });
    let quiet = (time(), time(), of(name()), any::<bool>());
    let quiet = quiet.prop_map(|(from, to, channel, unknown_wait)| PolicyClause::Quiet {
        from,
        to,
        channel,
        unknown_wait,
    });
    // A policy has no event and no yearly date.
    let when =
        schedule().prop_filter("of a rule only", |s| !matches!(s, Schedule::On(_) | Schedule::Around { .. }));
    let missed = prop::sample::select(vec![Missed::Latest, Missed::All, Missed::Skip]);
    let overlap = prop::sample::select(vec![Overlap::Skip, Overlap::Wait]);
    let policy = prop_oneof![
        cap,
        quiet,
        share().prop_map(PolicyClause::HoldOut),
        missed.prop_map(PolicyClause::Missed),
        overlap.prop_map(PolicyClause::Overlap),
        when.prop_map(PolicyClause::When)
    ];
    let journey =
        (name(), of(text()), of(name()), of(name()), any::<bool>(), vec(spanned(step()), 1..4), of(expr()));
    prop_oneof![
        1 => (name(), expr()).prop_map(|(name, value)| Item::Define(Define { name, value })),
        1 => (name(), basis, expr(), of(best)).prop_map(|(name, basis, of, best)| Item::Score(Score { name, basis, of, best })),
        1 => (name(), of(text()), vec(spanned(arm), 1..5)).prop_map(|(name, label, arms)| Item::Stages(Stages { name, label, arms })),
        1 => (name(), of(text()), expr()).prop_map(|(name, label, condition)| Item::Segment(Segment { name, label, condition })),
        2 => (name(), of(text()), vec(spanned(clause()), 0..6)).prop_map(|(name, label, clauses)| Item::Rule(Rule { name, label, clauses })),
        1 => journey.prop_map(|(name, label, was, on, migrate, steps, exit)| Item::Journey(Journey { name, label, was, on, migrate, steps, exit })),
        1 => vec(spanned(policy), 0..4).prop_map(|clauses| Item::Policy(Policy { clauses })),
    ].boxed()
}

/// A whole file.
pub fn file() -> BoxedStrategy<File> {
    let one_if = |clauses: &Vec<Spanned<Clause>>| {
        clauses.iter().filter(|c| matches!(c.node, Clause::If(_))).count() < 2
    };
    let sentence = vec(spanned(clause()), 1..4).prop_filter("one sentence", one_if);
    (vec(spanned(item()), 0..4), of(spanned(sentence)))
        .prop_map(|(items, sentence)| File { items, sentence, comments: Comments::default() })
        .boxed()
}
