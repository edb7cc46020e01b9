//! Where the text of a condition can be changed a little, and into what.

use rust_decimal::Decimal;
use tidings_syntax::tree::{
    Aggregate, Arm, Basis, Bound, Clause, CompareOp, Expr, ExprKind, File, GroupKind, Item, Length, Literal,
    Schedule, Window,
};
use tidings_syntax::{Span, Spanned};

/// A change: one or several edits that go together.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Spot {
    /// The comparison, or whatever it changes.
    pub whole: Span,
    /// Where it only lets a comparison hold at its edge, or not: the number whose neighbour, another change, says the same
    /// of values that are whole in its unit.
    pub twin: Option<Literal>,
    /// In the order of the text.
    pub edits: Vec<Edit>,
}

/// Other words for a stretch of text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Edit {
    pub span: Span,
    pub text: String,
}

impl Edit {
    /// The same, counted from the beginning of a stretch that it lies in.
    pub(crate) fn within(&self, whole: Span) -> Edit {
        let at = |byte: u32| byte.saturating_sub(whole.start);
        Edit { span: Span { start: at(self.span.start), end: at(self.span.end) }, text: self.text.clone() }
    }
}

/// Every change to the conditions, values and windows of a file.
pub(crate) fn spots(file: &File, text: &str) -> Vec<Spot> {
    let mut found = Found { text, spots: Vec::new() };
    for item in &file.items {
        match &item.node {
            // Whether it is a value or a condition is seen by what it is made of.
            Item::Define(define) => found.part(&define.value),
            Item::Score(score) => {
                if let Basis::Fixed(bounds) = &score.basis {
                    bounds.iter().for_each(|bound| found.literal(&bound.node, bound.span, bound.span));
                }
                found.part(&score.of);
            }
            Item::Stages(stages) => {
                let tests =
                    stages.arms.iter().filter_map(|Spanned { node: Arm { when, .. }, .. }| when.as_ref());
                tests.for_each(|test| found.condition(test));
            }
            Item::Segment(segment) => found.condition(&segment.condition),
            Item::Rule(rule) => found.clauses(&rule.clauses),
            Item::Journey(_) | Item::Policy(_) => {}
        }
    }
    file.sentence.iter().for_each(|sentence| found.clauses(&sentence.node));
    found.spots
}

struct Found<'t> {
    text: &'t str,
    spots: Vec<Spot>,
}

impl Found<'_> {
    fn clauses(&mut self, clauses: &[Spanned<Clause>]) {
        for clause in clauses {
            match &clause.node {
                Clause::If(condition) => self.condition(condition),
                Clause::When(Schedule::Around { length, .. }) => self.length(length, clause.span),
                _ => {}
            }
        }
    }

    /// A condition, which can be turned round where it is a single word of its own.
    fn condition(&mut self, expr: &Expr) {
        let single = matches!(
            expr.node,
            ExprKind::Path(_)
                | ExprKind::Matches(..)
                | ExprKind::Today(_)
                | ExprKind::WasSent(_)
                | ExprKind::Opened(_)
                | ExprKind::Entered(..)
                | ExprKind::InSegment(_)
                | ExprKind::Holds(_)
        );
        if single {
            // Inside of its parentheses, without which `where` could not be read.
            let inside = self.text.get(expr.span.range()).unwrap_or_default();
            let start = expr.span.start + (inside.len() - inside.trim_start_matches(['(', ' ']).len()) as u32;
            let at = Span { start, end: start };
            self.add(expr.span, vec![Edit { span: at, text: "not ".to_owned() }]);
        }
        self.part(expr);
    }

    fn part(&mut self, expr: &Expr) {
        let whole = expr.span;
        match &expr.node {
            ExprKind::Literal(literal) => self.literal(literal, whole, whole),
            ExprKind::Not(inner) => {
                self.words(whole, whole.start, inner.span.start, "not", "");
                // Turned round twice it would be the same change.
                match inner.node {
                    ExprKind::Path(_) | ExprKind::WasSent(_) | ExprKind::InSegment(_) => self.part(inner),
                    _ => self.condition(inner),
                }
            }
            ExprKind::And(parts) => self.chain(whole, parts, "and", "or"),
            ExprKind::Or(parts) => self.chain(whole, parts, "or", "and"),
            ExprKind::Group(kind, parts) => {
                let (from, to) = match kind {
                    GroupKind::All => ("all", "any"),
                    GroupKind::Any => ("any", "all"),
                    GroupKind::None => ("none", "any"),
                };
                let end = parts.first().map_or(whole.end, |first| first.span.start);
                self.words(whole, whole.start, end, from, to);
                parts.iter().for_each(|part| self.condition(part));
            }
            ExprKind::Compare(left, op, right) => {
                let text = neighbour(op.node).to_owned();
                let twin = twin(left, op.node, right);
                self.spots.push(Spot { whole, twin, edits: vec![Edit { span: op.span, text }] });
                self.side(left, whole);
                self.side(right, whole);
            }
            ExprKind::Between { value, low, high, negated } => {
                if *negated {
                    self.words(whole, value.span.end, low.span.start, "not", "");
                }
                [value, low, high].into_iter().for_each(|side| self.side(side, whole));
            }
            ExprKind::In { value, list, negated } => {
                let end = list.first().map_or(whole.end, |first| first.span.start);
                if *negated {
                    self.words(whole, value.span.end, end, "not", "");
                } else {
                    self.words(whole, value.span.end, end, "in", "not in");
                }
                self.side(value, whole);
                self.shorter_lists(whole, list);
            }
            ExprKind::Known(of) => self.words(whole, of.span.end, whole.end, "known", "missing"),
            ExprKind::Missing(of) => self.words(whole, of.span.end, whole.end, "missing", "known"),
            ExprKind::Matches(of, _, _) | ExprKind::Today(of) | ExprKind::Next(of) => self.side(of, whole),
            ExprKind::Since(_, of) | ExprKind::Until(_, of) => self.side(of, whole),
            ExprKind::Arithmetic(left, _, right) => {
                self.side(left, whole);
                self.side(right, whole);
            }
            ExprKind::Aggregate(fold) => self.fold(fold, whole),
            ExprKind::WasSent(touch) | ExprKind::Opened(touch) => {
                touch.window.iter().for_each(|window| self.window(&window.node, whole));
            }
            ExprKind::Entered(_, window) => {
                window.iter().for_each(|window| self.window(&window.node, whole));
            }
            ExprKind::Path(_) | ExprKind::InSegment(_) | ExprKind::Holds(_) | ExprKind::TimedOut => {}
        }
    }

    /// A side of a comparison: what is changed in it is shown with the whole comparison.
    fn side(&mut self, expr: &Expr, whole: Span) {
        let before = self.spots.len();
        self.part(expr);
        for spot in self.spots.iter_mut().skip(before).filter(|spot| spot.whole == expr.span) {
            spot.whole = whole;
        }
    }

    fn fold(&mut self, fold: &Aggregate, whole: Span) {
        fold.filter.iter().for_each(|filter| self.condition(filter));
        fold.window.iter().for_each(|window| self.window(&window.node, whole));
    }

    fn window(&mut self, window: &Window, whole: Span) {
        match window {
            Window::Last(length) => self.length(length, whole),
            Window::Since(bound) | Window::Before(bound) => self.bound(bound, whole),
            Window::Between(from, to) => {
                self.bound(from, whole);
                self.bound(to, whole);
            }
        }
    }

    fn bound(&mut self, bound: &Spanned<Bound>, whole: Span) {
        if let Bound::Date(date) = bound.node {
            self.literal(&Literal::Date(date), bound.span, whole);
        }
    }

    fn length(&mut self, length: &Spanned<Length>, whole: Span) {
        self.literal(&Literal::Length(length.node), length.span, whole);
    }

    /// A step up and a step down, each the smallest that whoever wrote the number would write.
    fn literal(&mut self, literal: &Literal, span: Span, whole: Span) {
        let number = match literal {
            Literal::Number(n) | Literal::Percent(n) | Literal::Money(n, _) => *n,
            Literal::Length(length) => Decimal::from(length.count),
            Literal::Date(date) => {
                let days = [date.pred_opt(), date.succ_opt()].into_iter().flatten();
                days.for_each(|day| self.add(whole, vec![Edit { span, text: day.to_string() }]));
                return;
            }
            Literal::Text(_) | Literal::Truth(_) => return,
        };
        // What the number is followed by, its unit, stays.
        let Some(written) = self.text.get(span.range()) else { return };
        let digits = written.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(written.len());
        let span = Span { end: span.start + digits as u32, ..span };
        let step = Decimal::new(1, number.scale());
        for moved in [number - step, number + step] {
            if !moved.is_sign_negative() && digits > 0 {
                self.add(whole, vec![Edit { span, text: moved.to_string() }]);
            }
        }
    }

    /// `and` as `or` in a whole chain, since both beside each other cannot be read.
    fn chain(&mut self, whole: Span, parts: &[Expr], from: &str, to: &str) {
        let gaps = parts.iter().zip(parts.iter().skip(1));
        let edits = gaps.map(|(a, b)| self.word(a.span.end, b.span.start, from, to));
        if let Some(edits) = edits.collect::<Option<Vec<Edit>>>() {
            self.add(whole, edits);
        }
        parts.iter().for_each(|part| self.condition(part));
    }

    /// Lists without one of their values.
    fn shorter_lists(&mut self, whole: Span, list: &[Expr]) {
        for (i, item) in list.iter().enumerate() {
            let gap = match (list.get(i + 1), i.checked_sub(1).and_then(|before| list.get(before))) {
                (Some(next), _) => Span { start: item.span.start, end: next.span.start },
                (None, Some(before)) => Span { start: before.span.end, end: item.span.end },
                (None, None) => return,
            };
            self.add(whole, vec![Edit { span: gap, text: String::new() }]);
        }
    }

    fn words(&mut self, whole: Span, start: u32, end: u32, from: &str, to: &str) {
        let edit = self.word(start, end, from, to);
        edit.into_iter().for_each(|edit| self.add(whole, vec![edit]));
    }

    /// Another word for one that stands between two bytes, comments left out.
    fn word(&self, start: u32, end: u32, from: &str, to: &str) -> Option<Edit> {
        let mut at = start as usize;
        for line in self.text.get(at..end as usize)?.split_inclusive('\n') {
            let code = line.split('#').next().unwrap_or(line);
            if let Some(found) = code.to_ascii_lowercase().find(from) {
                let span = Span::new(at + found, at + found + from.len());
                return Some(Edit { span, text: to.to_owned() });
            }
            at += line.len();
        }
        None
    }

    fn add(&mut self, whole: Span, edits: Vec<Edit>) {
        self.spots.push(Spot { whole, twin: None, edits });
    }
}

/// The number that a value is held against, where the neighbour is tried with which `>` is `>=`, and `<` is `<=`, of whole
/// values; of those a part of one makes no edge at all.
fn twin(left: &Expr, op: CompareOp, right: &Expr) -> Option<Literal> {
    let (literal, op) = match (&left.node, &right.node) {
        (_, ExprKind::Literal(literal)) => (literal, op),
        (ExprKind::Literal(literal), _) => (literal, op.mirrored()),
        _ => return None,
    };
    let least = match op {
        CompareOp::More | CompareOp::AtMost => 1,
        CompareOp::Less | CompareOp::AtLeast => 0,
        CompareOp::Equal | CompareOp::NotEqual => return None,
    };
    let tried = match literal {
        Literal::Number(n) => !n.fract().is_zero() || n.scale() == 0 && *n >= Decimal::from(least),
        Literal::Length(length) => length.count >= least,
        Literal::Date(_) => true,
        _ => false,
    };
    tried.then(|| literal.clone())
}

/// The comparison that is most easily taken for another.
fn neighbour(op: CompareOp) -> &'static str {
    match op {
        CompareOp::Equal => "!=",
        CompareOp::NotEqual => "=",
        CompareOp::Less => "<=",
        CompareOp::AtMost => "<",
        CompareOp::More => ">=",
        CompareOp::AtLeast => ">",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidings_syntax::{FileId, parse};

    /// What becomes of a condition, once for each change.
    fn changed(condition: &str) -> Vec<String> {
        let text = format!("segment s\n  {condition}\nend\n");
        let parsed = parse(FileId::default(), &text);
        assert!(!parsed.has_errors(), "{:?}", parsed.diagnostics);
        let apply = |spot: Spot| {
            let mut text = text.clone();
            for edit in spot.edits.iter().rev() {
                text.replace_range(edit.span.range(), &edit.text);
            }
            let inside = text.lines().skip(1).take_while(|line| *line != "end");
            inside.map(str::trim).collect::<Vec<_>>().join(" ")
        };
        spots(&parsed.file, &text).into_iter().map(apply).collect()
    }

    #[test]
    fn every_part_of_a_condition_has_its_changes() {
        let cases: &[(&str, &[&str])] = &[
            ("visits > 3", &["visits >= 3", "visits > 2", "visits > 4"]),
            ("visits = 0", &["visits != 0", "visits = 1"]),
            ("share <= 0.25", &["share < 0.25", "share <= 0.24", "share <= 0.26"]),
            ("total < 500 CNY", &["total <= 500 CNY", "total < 499 CNY", "total < 501 CNY"]),
            ("born >= 2026-03-01", &["born > 2026-03-01", "born >= 2026-02-28", "born >= 2026-03-02"]),
            (
                "a between 1 and 5",
                &["a between 0 and 5", "a between 2 and 5", "a between 1 and 4", "a between 1 and 6"],
            ),
            ("a in (b, c)", &["a not in (b, c)", "a in (c)", "a in (b)"]),
            ("a not in (b)", &["a  in (b)"]),
            ("vip and not old", &["vip or not old", "not vip and not old", "vip and  old"]),
            // The word is looked for between the parts, and not in what people say about them.
            (
                "(vip) # and why\nor (old)",
                &[
                    "(vip) # and why and (old)",
                    "(not vip) # and why or (old)",
                    "(vip) # and why or (not old)",
                ],
            ),
            (
                "none of\na is known,\nb is missing,\nend",
                &[
                    "any of a is known, b is missing,",
                    "none of a is missing, b is missing,",
                    "none of a is known, b is known,",
                ],
            ),
            (
                "was sent x in last 3 days",
                &["not was sent x in last 3 days", "was sent x in last 2 days", "was sent x in last 4 days"],
            ),
            (
                "count of orders where (paid) in last 9 days != 1",
                &[
                    "count of orders where (paid) in last 9 days = 1",
                    "count of orders where (not paid) in last 9 days != 1",
                    "count of orders where (paid) in last 8 days != 1",
                    "count of orders where (paid) in last 10 days != 1",
                    "count of orders where (paid) in last 9 days != 0",
                    "count of orders where (paid) in last 9 days != 2",
                ],
            ),
        ];
        for (condition, expected) in cases {
            let shown: Vec<String> =
                changed(condition).into_iter().filter(|c| !c.ends_with(',') || c.contains("of a")).collect();
            assert_eq!(shown, *expected, "{condition}");
        }
    }
}
