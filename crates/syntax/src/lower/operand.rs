//! Values: arithmetic, and everything that can stand on one side of a comparison.

use super::Lower;
use super::value::unit;
use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::grammar::{Pair, Rule, find, has, parts, written};
use crate::span::Spanned;
use crate::tree::{ArithmeticOp, Expr, ExprKind, Literal, Path, Unit};

impl Lower<'_> {
    /// Factors with `+ - * /` between them.
    pub(super) fn operand(&mut self, pair: &Pair<'_>) -> Option<Expr> {
        let mut factors = Vec::new();
        let mut signs = Vec::new();
        for part in parts(pair.clone()) {
            match part.as_rule() {
                Rule::sign => signs.push(part),
                _ => factors.push(part),
            }
        }
        self.spaced(pair, &signs);
        let lowered: Vec<_> =
            self.deeper(pair, signs.len(), |l| factors.iter().map(|f| l.factor(f)).collect())?;
        let mut sums: Vec<Expr> = Vec::new();
        let mut between: Vec<ArithmeticOp> = Vec::new();
        let mut signs = signs.iter().map(|s| arithmetic(s.as_str()));
        for factor in lowered {
            let factor = factor?;
            match (sums.is_empty(), if sums.is_empty() { None } else { signs.next() }) {
                (false, Some(op @ (ArithmeticOp::Multiply | ArithmeticOp::Divide))) => {
                    let left = sums.pop()?;
                    sums.push(combine(left, op, factor));
                }
                (false, Some(op)) => {
                    between.push(op);
                    sums.push(factor);
                }
                _ => sums.push(factor),
            }
        }
        let mut sums = sums.into_iter();
        let first = sums.next()?;
        Some(between.into_iter().zip(sums).fold(first, |left, (op, right)| combine(left, op, right)))
    }

    /// A minus stands between blanks.
    fn spaced(&mut self, operand: &Pair<'_>, signs: &[Pair<'_>]) {
        let text = &self.clean.text;
        let glued = signs.iter().any(|sign| {
            let (start, end) = (sign.as_span().start(), sign.as_span().end());
            let before = text.get(..start).is_some_and(|t| t.ends_with(|c: char| !c.is_whitespace()));
            let after = text.get(end..).is_some_and(|t| t.starts_with(|c: char| !c.is_whitespace()));
            sign.as_str() == "-" && (before || after)
        });
        if glued {
            let place = self.place(operand);
            let words: Vec<&str> = parts(operand.clone()).map(|p| written(&p)).collect();
            self.report(
                Diagnostic::new(Code::GLUED_MINUS, place, "a minus stands between blanks")
                    .label("a `-` without blanks belongs to a name or a number")
                    .fix("put a blank on each side", place, words.join(" ")),
            );
        }
    }

    fn factor(&mut self, pair: &Pair<'_>) -> Option<Expr> {
        let span = self.span(pair);
        let node = match pair.as_rule() {
            Rule::literal => ExprKind::Literal(self.literal(pair)?.node),
            Rule::paren => {
                let inner = self.find_expr(pair)?;
                return Some(Spanned::new(inner.node, span));
            }
            Rule::group => return self.group(pair),
            Rule::call => return self.call(pair),
            Rule::aggregate => ExprKind::Aggregate(Box::new(self.aggregate(pair)?)),
            Rule::since | Rule::row_since => ExprKind::Since(self.unit(pair)?, Box::new(self.moment(pair)?)),
            Rule::until | Rule::row_until => ExprKind::Until(self.unit(pair)?, Box::new(self.moment(pair)?)),
            Rule::next | Rule::path => ExprKind::Path(self.checked_path(pair)?),
            Rule::date => ExprKind::Literal(Literal::Date(self.date(pair)?.node)),
            Rule::was_sent if has(pair, Rule::k_not) => {
                let sent = Spanned::new(ExprKind::WasSent(self.touch(pair)?), span);
                ExprKind::Not(Box::new(sent))
            }
            Rule::was_sent => ExprKind::WasSent(self.touch(pair)?),
            Rule::opened => ExprKind::Opened(self.touch(pair)?),
            Rule::entered => {
                let window = self.window(pair)?;
                ExprKind::Entered(self.find_path(pair)?, window)
            }
            Rule::holds => ExprKind::Holds(self.find_name(pair)?),
            Rule::in_segment => ExprKind::InSegment(self.find_name(pair)?),
            Rule::timed_out => ExprKind::TimedOut,
            _ => return None,
        };
        Some(Spanned::new(node, span))
    }

    /// A path in which no minus was forgotten.
    pub(super) fn checked_path(&mut self, pair: &Pair<'_>) -> Option<Path> {
        let path = self.path(pair);
        let last = pair.clone().into_inner().next_back()?;
        let written = last.as_str();
        if let Some((_, tail)) = written.rsplit_once('-')
            && !written.starts_with('`')
            && tail.chars().all(|c| c.is_ascii_digit())
        {
            let place = self.place(pair);
            let dot = pair.as_str().len() - written.len();
            let (before, name) = pair.as_str().split_at_checked(dot).unwrap_or(("", written));
            let spaced = match name.rsplit_once('-') {
                Some((left, right)) => format!("{before}{left} - {right}"),
                None => name.to_owned(),
            };
            self.report(
                Diagnostic::new(Code::GLUED_MINUS, place, format!("`{}` reads as one name", pair.as_str()))
                    .label("a `-` without blanks belongs to the name")
                    .fix("to subtract, put blanks around the minus", place, spaced)
                    .fix("if it is one name, put it in back-ticks", place, format!("{before}`{name}`")),
            );
        }
        Some(path)
    }

    fn unit(&mut self, pair: &Pair<'_>) -> Option<Unit> {
        unit(find(pair, Rule::unit)?.as_str())
    }

    /// What `since` and `until` look at.
    fn moment(&mut self, pair: &Pair<'_>) -> Option<Expr> {
        let inner = parts(pair.clone()).find(|p| p.as_rule() != Rule::unit)?;
        if inner.as_rule() == Rule::next {
            let path = find(&inner, Rule::path)?;
            let path = Spanned::new(ExprKind::Path(self.checked_path(&path)?), self.span(&path));
            return Some(Spanned::new(ExprKind::Next(Box::new(path)), self.span(&inner)));
        }
        self.factor(&inner)
    }
}

fn arithmetic(sign: &str) -> ArithmeticOp {
    match sign {
        "+" => ArithmeticOp::Add,
        "-" => ArithmeticOp::Subtract,
        "*" => ArithmeticOp::Multiply,
        _ => ArithmeticOp::Divide,
    }
}

fn combine(left: Expr, op: ArithmeticOp, right: Expr) -> Expr {
    let span = left.span.to(right.span);
    Spanned::new(ExprKind::Arithmetic(Box::new(left), op, Box::new(right)), span)
}
