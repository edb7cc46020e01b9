//! Comparisons and tests: from columns to sets of those for whom they hold.

use crate::bitmap::Bitmap;
use crate::column::{Column, Values};
use crate::graph::{Bits, Literal};
use arrow_array::cast::AsArray;
use tidings_syntax::tree::{CompareOp, MatchOp};

/// For whom both values are known and the comparison holds.
pub(crate) fn compare(op: CompareOp, left: &Column, right: &Column) -> Bitmap {
    let (left, right) = (&*left.wide(), &*right.wide());
    let holds = match (&left.values, &right.values) {
        (Values::Int(a), Values::Int(b)) => pairs(op, a, b),
        (Values::Number(a), Values::Number(b)) => pairs(op, a, b),
        (Values::Truth(a), Values::Truth(b)) => {
            Bitmap::from_fn(a.len(), |i| holds(op, &a.contains(i), &b.contains(i)))
        }
        (Values::Text(a), Values::Text(b)) => Bitmap::from_fn(left.len(), |i| {
            left.is_known(i) && right.is_known(i) && holds(op, a.value(i), b.value(i))
        }),
        _ => Bitmap::none(left.len()),
    };
    right.among_known(left.among_known(holds))
}

/// For whom the value is known and the comparison with a constant holds.
pub(crate) fn compare_to(op: CompareOp, column: &Column, literal: &Literal) -> Bitmap {
    let column = &*column.wide();
    let holds = match (&column.values, literal) {
        (Values::Int(v), Literal::Int(c)) => against(op, v, c),
        (Values::Number(v), Literal::Number(c)) => against(op, v, &c.number()),
        (Values::Truth(v), Literal::Truth(c)) => Bitmap::from_fn(v.len(), |i| holds(op, &v.contains(i), c)),
        (Values::Text(v), Literal::Text(c)) => {
            Bitmap::from_fn(column.len(), |i| column.is_known(i) && holds(op, v.value(i), c.as_str()))
        }
        _ => Bitmap::none(column.len()),
    };
    column.among_known(holds)
}

/// Whose value is known and one of a sorted list.
pub(crate) fn is_in(column: &Column, list: &[Literal]) -> Bitmap {
    let column = &*column.wide();
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
        Values::Short(_) | Values::Tags(_) => Bitmap::none(column.len()),
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

// The comparison is looked at outside of the loops, which then are plain ones.

fn against<T: PartialOrd + Copy>(op: CompareOp, values: &[T], constant: &T) -> Bitmap {
    let c = *constant;
    match op {
        CompareOp::Equal => Bitmap::of(values, |v| *v == c),
        CompareOp::Less => Bitmap::of(values, |v| *v < c),
        CompareOp::AtMost => Bitmap::of(values, |v| *v <= c),
        CompareOp::NotEqual => Bitmap::of(values, |v| *v != c),
        CompareOp::More => Bitmap::of(values, |v| *v > c),
        CompareOp::AtLeast => Bitmap::of(values, |v| *v >= c),
    }
}

fn pairs<T: PartialOrd>(op: CompareOp, left: &[T], right: &[T]) -> Bitmap {
    match op {
        CompareOp::Equal => Bitmap::of_pairs(left, right, |a, b| a == b),
        CompareOp::Less => Bitmap::of_pairs(left, right, |a, b| a < b),
        CompareOp::AtMost => Bitmap::of_pairs(left, right, |a, b| a <= b),
        CompareOp::NotEqual => Bitmap::of_pairs(left, right, |a, b| a != b),
        CompareOp::More => Bitmap::of_pairs(left, right, |a, b| a > b),
        CompareOp::AtLeast => Bitmap::of_pairs(left, right, |a, b| a >= b),
    }
}

fn holds<T: PartialOrd + ?Sized>(op: CompareOp, left: &T, right: &T) -> bool {
    match op {
        CompareOp::Equal => left == right,
        CompareOp::Less => left < right,
        CompareOp::AtMost => left <= right,
        CompareOp::NotEqual => left != right,
        CompareOp::More => left > right,
        CompareOp::AtLeast => left >= right,
    }
}
