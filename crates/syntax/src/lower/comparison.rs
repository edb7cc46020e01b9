//! Comparisons, and the tests of other languages.

use super::Lower;
use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::grammar::{Pair, Rule, find, has, parts, written};
use crate::span::{Span, Spanned};
use crate::tree::{CompareOp, Expr, ExprKind, MatchOp};

impl Lower<'_> {
    /// What stands behind the left side of a comparison.
    pub(super) fn tail(&mut self, value: Expr, tail: &Pair<'_>) -> Option<Expr> {
        let span = value.span.to(self.span(tail));
        let boxed = Box::new(value);
        let negated = has(tail, Rule::k_not);
        let mut operands =
            parts(tail.clone()).filter(|p| matches!(p.as_rule(), Rule::operand | Rule::row_operand));
        let node = match tail.as_rule() {
            Rule::state => return self.state(boxed, tail, span),
            Rule::membership | Rule::membership_row => {
                let list = self.list(&find(tail, Rule::list)?)?;
                ExprKind::In { value: boxed, list, negated }
            }
            Rule::range | Rule::row_range => {
                let (low, high) = (self.operand(&operands.next()?), self.operand(&operands.next()?));
                ExprKind::Between { value: boxed, low: Box::new(low?), high: Box::new(high?), negated }
            }
            Rule::r#match | Rule::row_match => {
                let matcher = find(tail, Rule::matcher)?;
                let op = match matcher.clone().into_inner().next_back()?.as_rule() {
                    Rule::k_contains | Rule::k_contain => MatchOp::Contains,
                    _ if has(&matcher, Rule::k_starts) || has(&matcher, Rule::k_start) => MatchOp::StartsWith,
                    _ => MatchOp::EndsWith,
                };
                let matches = ExprKind::Matches(boxed, op, Box::new(self.operand(&operands.next()?)?));
                if !has(&matcher, Rule::k_not) {
                    matches
                } else {
                    ExprKind::Not(Box::new(Spanned::new(matches, span)))
                }
            }
            Rule::like | Rule::row_like => {
                self.like(tail, &operands.next()?, negated);
                return None;
            }
            _ => {
                let comparator = find(tail, Rule::comparator)?;
                let right_pair = operands.next()?;
                let op = self.comparator(&comparator)?;
                let right = if matches!(op.node, CompareOp::Equal | CompareOp::NotEqual) {
                    self.word_or_operand(&right_pair)?
                } else {
                    self.operand(&right_pair)?
                };
                if is_null(&right_pair) && matches!(op.node, CompareOp::Equal | CompareOp::NotEqual) {
                    self.null(tail, op.node == CompareOp::Equal);
                    return None;
                }
                ExprKind::Compare(boxed, op, Box::new(right))
            }
        };
        Some(Spanned::new(node, span))
    }

    fn list(&mut self, pair: &Pair<'_>) -> Option<Vec<Expr>> {
        let items: Vec<_> = parts(pair.clone()).collect();
        if items.is_empty() {
            let place = self.place(pair);
            self.report(
                Diagnostic::new(Code::EMPTY, place, "this list is empty")
                    .label("nothing stands between the parentheses")
                    .help("write one value or more, with a comma between them"),
            );
            return None;
        }
        let lowered: Vec<_> = items.iter().map(|i| self.word_or_operand(i)).collect();
        lowered.into_iter().collect()
    }

    /// An operand where a bare word of a one-of may stand: `gold-1` is no subtraction there.
    fn word_or_operand(&mut self, pair: &Pair<'_>) -> Option<Expr> {
        let mut inner = pair.clone().into_inner();
        match (inner.next(), inner.next()) {
            (Some(path), None) if path.as_rule() == Rule::path && path.clone().into_inner().count() == 1 => {
                Some(Spanned::new(ExprKind::Path(self.path(&path)), self.span(&path)))
            }
            _ => self.operand(pair),
        }
    }

    fn comparator(&mut self, pair: &Pair<'_>) -> Option<Spanned<CompareOp>> {
        let inner = pair.clone().into_inner().next()?;
        let op = match (inner.as_rule(), inner.as_str()) {
            (Rule::symbol, "=" | "==" | "===") | (Rule::equal, _) => CompareOp::Equal,
            (Rule::symbol, "!=" | "!==" | "<>") | (Rule::unequal, _) => CompareOp::NotEqual,
            (Rule::symbol, "<") | (Rule::less, _) => CompareOp::Less,
            (Rule::symbol, "<=" | "=<") | (Rule::at_most, _) => CompareOp::AtMost,
            (Rule::symbol, ">") | (Rule::more, _) => CompareOp::More,
            _ => CompareOp::AtLeast,
        };
        match inner.as_str() {
            "==" | "===" => self.foreign(&inner, "="),
            "!==" | "<>" => self.foreign(&inner, "!="),
            "=<" => self.foreign(&inner, "<="),
            "=>" => self.foreign(&inner, ">="),
            _ => {}
        }
        Some(Spanned::new(op, self.span(pair)))
    }

    /// `is known`, `is missing`, `is today`, and `is null`.
    fn state(&mut self, value: Box<Expr>, tail: &Pair<'_>, span: Span) -> Option<Expr> {
        let negated = has(tail, Rule::k_not);
        if has(tail, Rule::null) {
            self.null(tail, !negated);
            return None;
        }
        let node = match (has(tail, Rule::k_known), has(tail, Rule::k_missing), negated) {
            (true, _, false) | (_, true, true) => ExprKind::Known(value),
            (true, _, true) | (_, true, false) => ExprKind::Missing(value),
            (_, _, false) => ExprKind::Today(value),
            (_, _, true) => ExprKind::Not(Box::new(Spanned::new(ExprKind::Today(value), span))),
        };
        Some(Spanned::new(node, span))
    }

    /// Reports a test for an empty value; `tail` is all behind the value.
    fn null(&mut self, tail: &Pair<'_>, missing: bool) {
        let place = self.place(tail);
        let write = if missing { "is missing" } else { "is known" };
        let message = format!("`{}` is written `{write}`", Self::quote(written(tail)));
        self.report(
            Diagnostic::new(Code::NULL_TEST, place, message)
                .label("nothing is null here: a value is known or missing")
                .fix(format!("write `{write}`"), place, write),
        );
    }

    /// `LIKE "x%"`
    fn like(&mut self, tail: &Pair<'_>, pattern: &Pair<'_>, negated: bool) {
        let place = self.place(tail);
        let found = Diagnostic::new(Code::FOREIGN_OPERATOR, place, "there is no `like`")
            .label("a test of another language");
        let text = written(pattern).trim_matches(['"', '\'']);
        let inside = text.trim_matches('%');
        let matcher = match (text.starts_with('%'), text.ends_with('%')) {
            (true, true) => "contains",
            (false, true) => "starts with",
            (true, false) => "ends with",
            (false, false) => "=",
        };
        let exact =
            written(pattern).starts_with(['"', '\'']) && !inside.contains(['%', '_']) && !inside.is_empty();
        self.report(if exact && !negated {
            found.fix(format!("write `{matcher}`"), place, format!("{matcher} \"{inside}\""))
        } else {
            found.help("write `contains \"…\"`, `starts with \"…\"` or `ends with \"…\"`, with `not` before the whole test to negate it")
        });
    }
}

fn is_null(operand: &Pair<'_>) -> bool {
    matches!(written(operand).to_ascii_lowercase().as_str(), "null" | "nil")
}
