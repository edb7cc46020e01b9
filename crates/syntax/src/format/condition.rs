//! Expressions, with as few parentheses as their reading allows.

use super::page::Page;
use super::{width, word};
use crate::span::Spanned;
use crate::tree::{
    Aggregate, ArithmeticOp, Bound, CompareOp, Expr, ExprKind, Function, GroupKind, Literal, MatchOp, Touch,
    Window,
};

/// How tightly the parts of an expression hold together.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Tight {
    Condition,
    Comparison,
    Sum,
    Product,
    Atom,
}

impl Page<'_> {
    /// An expression, on one line where it fits and no comment stands inside.
    pub(super) fn expr(&mut self, expr: &Expr) {
        let line = flat(expr);
        if width(&line) <= self.room() && !self.comment_before(expr.span.end) {
            return self.word(&line);
        }
        match &expr.node {
            ExprKind::And(parts) => self.chain(parts, "and"),
            ExprKind::Or(parts) => self.chain(parts, "or"),
            ExprKind::Group(kind, conditions) => self.group(*kind, conditions, expr.span.end),
            _ => self.word(&line),
        }
    }

    /// What is scored: anything with an `of` of its own reads better in parentheses.
    pub(super) fn scored(&mut self, expr: &Expr) {
        let bare = matches!(expr.node, ExprKind::Path(_) | ExprKind::Since(..) | ExprKind::Until(..));
        self.word(&if bare { flat(expr) } else { format!("({})", flat(expr)) });
    }

    fn chain(&mut self, parts: &[Expr], joiner: &str) {
        self.indent += 1;
        for (i, part) in parts.iter().enumerate() {
            if i > 0 {
                self.end_line(part.span.start);
            }
            self.before(part.span.start);
            if i > 0 {
                self.word(joiner);
            }
            if matches!(part.node, ExprKind::And(_) | ExprKind::Or(_)) {
                self.word("(");
                self.expr(part);
                self.push(")");
            } else {
                self.expr(part);
            }
        }
        self.indent -= 1;
    }

    fn group(&mut self, kind: GroupKind, conditions: &[Expr], end: u32) {
        self.word(&format!("{} of", group_word(kind)));
        self.end_line(conditions.first().map_or(end, |c| c.span.start));
        self.indent += 1;
        for (i, condition) in conditions.iter().enumerate() {
            self.before(condition.span.start);
            self.expr(condition);
            self.push(",");
            self.end_line(conditions.get(i + 1).map_or(end, |n| n.span.start));
        }
        self.before(end);
        self.indent -= 1;
        self.word("end");
    }
}

/// An expression on one line.
pub(super) fn flat(expr: &Expr) -> String {
    match &expr.node {
        ExprKind::Literal(literal) => word::literal(literal),
        ExprKind::Path(path) => word::path(path),
        ExprKind::Not(inner) => format!("not {}", at_least(inner, Tight::Atom)),
        ExprKind::And(parts) => joined(parts, " and "),
        ExprKind::Or(parts) => joined(parts, " or "),
        ExprKind::Group(kind, conditions) => {
            let conditions: Vec<String> = conditions.iter().map(flat).collect();
            format!("{} of {} end", group_word(*kind), conditions.join(", "))
        }
        ExprKind::Compare(left, op, right) => {
            let equal = matches!(op.node, CompareOp::Equal | CompareOp::NotEqual);
            let right = if equal { listed(right) } else { at_least(right, Tight::Sum) };
            format!("{} {} {right}", left_side(left), compare_sign(op.node))
        }
        ExprKind::Between { value, low, high, negated } => {
            let dated = matches!(low.node, ExprKind::Literal(Literal::Date(_)));
            let value =
                if dated && takes_window(value) { format!("({})", flat(value)) } else { left_side(value) };
            let not = if *negated { "not " } else { "" };
            format!("{value} {not}between {} and {}", at_least(low, Tight::Sum), at_least(high, Tight::Sum))
        }
        ExprKind::In { value, list, negated } => {
            let list: Vec<String> = list.iter().map(listed).collect();
            format!("{} {}in ({})", left_side(value), if *negated { "not " } else { "" }, list.join(", "))
        }
        ExprKind::Matches(left, op, right) => {
            format!("{} {} {}", left_side(left), match_words(*op), at_least(right, Tight::Sum))
        }
        ExprKind::Known(value) => format!("{} is known", left_side(value)),
        ExprKind::Missing(value) => format!("{} is missing", left_side(value)),
        ExprKind::Today(value) => format!("{} is today", left_side(value)),
        ExprKind::Arithmetic(left, op, right) => {
            let (own, above) = match op {
                ArithmeticOp::Add | ArithmeticOp::Subtract => (Tight::Sum, Tight::Product),
                ArithmeticOp::Multiply | ArithmeticOp::Divide => (Tight::Product, Tight::Atom),
            };
            let left = if ends_in_filter(left) { format!("({})", flat(left)) } else { at_least(left, own) };
            format!("{left} {} {}", arithmetic_sign(*op), at_least(right, above))
        }
        ExprKind::Aggregate(aggregate) => fold(aggregate),
        ExprKind::Since(unit, moment) => format!("{}s since {}", word::unit(*unit), moment_text(moment)),
        ExprKind::Until(unit, moment) => format!("{}s until {}", word::unit(*unit), moment_text(moment)),
        ExprKind::Next(date) => format!("next {}", flat(date)),
        ExprKind::WasSent(touch) => format!("was sent {}", touched(touch)),
        ExprKind::Opened(touch) => format!("opened {}", touched(touch)),
        ExprKind::Entered(path, window) => {
            format!("entered {}{}", word::path(path), windowed(window.as_ref()))
        }
        ExprKind::InSegment(name) => format!("in {}", word::name(&name.node)),
        ExprKind::Holds(name) => format!("holds {} coupon", word::name(&name.node)),
        ExprKind::TimedOut => "timed out".to_owned(),
    }
}

fn tight(expr: &Expr) -> Tight {
    match &expr.node {
        ExprKind::And(_) | ExprKind::Or(_) | ExprKind::Not(_) => Tight::Condition,
        ExprKind::Compare(..)
        | ExprKind::Between { .. }
        | ExprKind::In { .. }
        | ExprKind::Matches(..)
        | ExprKind::Known(_)
        | ExprKind::Missing(_)
        | ExprKind::Today(_) => Tight::Comparison,
        ExprKind::Arithmetic(_, ArithmeticOp::Add | ArithmeticOp::Subtract, _) => Tight::Sum,
        ExprKind::Arithmetic(..) => Tight::Product,
        _ => Tight::Atom,
    }
}

/// In parentheses, unless it holds together at least so tightly.
fn at_least(expr: &Expr, least: Tight) -> String {
    if tight(expr) >= least { flat(expr) } else { format!("({})", flat(expr)) }
}

/// The parts of a chain; another chain inside stands in parentheses.
fn joined(parts: &[Expr], joiner: &str) -> String {
    let part = |p: &Expr| {
        if matches!(p.node, ExprKind::And(_) | ExprKind::Or(_)) { format!("({})", flat(p)) } else { flat(p) }
    };
    parts.iter().map(part).collect::<Vec<_>>().join(joiner)
}

/// The left side of a comparison. A send would take the word of the comparison for its channel.
fn left_side(expr: &Expr) -> String {
    if ends_in_touch(expr) { format!("({})", flat(expr)) } else { at_least(expr, Tight::Sum) }
}

/// A value in a list or on the right of `=`.
fn listed(expr: &Expr) -> String {
    match &expr.node {
        ExprKind::Path(path) => word::value_word(path),
        _ => at_least(expr, Tight::Sum),
    }
}

/// What `since` and `until` look at.
fn moment_text(moment: &Expr) -> String {
    match &moment.node {
        ExprKind::Path(_)
        | ExprKind::Aggregate(_)
        | ExprKind::Next(_)
        | ExprKind::Literal(Literal::Date(_)) => flat(moment),
        _ => format!("({})", flat(moment)),
    }
}

/// The last piece of a value: what the next word would be taken to belong to.
fn last(expr: &Expr) -> &Expr {
    match &expr.node {
        ExprKind::Arithmetic(_, _, right) => last(right),
        ExprKind::Since(_, moment) | ExprKind::Until(_, moment)
            if matches!(moment.node, ExprKind::Aggregate(_)) =>
        {
            last(moment)
        }
        _ => expr,
    }
}

fn ends_in_touch(expr: &Expr) -> bool {
    matches!(last(expr).node, ExprKind::WasSent(_) | ExprKind::Opened(_))
}

/// Whether a window behind it would be taken for its own.
fn takes_window(expr: &Expr) -> bool {
    matches!(
        last(expr).node,
        ExprKind::Aggregate(_) | ExprKind::WasSent(_) | ExprKind::Opened(_) | ExprKind::Entered(..)
    )
}

/// Whether a sign behind it would be taken for a part of its filter.
fn ends_in_filter(expr: &Expr) -> bool {
    matches!(&last(expr).node, ExprKind::Aggregate(a) if a.filter.as_ref().is_some_and(bare_filter) && a.window.is_none())
}

fn fold(aggregate: &Aggregate) -> String {
    let function = match aggregate.function.node {
        Function::Count => "count of",
        Function::Sum => "sum of",
        Function::Average => "average of",
        Function::Min => "min of",
        Function::Max => "max of",
        Function::Latest => "latest",
        Function::First => "first",
        Function::Distinct => "number of distinct",
    };
    let window = windowed(aggregate.window.as_ref());
    let path = word::path(&aggregate.path);
    match &aggregate.filter {
        None => format!("{function} {path}{window}"),
        Some(filter) if bare_filter(filter) => format!("{function} {path} where {}{window}", flat(filter)),
        Some(filter) => format!("{function} {path} where ({}){window}", flat(filter)),
    }
}

/// Whether a filter needs no parentheses: one comparison of names and written-out values.
fn bare_filter(filter: &Expr) -> bool {
    let simple = |e: &Expr| matches!(e.node, ExprKind::Path(_) | ExprKind::Literal(_));
    match &filter.node {
        ExprKind::Compare(left, _, right) | ExprKind::Matches(left, _, right) => {
            simple(left) && simple(right)
        }
        ExprKind::Between { value, low, high, .. } => simple(value) && simple(low) && simple(high),
        ExprKind::In { value, .. }
        | ExprKind::Known(value)
        | ExprKind::Missing(value)
        | ExprKind::Today(value) => simple(value),
        _ => false,
    }
}

fn touched(touch: &Touch) -> String {
    let channel = touch.channel.as_ref().map_or(String::new(), |c| format!(" {}", word::channel(&c.node)));
    format!("{}{channel}{}", word::name(&touch.name.node), windowed(touch.window.as_ref()))
}

fn windowed(window: Option<&Spanned<Window>>) -> String {
    let bound = |b: &Spanned<Bound>| match b.node {
        Bound::Date(date) => date.to_string(),
        Bound::Start => "start".to_owned(),
    };
    match window.map(|w| &w.node) {
        None => String::new(),
        Some(Window::Last(length)) => format!(" in last {}", word::length(length.node)),
        Some(Window::Since(b)) => format!(" since {}", bound(b)),
        Some(Window::Between(low, high)) => format!(" between {} and {}", bound(low), bound(high)),
        Some(Window::Before(b)) => format!(" before {}", bound(b)),
    }
}

fn group_word(kind: GroupKind) -> &'static str {
    match kind {
        GroupKind::All => "all",
        GroupKind::Any => "any",
        GroupKind::None => "none",
    }
}

fn compare_sign(op: CompareOp) -> &'static str {
    match op {
        CompareOp::Equal => "=",
        CompareOp::NotEqual => "!=",
        CompareOp::Less => "<",
        CompareOp::AtMost => "<=",
        CompareOp::More => ">",
        CompareOp::AtLeast => ">=",
    }
}

fn match_words(op: MatchOp) -> &'static str {
    match op {
        MatchOp::Contains => "contains",
        MatchOp::StartsWith => "starts with",
        MatchOp::EndsWith => "ends with",
    }
}

fn arithmetic_sign(op: ArithmeticOp) -> &'static str {
    match op {
        ArithmeticOp::Add => "+",
        ArithmeticOp::Subtract => "-",
        ArithmeticOp::Multiply => "*",
        ArithmeticOp::Divide => "/",
    }
}
