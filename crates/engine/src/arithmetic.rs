//! Arithmetic on numbers and money. What leaves its range is missing.

use crate::column::{Column, Values};
use tidings_syntax::tree::ArithmeticOp;

/// Both sides taken together, missing where either is.
pub(crate) fn arithmetic(op: ArithmeticOp, left: &Column, right: &Column) -> Column {
    let len = left.len();
    let (left, right) = (&*left.wide(), &*right.wide());
    match (&left.values, &right.values) {
        (Values::Number(_), Values::Number(_)) => Column::from_numbers((0..len).map(|i| {
            let (a, b) = (left.number(i)?, right.number(i)?);
            Some(match op {
                ArithmeticOp::Add => a + b,
                ArithmeticOp::Subtract => a - b,
                ArithmeticOp::Multiply => a * b,
                ArithmeticOp::Divide => a / b,
            })
        })),
        (Values::Int(_), Values::Int(_)) if op == ArithmeticOp::Divide => {
            Column::from_numbers((0..len).map(|i| Some(left.int(i)? as f64 / right.int(i)? as f64)))
        }
        (Values::Int(_), Values::Int(_)) => Column::from_ints((0..len).map(|i| {
            let (a, b) = (left.int(i)?, right.int(i)?);
            match op {
                ArithmeticOp::Add => a.checked_add(b),
                ArithmeticOp::Subtract => a.checked_sub(b),
                // Money by money is no product.
                ArithmeticOp::Multiply | ArithmeticOp::Divide => None,
            }
        })),
        (Values::Int(_), Values::Number(_)) => Column::from_ints((0..len).map(|i| {
            let (money, number) = (left.int(i)? as f64, right.number(i)?);
            match op {
                ArithmeticOp::Multiply => rounded(money * number),
                ArithmeticOp::Divide => rounded(money / number),
                ArithmeticOp::Add | ArithmeticOp::Subtract => None,
            }
        })),
        (Values::Number(_), Values::Int(_)) if op == ArithmeticOp::Multiply => arithmetic(op, right, left),
        _ => Column::missing(len),
    }
}

/// Whole numbers as numbers.
pub(crate) fn as_number(column: &Column) -> Column {
    match &column.wide().values {
        Values::Int(v) => Column::numbers(v.iter().map(|i| *i as f64).collect(), column.known.clone()),
        _ => column.clone(),
    }
}

/// The nearest minor unit, half to even.
fn rounded(amount: f64) -> Option<i64> {
    let amount = amount.round_ties_even();
    // 2^63 is a double; the largest i64 is not.
    let limit = -(i64::MIN as f64);
    (amount >= -limit && amount < limit).then_some(amount as i64)
}

/// A whole quotient, half to even. The divisor is more than zero.
pub(crate) fn divided(sum: i128, count: i128) -> Option<i64> {
    let (quotient, rest) = (sum.div_euclid(count), sum.rem_euclid(count));
    let up = match (rest * 2).cmp(&count) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Equal => quotient % 2 != 0,
        std::cmp::Ordering::Greater => true,
    };
    i64::try_from(quotient + i128::from(up)).ok()
}
