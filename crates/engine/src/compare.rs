//! Comparisons and tests: from columns to sets of those for whom they hold.

use crate::bitmap::Bitmap;
use crate::column::{Column, Values};
use crate::graph::{Bits, Literal, Order};
use arrow_array::cast::AsArray;
use tidings_syntax::tree::MatchOp;

/// For whom both values are known and in that order.
pub(crate) fn compare(order: Order, left: &Column, right: &Column) -> Bitmap {
    let holds = match (&left.values, &right.values) {
        (Values::Int(a), Values::Int(b)) => pairs(order, a, b),
        (Values::Number(a), Values::Number(b)) => pairs(order, a, b),
        (Values::Truth(a), Values::Truth(b)) => {
            Bitmap::from_fn(a.len(), |i| in_order(order, &a.contains(i), &b.contains(i)))
        }
        (Values::Text(a), Values::Text(b)) => Bitmap::from_fn(left.len(), |i| {
            left.is_known(i) && right.is_known(i) && in_order(order, a.value(i), b.value(i))
        }),
        _ => Bitmap::none(left.len()),
    };
    right.among_known(left.among_known(holds))
}

/// For whom the value is known and in that order with a constant.
pub(crate) fn compare_to(order: Order, column: &Column, literal: &Literal) -> Bitmap {
    let holds = match (&column.values, literal) {
        (Values::Int(v), Literal::Int(c)) => against(order, v, c),
        (Values::Number(v), Literal::Number(c)) => against(order, v, &c.number()),
        (Values::Truth(v), Literal::Truth(c)) => {
            Bitmap::from_fn(v.len(), |i| in_order(order, &v.contains(i), c))
        }
        (Values::Text(v), Literal::Text(c)) => {
            Bitmap::from_fn(column.len(), |i| column.is_known(i) && in_order(order, v.value(i), c.as_str()))
        }
        _ => Bitmap::none(column.len()),
    };
    column.among_known(holds)
}

/// Whose value is known and one of a sorted list.
pub(crate) fn is_in(column: &Column, list: &[Literal]) -> Bitmap {
    let has = |literal: &Literal| list.binary_search(literal).is_ok();
    let holds = match &column.values {
        Values::Int(v) => Bitmap::of(v, |i| has(&Literal::Int(*i))),
        Values::Number(v) => Bitmap::of(v, |n| has(&Literal::Number(Bits::new(*n)))),
        Values::Truth(v) => Bitmap::from_fn(v.len(), |i| has(&Literal::Truth(v.contains(i)))),
        Values::Text(v) => Bitmap::from_fn(column.len(), |i| {
            let order = |literal: &Literal| match literal {
                Literal::Text(text) => text.as_str().cmp(v.value(i)),
                // Lists have one kind of values.
                _ => std::cmp::Ordering::Less,
            };
            column.is_known(i) && list.binary_search_by(order).is_ok()
        }),
        Values::Tags(_) => Bitmap::none(column.len()),
    };
    column.among_known(holds)
}

/// Whose text is known and contains, starts with or ends with another.
pub(crate) fn matches(op: MatchOp, column: &Column, text: &str) -> Bitmap {
    let Values::Text(v) = &column.values else { return Bitmap::none(column.len()) };
    Bitmap::from_fn(column.len(), |i| {
        column.is_known(i)
            && match op {
                MatchOp::Contains => v.value(i).contains(text),
                MatchOp::StartsWith => v.value(i).starts_with(text),
                MatchOp::EndsWith => v.value(i).ends_with(text),
            }
    })
}

/// Whose tags are known and hold a word.
pub(crate) fn has_tag(column: &Column, word: &str) -> Bitmap {
    let Values::Tags(v) = &column.values else { return Bitmap::none(column.len()) };
    Bitmap::from_fn(column.len(), |i| {
        column.is_known(i) && v.value(i).as_string::<i32>().iter().any(|tag| tag == Some(word))
    })
}

/// Whose yes/no value is known and yes.
pub(crate) fn is_true(column: &Column) -> Bitmap {
    let Values::Truth(v) = &column.values else { return Bitmap::none(column.len()) };
    column.among_known(v.clone())
}

// The order is looked at outside of the loops, which then are plain ones.

fn against<T: PartialOrd + Copy>(order: Order, values: &[T], constant: &T) -> Bitmap {
    let c = *constant;
    match order {
        Order::Equal => Bitmap::of(values, |v| *v == c),
        Order::Less => Bitmap::of(values, |v| *v < c),
        Order::AtMost => Bitmap::of(values, |v| *v <= c),
    }
}

fn pairs<T: PartialOrd>(order: Order, left: &[T], right: &[T]) -> Bitmap {
    match order {
        Order::Equal => Bitmap::of_pairs(left, right, |a, b| a == b),
        Order::Less => Bitmap::of_pairs(left, right, |a, b| a < b),
        Order::AtMost => Bitmap::of_pairs(left, right, |a, b| a <= b),
    }
}

fn in_order<T: PartialOrd + ?Sized>(order: Order, left: &T, right: &T) -> bool {
    match order {
        Order::Equal => left == right,
        Order::Less => left < right,
        Order::AtMost => left <= right,
    }
}
