//! Money: whole minor units inside, decimals at the edges.

use iso_currency::Currency;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

/// Why an amount cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AmountError {
    /// It has more decimals than the currency.
    TooFine,
    /// It is beyond what 64 bits of the minor unit hold.
    TooLarge,
}

/// How many decimals a currency has: 2 for CNY, 0 for JPY.
pub fn decimals(currency: Currency) -> u32 {
    currency.exponent().map_or(0, u32::from)
}

/// An amount in the major unit, as whole minor units.
pub fn to_minor(amount: Decimal, currency: Currency) -> Result<i64, AmountError> {
    scaled(amount, decimals(currency))
}

/// Money as people write it, such as `20 CNY`, in minor units.
pub fn parse(text: &str) -> Option<(i64, Currency)> {
    let (amount, code) = text.trim().split_once(char::is_whitespace)?;
    let currency = Currency::from_code(code.trim())?;
    Some((to_minor(amount.parse().ok()?, currency).ok()?, currency))
}

/// An amount with so many decimals at most, without its point.
pub(crate) fn scaled(amount: Decimal, decimals: u32) -> Result<i64, AmountError> {
    let amount = amount.normalize();
    if amount.scale() > decimals {
        return Err(AmountError::TooFine);
    }
    let factor = Decimal::from(10_i64.pow(decimals));
    amount.checked_mul(factor).and_then(|minor| minor.to_i64()).ok_or(AmountError::TooLarge)
}

/// The amount that a double stands for: a double carries 15 decimal digits, and what follows them, or is less
/// than a millionth of the last decimal, is the noise of arithmetic.
pub(crate) fn from_double(x: f64, decimals: u32) -> Result<i64, AmountError> {
    let scaled = x * 10_f64.powi(decimals as i32);
    let whole = scaled.round();
    if !whole.is_finite() || whole.abs() >= 1e15 {
        Err(AmountError::TooLarge)
    } else if (scaled - whole).abs() > 1e-6_f64.max(scaled.abs() * f64::EPSILON) {
        Err(AmountError::TooFine)
    } else {
        Ok(whole as i64)
    }
}

/// Minor units as an amount in the major unit, with the currency's decimals.
pub fn to_major(minor: i64, currency: Currency) -> Decimal {
    Decimal::new(minor, decimals(currency))
}
