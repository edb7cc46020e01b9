//! Terms of every kind, by chance.

use super::{Generator, Scope};
use chrono::NaiveDate;
use rand::RngExt;
use tidings_check::program::{Aggregate, Body, DefineId, ScoreId, StagesId, Term, TermKind, Window};
use tidings_schema::calendar::date;
use tidings_schema::{AttributeId, CollectionId, ElapsedUnit, FieldId, Type};
use tidings_syntax::Place;
use tidings_syntax::tree::{ArithmeticOp, Function};

impl Generator {
    /// A term of a type.
    pub fn term(&mut self, ty: &Type, depth: u32, scope: Scope) -> Term {
        let kind = self.made(ty, depth, scope).unwrap_or_else(|| self.plain(ty, scope));
        Term { kind, ty: ty.clone(), place: Place::default() }
    }

    /// A term that is not made of others.
    fn plain(&mut self, ty: &Type, scope: Scope) -> TermKind {
        if self.rng.random_bool(0.15) {
            match ty {
                Type::Date => return TermKind::Today,
                Type::Moment => return TermKind::Now,
                _ => {}
            }
        }
        if *ty != Type::Tags && self.rng.random_bool(0.15) {
            return TermKind::Constant(self.value(ty));
        }
        let vocabulary = self.program.vocabulary.clone();
        let attributes = &vocabulary.customer.attributes;
        match scope {
            Scope::Row(collection) if self.rng.random_bool(0.8) => {
                let fields = &vocabulary.collections[collection as usize].fields;
                let field = fields.iter().position(|f| f.ty == *ty);
                field.map_or_else(
                    || TermKind::Constant(self.value(ty)),
                    |i| TermKind::Field(FieldId(i as u32)),
                )
            }
            _ => {
                let attribute = attributes.iter().position(|a| a.ty == *ty);
                attribute.map_or_else(
                    || TermKind::Constant(self.value(ty)),
                    |i| TermKind::Attribute(AttributeId(i as u32)),
                )
            }
        }
    }

    /// A term that is made of others, or refers to a declaration; nothing where none comes to mind.
    fn made(&mut self, ty: &Type, depth: u32, scope: Scope) -> Option<TermKind> {
        if depth == 0 || self.rng.random_bool(0.25) {
            return None;
        }
        if *ty == Type::Number && !self.program.scores.is_empty() && self.rng.random_bool(0.3) {
            return Some(TermKind::Score(ScoreId(self.below(self.program.scores.len() as u32))));
        }
        let inner = |this: &mut Self, ty: &Type| Box::new(this.term(ty, depth - 1, scope));
        match self.below(6) {
            0 => return self.named(ty),
            1 | 2 => return self.aggregate(ty, depth),
            _ => {}
        }
        Some(match ty {
            Type::Number => match self.below(8) {
                0 => TermKind::AsNumber(inner(self, &Type::Elapsed(ElapsedUnit::Days))),
                1 => {
                    let money = self.money();
                    TermKind::Arithmetic(ArithmeticOp::Divide, inner(self, &money), inner(self, &money))
                }
                2 => return self.aggregate(ty, depth),
                3 => {
                    let op = self.operation();
                    TermKind::Arithmetic(op, inner(self, &Type::Percent), inner(self, ty))
                }
                _ => {
                    let op = self.operation();
                    TermKind::Arithmetic(op, inner(self, ty), inner(self, ty))
                }
            },
            Type::Percent => {
                let op = if self.rng.random_bool(0.5) { ArithmeticOp::Add } else { ArithmeticOp::Subtract };
                TermKind::Arithmetic(op, inner(self, ty), inner(self, ty))
            }
            Type::Money(_) => match self.operation() {
                op @ (ArithmeticOp::Add | ArithmeticOp::Subtract) => {
                    TermKind::Arithmetic(op, inner(self, ty), inner(self, ty))
                }
                op @ ArithmeticOp::Divide => {
                    TermKind::Arithmetic(op, inner(self, ty), inner(self, &Type::Number))
                }
                op if self.rng.random_bool(0.5) => {
                    TermKind::Arithmetic(op, inner(self, &Type::Percent), inner(self, ty))
                }
                op => TermKind::Arithmetic(op, inner(self, ty), inner(self, &Type::Number)),
            },
            Type::Date => match self.below(3) {
                0 => TermKind::Next(inner(self, ty)),
                1 => TermKind::Last(inner(self, ty)),
                _ => TermKind::DateOf(inner(self, &Type::Moment)),
            },
            Type::Elapsed(unit) => {
                let (unit, date) = (*unit, inner(self, &Type::Date));
                if self.rng.random_bool(0.7) {
                    TermKind::Since(unit, date)
                } else {
                    TermKind::Until(unit, date)
                }
            }
            _ => return None,
        })
    }

    fn named(&mut self, ty: &Type) -> Option<TermKind> {
        let defines = self.program.defines.iter();
        let fits = |body: &Body| matches!(body, Body::Value(term) if term.ty == *ty);
        let found: Vec<usize> = defines.enumerate().filter(|(_, d)| fits(&d.body)).map(|(i, _)| i).collect();
        match found.as_slice() {
            [] => None,
            found => Some(TermKind::Define(DefineId(found[self.rng.random_range(0..found.len())] as u32))),
        }
    }

    /// The stage in a partition.
    pub fn stage(&mut self) -> Option<Term> {
        let count = self.program.stages.len() as u32;
        (count > 0).then(|| {
            let id = self.below(count);
            let ty = Type::OneOf(self.program.stages[id as usize].list.clone());
            Term { kind: TermKind::Stage(StagesId(id)), ty, place: Place::default() }
        })
    }

    fn aggregate(&mut self, ty: &Type, depth: u32) -> Option<TermKind> {
        let collection = self.below(2);
        let fields = &self.program.vocabulary.clone().collections[collection as usize].fields;
        let of = |wanted: &Type| fields.iter().position(|f| f.ty == *wanted).map(|i| FieldId(i as u32));
        let (function, field) = match (ty, self.below(6)) {
            (Type::Number, 0) => (Function::Count, None),
            (Type::Number, 1) => {
                // Any field but tags can be counted for its distinct values.
                (Function::Distinct, Some(FieldId(self.below(fields.len() as u32 - 1))))
            }
            (Type::Number | Type::Money(_) | Type::Duration, 2) => (Function::Sum, of(ty)),
            (Type::Number | Type::Money(_) | Type::Duration | Type::Percent, 3) => {
                (Function::Average, of(ty))
            }
            (Type::Text | Type::YesNo | Type::Tags | Type::OneOf(_), n) if n < 3 => {
                (Function::Latest, of(ty))
            }
            (Type::Text | Type::YesNo | Type::Tags | Type::OneOf(_), _) => (Function::First, of(ty)),
            (_, 4) => (Function::Min, of(ty)),
            (_, 5) => (Function::Max, of(ty)),
            (_, n) if n % 2 == 0 => (Function::Latest, of(ty)),
            _ => (Function::First, of(ty)),
        };
        if field.is_none() && function != Function::Count {
            return None;
        }
        let filter = self.rng.random_bool(0.4).then(|| self.condition(depth - 1, Scope::Row(collection)));
        let window = self.rng.random_bool(0.6).then(|| self.window());
        let collection = CollectionId(collection);
        Some(TermKind::Aggregate(Box::new(Aggregate { function, collection, field, filter, window })))
    }

    fn window(&mut self) -> Window {
        match self.below(4) {
            0 => Window::Days(self.below(5)),
            1 => Window::Months(self.below(3)),
            2 => Window::Seconds([0, 1, 3_600, 86_400][self.below(4) as usize]),
            _ => Window::Between(self.bound(), self.bound()),
        }
    }

    fn bound(&mut self) -> Option<NaiveDate> {
        let day = self.day();
        self.rng.random_bool(0.7).then(|| date(day))
    }

    fn operation(&mut self) -> ArithmeticOp {
        [ArithmeticOp::Add, ArithmeticOp::Subtract, ArithmeticOp::Multiply, ArithmeticOp::Divide]
            [self.below(4) as usize]
    }

    fn money(&self) -> Type {
        Type::Money(tidings_schema::Currency::USD)
    }
}
