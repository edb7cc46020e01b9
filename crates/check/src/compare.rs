//! Comparisons: both sides brought to one type, or an error that says what was expected.

use crate::declarations::has_order;
use crate::program::{Condition, ConditionKind, Term, TermKind};
use crate::{Checker, Scope};
use tidings_schema::Type;
use tidings_syntax::tree::{CompareOp, Expr, ExprKind, Literal};
use tidings_syntax::{Code, Diagnostic, Spanned};

impl Checker<'_> {
    /// `left op right`, written at `whole`.
    pub(crate) fn comparison(
        &mut self,
        whole: &Expr,
        left: &Expr,
        op: &Spanned<CompareOp>,
        right: &Expr,
        scope: Scope,
    ) -> Option<Condition> {
        if matches!(left.node, ExprKind::Literal(_)) && !matches!(right.node, ExprKind::Literal(_)) {
            return self.comparison(whole, right, &Spanned::new(op.node.mirrored(), op.span), left, scope);
        }
        let place = self.place(whole.span);
        let left = self.term(left, scope)?;
        if left.ty == Type::YesNo && matches!(op.node, CompareOp::Equal | CompareOp::NotEqual) {
            if let ExprKind::Literal(Literal::Truth(truth)) = right.node {
                let holds = Condition { kind: ConditionKind::Truth(left), place };
                let straight = truth == (op.node == CompareOp::Equal);
                let opposite = |c| Condition { kind: ConditionKind::Not(Box::new(c)), place };
                return Some(if straight { holds } else { opposite(holds) });
            }
            if matches!(self.text(right.span), "yes" | "no" | "y" | "n" | "on" | "off") {
                return self.report_yes_no(right);
            }
        }
        let (left, right) = self.sides(left, right, scope)?;
        self.check_operator(op, &left)?;
        Some(Condition { kind: ConditionKind::Compare(op.node, left, right), place })
    }

    /// Both sides in one type; a literal or a word takes the left side's.
    fn sides(&mut self, left: Term, right: &Expr, scope: Scope) -> Option<(Term, Term)> {
        let place = self.place(right.span);
        let constant = |value, ty| Term { kind: TermKind::Constant(value), ty, place };
        match &right.node {
            ExprKind::Literal(literal) => {
                let left = match (&left.ty, literal) {
                    (Type::Moment, Literal::Date(_)) => self.as_date(left)?,
                    (Type::Elapsed(_), Literal::Number(n)) if !n.fract().is_zero() => as_number(left),
                    _ => left,
                };
                let value = self.literal_as(&Spanned::new(literal.clone(), right.span), &left.ty)?;
                let ty = left.ty.clone();
                Some((left, constant(value, ty)))
            }
            ExprKind::Path(path) if path.parts.len() == 1 => {
                let name = path.parts.first()?;
                if let Type::OneOf(list) = &left.ty
                    && (list.position(&name.node).is_some() || !self.is_name(&name.node, scope))
                {
                    let value = self.word(name, &list.clone())?;
                    let ty = left.ty.clone();
                    return Some((left, constant(value, ty)));
                }
                if left.ty == Type::Text && !self.is_name(&name.node, scope) {
                    return self.report_needs_quotes(right);
                }
                let right = self.term(right, scope)?;
                self.unify(left, right)
            }
            _ => {
                let right = self.term(right, scope)?;
                self.unify(left, right)
            }
        }
    }

    fn unify(&mut self, left: Term, right: Term) -> Option<(Term, Term)> {
        match (&left.ty, &right.ty) {
            (a, b) if a == b => Some((left, right)),
            (Type::Moment, Type::Date) | (Type::Date, Type::Moment) => {
                Some((self.as_date(left)?, self.as_date(right)?))
            }
            (Type::Elapsed(_), Type::Number) => Some((as_number(left), right)),
            (Type::Number, Type::Elapsed(_)) => Some((left, as_number(right))),
            (Type::Money(a), Type::Money(b)) => {
                let message = format!("{} is compared with {}", a.code(), b.code());
                self.report(
                    Diagnostic::new(Code::CURRENCY, left.place.to(right.place), message)
                        .help("compare amounts of one currency: nothing is converted here"),
                )
            }
            (a, b) => {
                let message = format!("{a} cannot be compared with {b}");
                self.report(
                    Diagnostic::new(Code::WRONG_TYPE, right.place, message)
                        .label(format!("this is {b}"))
                        .also(left.place, format!("and this is {a}"))
                        .help("compare things of one kind"),
                )
            }
        }
    }

    fn check_operator(&mut self, op: &Spanned<CompareOp>, left: &Term) -> Option<()> {
        let place = self.place(op.span);
        if left.ty == Type::Tags {
            return self.report(
                Diagnostic::new(Code::WRONG_TYPE, place, "tags are many words, and `=` compares with one")
                    .help("write `contains`"),
            );
        }
        if matches!(op.node, CompareOp::Equal | CompareOp::NotEqual) || has_order(&left.ty) {
            return Some(());
        }
        let d = Diagnostic::new(Code::NOT_ORDERED, place, format!("{} has no order", left.ty));
        self.report(match &left.ty {
            Type::OneOf(list) => d.help(format!(
                "write `= …` or `in (…)`; if the words of {} go from low to high, say `ordered: true` in schema.yaml",
                list.name
            )),
            _ => d.help("write `=` or `in (…)`"),
        })
    }

    /// A date as it is, a moment as its day in the project's zone.
    pub(crate) fn as_date(&mut self, term: Term) -> Option<Term> {
        match term.ty {
            Type::Date => Some(term),
            Type::Moment => {
                let place = term.place;
                Some(Term { kind: TermKind::DateOf(Box::new(term)), ty: Type::Date, place })
            }
            _ => self.report(
                Diagnostic::new(
                    Code::WRONG_TYPE,
                    term.place,
                    format!("a date is needed here, and this is {}", term.ty),
                )
                .help("name a date or a moment, such as `latest orders.placed_at`"),
            ),
        }
    }
}

/// An elapsed count as a number; other terms as they are.
pub(crate) fn as_number(term: Term) -> Term {
    if !matches!(term.ty, Type::Elapsed(_)) {
        return term;
    }
    let place = term.place;
    Term { kind: TermKind::AsNumber(Box::new(term)), ty: Type::Number, place }
}
