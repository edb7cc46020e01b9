//! Conditions: `and`, `or`, `not`, groups.

use super::Lower;
use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::grammar::{Pair, Rule, find, has, parts, written};
use crate::span::Spanned;
use crate::tree::{Expr, ExprKind, GroupKind};

/// How high the tree of one expression may grow, all its chains and parentheses together.
pub const MAX_HEIGHT: usize = 128;

/// Up to how many parts a condition is written out again in a fix.
const MAX_REWRITTEN: usize = 50;

impl Lower<'_> {
    /// Terms with `and` or `or` between them.
    pub(super) fn expr(&mut self, pair: &Pair<'_>) -> Option<Expr> {
        let span = self.span(pair);
        let mut joiners = Vec::new();
        let mut terms = Vec::new();
        for part in parts(pair.clone()) {
            match part.as_rule() {
                Rule::joiner => joiners.push(self.joiner(&part)),
                _ => terms.push(part),
            }
        }
        if joiners.contains(&true) && joiners.contains(&false) {
            self.and_beside_or(pair, &joiners, &terms);
        }
        let lowered: Vec<Option<Expr>> =
            self.deeper(pair, joiners.len().min(1), |l| terms.iter().map(|t| l.term(t)).collect())?;
        let mut terms: Vec<Expr> = lowered.into_iter().collect::<Option<_>>()?;
        let node = match joiners.first() {
            None => return terms.pop(),
            Some(true) => ExprKind::And(flat(terms, true)),
            Some(false) => ExprKind::Or(flat(terms, false)),
        };
        Some(Spanned::new(node, span))
    }

    /// The expression directly inside.
    pub(super) fn find_expr(&mut self, pair: &Pair<'_>) -> Option<Expr> {
        find(pair, Rule::expr).and_then(|e| self.expr(&e))
    }

    /// Whether it is `and`.
    fn joiner(&mut self, pair: &Pair<'_>) -> bool {
        let and = has(pair, Rule::k_and) || pair.as_str() == "&&";
        if pair.as_str().starts_with(['&', '|']) {
            self.foreign(pair, if and { "and" } else { "or" });
        }
        and
    }

    pub(super) fn foreign(&mut self, pair: &Pair<'_>, write: &str) {
        let place = self.place(pair);
        let written = pair.as_str();
        self.report(
            Diagnostic::new(Code::FOREIGN_OPERATOR, place, format!("`{written}` is written `{write}`"))
                .label("a sign of another language")
                .fix(format!("write `{write}`"), place, write),
        );
    }

    fn and_beside_or(&mut self, pair: &Pair<'_>, joiners: &[bool], terms: &[Pair<'_>]) {
        let reading = |inner: bool| {
            let mut groups: Vec<Vec<&str>> = Vec::new();
            for (i, term) in terms.iter().enumerate() {
                let joined = i.checked_sub(1).and_then(|j| joiners.get(j)) == Some(&inner);
                match groups.last_mut() {
                    Some(group) if joined => group.push(written(term)),
                    _ => groups.push(vec![written(term)]),
                }
            }
            let (within, between) = if inner { (" and ", " or ") } else { (" or ", " and ") };
            let write = |g: Vec<&str>| if g.len() > 1 { format!("({})", g.join(within)) } else { g.concat() };
            groups.into_iter().map(write).collect::<Vec<_>>().join(between)
        };
        let place = self.place(pair);
        let found = Diagnostic::new(Code::AND_BESIDE_OR, place, "`and` beside `or` can be read in two ways")
            .label("put parentheses around what belongs together");
        if terms.len() > MAX_REWRITTEN {
            return self.report(found);
        }
        self.report(found.fix("if both sides of an `and` belong together", place, reading(true)).fix(
            "if both sides of an `or` belong together",
            place,
            reading(false),
        ));
    }

    /// Lowers what stands below, if the tree does not grow too high with it.
    pub(super) fn deeper<T>(
        &mut self,
        pair: &Pair<'_>,
        by: usize,
        below: impl FnOnce(&mut Self) -> T,
    ) -> Option<T> {
        if self.height + by > MAX_HEIGHT {
            let place = self.place(pair);
            self.report(
                Diagnostic::new(Code::TOO_DEEP, place, "this expression is too long a chain")
                    .label(format!("more than {MAX_HEIGHT} steps that build on one another"))
                    .help("give a part of it a name with `define`, and use the name"),
            );
            return None;
        }
        self.height += by;
        let below = below(self);
        self.height -= by;
        Some(below)
    }

    /// `not not A < B`, also the bare comparison of a filter.
    pub(super) fn term(&mut self, pair: &Pair<'_>) -> Option<Expr> {
        let span = self.span(pair);
        let mut negations = 0;
        let mut operand = None;
        let mut tails = Vec::new();
        for part in parts(pair.clone()) {
            match part.as_rule() {
                Rule::negation => {
                    negations += 1;
                    if has(&part, Rule::bang) {
                        self.foreign(&part, "not");
                    }
                }
                Rule::operand | Rule::row_operand | Rule::row_paren => operand = Some(part),
                _ => tails.push(part),
            }
        }
        let operand = operand?;
        let inner = self.deeper(pair, negations + tails.len().min(1), |l| {
            let value = l.operand(&operand)?;
            match tails.as_slice() {
                [] => Some(value),
                [tail] => l.tail(value, tail),
                chain => {
                    l.chain(pair, &operand, chain);
                    None
                }
            }
        })??;
        let mut expr = inner;
        for _ in 0..negations {
            expr = Spanned::new(ExprKind::Not(Box::new(expr)), span);
        }
        Some(expr)
    }

    pub(super) fn group(&mut self, pair: &Pair<'_>) -> Option<Expr> {
        let kind_pair = find(pair, Rule::group_kind)?;
        let kind = match kind_pair.clone().into_inner().next()?.as_rule() {
            Rule::k_all => GroupKind::All,
            Rule::k_any => GroupKind::Any,
            _ => GroupKind::None,
        };
        let conditions: Vec<_> = parts(pair.clone()).filter(|p| p.as_rule() == Rule::expr).collect();
        if conditions.is_empty() {
            let place = self.place(pair);
            self.report(
                Diagnostic::new(Code::EMPTY, place, format!("`{} of` has no condition", kind_pair.as_str()))
                    .label("nothing stands before `end`")
                    .help("write one condition or more, with a comma between them"),
            );
            return None;
        }
        let lowered: Vec<Option<Expr>> =
            self.deeper(pair, 1, |l| conditions.iter().map(|c| l.expr(c)).collect())?;
        let conditions = lowered.into_iter().collect::<Option<_>>()?;
        Some(Spanned::new(ExprKind::Group(kind, conditions), self.span(pair)))
    }

    /// `A < B < C`
    fn chain(&mut self, pair: &Pair<'_>, operand: &Pair<'_>, tails: &[Pair<'_>]) {
        let place = self.place(pair);
        let found = Diagnostic::new(Code::CHAINED_COMPARISON, place, "comparisons do not chain")
            .label("more than one comparison in a row");
        let mut left = written(operand).to_owned();
        let mut comparisons = Vec::new();
        if tails.len() > MAX_REWRITTEN {
            return self.report(found.help("join them with `and`"));
        }
        for tail in tails {
            let right = parts(tail.clone()).last();
            let (true, Some(right)) = (matches!(tail.as_rule(), Rule::compare | Rule::row_compare), right)
            else {
                self.report(found.help("join them with `and`"));
                return;
            };
            comparisons.push(format!("{left} {}", written(tail)));
            left = written(&right).to_owned();
        }
        self.report(found.fix("compare one after the other", place, comparisons.join(" and ")));
    }
}

/// `(A and B) and C` is `A and B and C`.
fn flat(terms: Vec<Expr>, and: bool) -> Vec<Expr> {
    let mut all = Vec::with_capacity(terms.len());
    for term in terms {
        match (and, term.node) {
            (true, ExprKind::And(inner)) | (false, ExprKind::Or(inner)) => all.extend(inner),
            (_, node) => all.push(Spanned::new(node, term.span)),
        }
    }
    all
}
