//! Defines, scores, stages and segments.

use crate::program::{Bands, Body, Condition, ConditionKind, Define, Score, Segment, Stages};
use crate::{Checker, Scope};
use std::collections::HashMap;
use std::sync::Arc;
use tidings_schema::{OneOf, Type, Value, Word};
use tidings_syntax::tree::{self, Basis, Best, Shares};
use tidings_syntax::{Code, Diagnostic, Spanned};

impl<'a> Checker<'a> {
    pub(crate) fn check_define(&mut self, tree: &'a tree::Define) -> Option<Define> {
        let body = if self.is_condition(&tree.value) {
            let condition = self.condition(&tree.value, Scope::Customer)?;
            Body::Condition(condition)
        } else {
            Body::Value(self.term(&tree.value, Scope::Customer)?)
        };
        Some(Define { name: tree.name.node.clone(), body })
    }

    pub(crate) fn check_segment(&mut self, tree: &'a tree::Segment) -> Option<Segment> {
        let condition = self.root_condition(&tree.condition)?;
        Some(Segment { name: tree.name.node.clone(), label: label(&tree.label), condition })
    }

    pub(crate) fn check_score(&mut self, tree: &'a tree::Score) -> Option<Score> {
        let of = self.term(&tree.of, Scope::Customer)?;
        if !has_order(&of.ty) {
            return self.report(
                Diagnostic::new(
                    Code::NOT_ORDERED,
                    of.place,
                    format!("a score needs something to rank by, and this is {}", of.ty),
                )
                .help("score a number, money, a date or a count of days"),
            );
        }
        let bands = match &tree.basis {
            Basis::Population(Shares::Quintile) => Bands::Shares(5),
            Basis::Population(Shares::Decile) => Bands::Shares(10),
            Basis::Population(Shares::Bands(n)) if (2..=100).contains(n) => Bands::Shares(*n),
            Basis::Population(Shares::Bands(_)) => {
                let place = self.place(tree.name.span);
                return self.report(
                    Diagnostic::new(Code::BAD_BANDS, place, "a score has 2 to 100 bands")
                        .help("write `quintile of` for five"),
                );
            }
            Basis::Fixed(bounds) => Bands::Fixed(self.rising_bounds(bounds, &of.ty)?),
        };
        Some(Score { name: tree.name.node.clone(), of, bands, lowest_first: tree.best == Some(Best::Lowest) })
    }

    fn rising_bounds(&mut self, bounds: &[Spanned<tree::Literal>], ty: &Type) -> Option<Vec<Value>> {
        let mut values: Vec<Value> = Vec::new();
        for bound in bounds {
            let value = self.literal_as(bound, ty)?;
            if values.last().is_some_and(|last| !rises(last, &value)) {
                let place = self.place(bound.span);
                return self.report(
                    Diagnostic::new(Code::BAD_BANDS, place, "this bound is not above the one before it")
                        .help("write the bounds from the lowest to the highest"),
                );
            }
            values.push(value);
        }
        Some(values)
    }

    pub(crate) fn check_stages(&mut self, tree: &'a tree::Stages) -> Option<Stages> {
        let arms_known = self.check_arm_names(tree);
        let mut arms = Vec::new();
        let mut whole = true;
        for arm in &tree.arms {
            let place = self.place(arm.span);
            match &arm.node.when {
                Some(test) => match self.root_condition(test) {
                    Some(condition) => arms.push(condition),
                    None => whole = false,
                },
                None => arms.push(Condition { kind: ConditionKind::Constant(true), place }),
            }
        }
        if !whole || arms_known.is_none() {
            return None;
        }
        let words = tree.arms.iter().map(|a| Word {
            name: a.node.name.node.clone(),
            stored: None,
            label: label(&a.node.label),
        });
        let list = OneOf { name: tree.name.node.clone(), words: words.collect(), ordered: false };
        Some(Stages { list: Arc::new(list), label: label(&tree.label), arms })
    }

    /// Names unique, and `otherwise` last and nowhere else.
    fn check_arm_names(&mut self, tree: &tree::Stages) -> Option<()> {
        let mut seen = HashMap::new();
        let mut good = Some(());
        for arm in &tree.arms {
            let name = &arm.node.name;
            let place = self.place(name.span);
            if let Some(first) = seen.insert(name.node.as_str(), place) {
                good = self.report(
                    Diagnostic::new(
                        Code::DUPLICATE_NAME,
                        place,
                        format!("the stage `{}` is there twice", name.node),
                    )
                    .also(first, "here first")
                    .help("join their conditions with `or`, or give one another name"),
                );
            }
        }
        let last = tree.arms.len().saturating_sub(1);
        if let Some(early) = tree.arms.iter().take(last).find(|a| a.node.when.is_none()) {
            let place = self.place(early.span);
            good = self.report(
                Diagnostic::new(Code::NO_OTHERWISE, place, "stages after `otherwise` can never be reached")
                    .help("put the `otherwise` stage last"),
            );
        } else if tree.arms.last().is_none_or(|a| a.node.when.is_some()) {
            let place = self.place(tree.name.span);
            good = self.report(
                Diagnostic::new(
                    Code::NO_OTHERWISE,
                    place,
                    format!("not every customer is certain to be in a stage of `{}`", tree.name.node),
                )
                .help("end with a stage for everybody else, such as `other otherwise`"),
            );
        }
        good
    }
}

pub(crate) fn label(label: &Option<tree::Text>) -> Option<String> {
    label.as_ref().map(|l| l.node.clone())
}

/// Whether values of a type can be less or more than one another.
pub(crate) fn has_order(ty: &Type) -> bool {
    match ty {
        Type::Number
        | Type::Money(_)
        | Type::Date
        | Type::Moment
        | Type::Duration
        | Type::Percent
        | Type::Elapsed(_) => true,
        Type::OneOf(list) => list.ordered,
        Type::Text | Type::YesNo | Type::Tags => false,
    }
}

/// Whether the second of two values of one type is above the first.
pub(crate) fn rises(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a < b,
        (Value::Money(a), Value::Money(b))
        | (Value::Moment(a), Value::Moment(b))
        | (Value::Count(a), Value::Count(b)) => a < b,
        (Value::Date(a), Value::Date(b)) => a < b,
        (Value::Word(a), Value::Word(b)) => a < b,
        _ => false,
    }
}
