//! Values: what has a type and can be missing.

use crate::compare::as_number;
use crate::names::Named;
use crate::program::{Body, Term, TermKind};
use crate::{Checker, Scope};
use tidings_schema::{CollectionId, Currency, ElapsedUnit, Type, Value, calendar};
use tidings_syntax::tree::{self, ArithmeticOp, Expr, ExprKind, Literal, Unit};
use tidings_syntax::{Code, Diagnostic, Place, Spanned};

impl Checker<'_> {
    /// An expression as a value.
    pub(crate) fn term(&mut self, expr: &Expr, scope: Scope) -> Option<Term> {
        let place = self.place(expr.span);
        let (kind, ty) = match &expr.node {
            ExprKind::Literal(literal) => self.bare_literal(&Spanned::new(literal.clone(), expr.span))?,
            ExprKind::Path(path) => match scope {
                Scope::Customer => self.customer_path(path, place)?,
                Scope::Row(collection) => self.row_path(path, collection)?,
            },
            ExprKind::Arithmetic(left, op, right) => {
                let (left, right) = (self.term(left, scope), self.term(right, scope));
                return self.arithmetic(place, left?, *op, right?);
            }
            ExprKind::Aggregate(aggregate) => match scope {
                Scope::Customer => return self.aggregate(aggregate, place),
                Scope::Row(_) => {
                    return self.report(
                        Diagnostic::new(
                            Code::OUTSIDE_ROW,
                            place,
                            "inside `where` there is one row only, with nothing to fold",
                        )
                        .help("compare the row's own fields here"),
                    );
                }
            },
            ExprKind::Since(unit, of) => {
                let unit = self.elapsed_unit(*unit, "since", place)?;
                let date = self.date_term(of, scope)?;
                (TermKind::Since(unit, Box::new(date)), Type::Elapsed(unit))
            }
            ExprKind::Until(unit, of) => {
                let unit = self.elapsed_unit(*unit, "until", place)?;
                let date = match &of.node {
                    ExprKind::Next(inner) => {
                        let date = self.date_term(inner, scope)?;
                        Term {
                            kind: TermKind::Next(Box::new(date)),
                            ty: Type::Date,
                            place: self.place(of.span),
                        }
                    }
                    _ => self.date_term(of, scope)?,
                };
                (TermKind::Until(unit, Box::new(date)), Type::Elapsed(unit))
            }
            ExprKind::Next(inner) => {
                let date = self.date_term(inner, scope)?;
                (TermKind::Next(Box::new(date)), Type::Date)
            }
            _ => {
                return self.report(
                    Diagnostic::new(
                        Code::NOT_A_VALUE,
                        place,
                        "this is a condition, and a value is needed here",
                    )
                    .help("give the condition a place of its own, joined by `and` or `or`"),
                );
            }
        };
        Some(Term { kind, ty, place })
    }

    fn date_term(&mut self, expr: &Expr, scope: Scope) -> Option<Term> {
        let term = self.term(expr, scope)?;
        self.as_date(term)
    }

    fn elapsed_unit(&mut self, unit: Unit, word: &str, place: Place) -> Option<ElapsedUnit> {
        match unit {
            Unit::Day => Some(ElapsedUnit::Days),
            Unit::Week => Some(ElapsedUnit::Weeks),
            Unit::Month => Some(ElapsedUnit::Months),
            Unit::Minute | Unit::Hour | Unit::Year => self.report(
                Diagnostic::new(
                    Code::WRONG_UNIT,
                    place,
                    format!("only days, weeks and months are counted with `{word}`"),
                )
                .help(format!("write `days {word} …`; for hours, count rows `in last 2 hours`")),
            ),
        }
    }

    fn bare_literal(&mut self, literal: &Spanned<Literal>) -> Option<(TermKind, Type)> {
        let ty = match &literal.node {
            Literal::Number(_) => Type::Number,
            Literal::Percent(_) => Type::Percent,
            Literal::Text(_) => Type::Text,
            Literal::Truth(_) => Type::YesNo,
            Literal::Date(day) => {
                return Some((TermKind::Constant(Value::Date(calendar::day_number(*day))), Type::Date));
            }
            Literal::Length(_) => Type::Duration,
            Literal::Money(amount, code) => {
                let place = self.place(literal.span);
                let value = self.money(*amount, code, None, place)?;
                return Some((TermKind::Constant(value), Type::Money(Currency::from_code(code)?)));
            }
        };
        Some((TermKind::Constant(self.literal_as(literal, &ty)?), ty))
    }

    /// Whether a bare name stands for a value.
    pub(crate) fn is_name(&self, name: &str, scope: Scope) -> bool {
        match scope {
            Scope::Customer => self.is_declared(name),
            Scope::Row(id) => self.vocabulary.collection(id).is_some_and(|c| c.find_field(name).is_some()),
        }
    }

    fn customer_path(&mut self, path: &tree::Path, place: Place) -> Option<(TermKind, Type)> {
        let vocabulary = self.vocabulary;
        let (first, second) = match path.parts.as_slice() {
            [name] => (name, None),
            [first, second] if first.node == "customer" => (second, None),
            [first, second, ..] => (first, Some(second)),
            [] => return None,
        };
        let Some(named) = self.look_up(&first.node) else {
            return self
                .unknown(first, "attribute or declaration", |n| !matches!(n, Named::Rule | Named::Journey));
        };
        match (named, second) {
            (Named::Attribute(id), None) => {
                Some((TermKind::Attribute(id), vocabulary.attribute(id)?.ty.clone()))
            }
            (Named::Define(id), None) => match &self.define(id, place)?.body {
                Body::Value(term) => Some((TermKind::Define(id), term.ty.clone())),
                Body::Condition(_) => self.report(
                    Diagnostic::new(
                        Code::NOT_A_VALUE,
                        place,
                        format!("`{}` is a condition, and a value is needed here", first.node),
                    )
                    .help("use it by itself, joined by `and` or `or`"),
                ),
            },
            (Named::Score(id), None) => {
                self.score(id, place)?;
                Some((TermKind::Score(id), Type::Number))
            }
            (Named::Stages(id), None) => {
                let list = self.stages(id, place)?.list.clone();
                Some((TermKind::Stage(id), Type::OneOf(list)))
            }
            (Named::Collection(id), field) => self.report_which_row(id, field, place),
            (Named::Segment(_), None) => self.report(
                Diagnostic::new(Code::NOT_A_VALUE, place, format!("`{}` is a segment", first.node)).fix(
                    "ask whether the customer is in it",
                    place,
                    format!("in {}", first.node),
                ),
            ),
            (Named::Broken, _) => None,
            _ => self.report(
                Diagnostic::new(Code::UNKNOWN_NAME, place, format!("`{}` has no parts to name", first.node))
                    .help("only collections have fields: `latest orders.placed_at`"),
            ),
        }
    }

    fn report_which_row<T>(
        &mut self,
        id: CollectionId,
        field: Option<&tree::Name>,
        place: Place,
    ) -> Option<T> {
        let collection = self.vocabulary.collection(id)?;
        let name = &collection.name;
        let d = Diagnostic::new(Code::WHICH_ROW, place, format!("a customer has many {name}"));
        self.report(match field {
            Some(f) if matches!(collection.find_field(&f.node), Some((_, f)) if matches!(f.ty, Type::Number | Type::Money(_))) => {
                d.help(format!("write `sum of {name}.{0}`, `average of {name}.{0}` or `latest {name}.{0}`", f.node))
            }
            Some(f) => d.help(format!("write `latest {name}.{0}` or `first {name}.{0}`", f.node)),
            None => d.help(format!("write `count of {name}`")),
        })
    }

    fn row_path(&mut self, path: &tree::Path, id: CollectionId) -> Option<(TermKind, Type)> {
        let collection = self.vocabulary.collection(id)?;
        let name = match path.parts.as_slice() {
            [name] => name,
            [owner, name] if owner.node == collection.name => name,
            [first, ..] => first,
            [] => return None,
        };
        if let Some((field, attribute)) = collection.find_field(&name.node) {
            return Some((TermKind::Field(field), attribute.ty.clone()));
        }
        if self.is_declared(&name.node) {
            let place = self.place(name.span);
            return self.report(
                Diagnostic::new(Code::OUTSIDE_ROW, place, format!("`{}` is not a field of {}", name.node, collection.name))
                    .help("`where` sees one row at a time: compare the customer's own values outside of it, joined by `and`"),
            );
        }
        let what = format!("field in {}", collection.name);
        self.unknown_among(Code::UNKNOWN_NAME, name, &what, collection.fields.iter().map(|f| f.name.as_str()))
    }

    fn arithmetic(&mut self, place: Place, left: Term, op: ArithmeticOp, right: Term) -> Option<Term> {
        use ArithmeticOp::{Add, Divide, Multiply, Subtract};
        let (left, right) = (as_number(left), as_number(right));
        let number = |t: &Type| matches!(t, Type::Number | Type::Percent);
        let ty = match (&left.ty, op, &right.ty) {
            (Type::Percent, Add | Subtract, Type::Percent) => Some(Type::Percent),
            (a, _, b) if number(a) && number(b) => Some(Type::Number),
            (Type::Money(a), Add | Subtract, Type::Money(b)) if a == b => Some(Type::Money(*a)),
            (Type::Money(a), Divide, Type::Money(b)) if a == b => Some(Type::Number),
            (Type::Money(c), Multiply | Divide, b) if number(b) => Some(Type::Money(*c)),
            (a, Multiply, Type::Money(c)) if number(a) => Some(Type::Money(*c)),
            _ => None,
        };
        if let Some(ty) = ty {
            return Some(Term { kind: TermKind::Arithmetic(op, Box::new(left), Box::new(right)), ty, place });
        }
        let word = match op {
            Add => "added to",
            Subtract => "subtracted from",
            Multiply => "multiplied by",
            Divide => "divided by",
        };
        let (first, second) = if op == Subtract { (&right.ty, &left.ty) } else { (&left.ty, &right.ty) };
        self.report(
            Diagnostic::new(Code::WRONG_TYPE, place, format!("{first} cannot be {word} {second}"))
                .help("arithmetic is for numbers, and for money of one currency"),
        )
    }
}
