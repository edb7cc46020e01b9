//! Money: whole minor units inside, decimals at the edges.

use iso_currency::Currency;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

/// How many decimals of a currency's unit prices have.
const PRICE_DECIMALS: u32 = 9;

/// What one of something costs, which may be finer than the currency's minor unit: a mail costs 0.0004 USD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    billionths: i64,
    currency: Currency,
}

impl Price {
    /// Reads `0.045 CNY`: no less than nothing, with nine decimals at most.
    pub fn parse(text: &str) -> Option<Price> {
        let (amount, code) = text.trim().split_once(char::is_whitespace)?;
        let currency = Currency::from_code(code.trim())?;
        let billionths = scaled(Decimal::from_str_exact(amount).ok()?, PRICE_DECIMALS).ok()?;
        (billionths >= 0).then_some(Price { billionths, currency })
    }

    /// Of what.
    pub fn currency(self) -> Currency {
        self.currency
    }

    /// What so many cost, exactly: in billionths of the currency's unit.
    pub fn times(self, n: u64) -> i128 {
        i128::from(self.billionths) * i128::from(n)
    }
}

/// The nearest minor units to billionths of a currency's unit; a half is rounded away from nothing.
pub fn rounded(billionths: i128, currency: Currency) -> i64 {
    let unit = 10_i128.pow(PRICE_DECIMALS.saturating_sub(decimals(currency)));
    let minor = (billionths + billionths.signum() * unit / 2) / unit;
    i64::try_from(minor).unwrap_or(if minor < 0 { i64::MIN } else { i64::MAX })
}

/// Billionths of a unit as an amount with no more decimals than it needs.
pub fn exact(billionths: i128) -> String {
    let unit = 10_u128.pow(PRICE_DECIMALS);
    let (whole, rest) = (billionths.unsigned_abs() / unit, billionths.unsigned_abs() % unit);
    let sign = if billionths < 0 { "-" } else { "" };
    let text = format!("{sign}{whole}.{rest:0wide$}", wide = PRICE_DECIMALS as usize);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

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
    Some((to_minor(Decimal::from_str_exact(amount).ok()?, currency).ok()?, currency))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_finer_than_the_minor_unit_are_rounded_once_for_all_together() {
        let cost = |text, n| {
            let price = Price::parse(text)?;
            Some((exact(price.times(n)), rounded(price.times(n), price.currency())))
        };
        for (text, n, exactly, minor) in [
            ("0.0004 USD", 20_269, "8.1076", 811),
            // A half goes up.
            ("0.045 CNY", 1, "0.045", 5),
            ("0.045 CNY", 3, "0.135", 14),
            ("2.5 JPY", 3, "7.5", 8),
            ("0.0005 KWD", 3, "0.0015", 2),
            ("0 USD", 7, "0", 0),
            ("12 USD", 10, "120", 12_000),
        ] {
            assert_eq!(cost(text, n), Some((exactly.to_owned(), minor)), "{n} at {text}");
        }
        assert_eq!(cost("9223372036 USD", u64::MAX).map(|(_, minor)| minor), Some(i64::MAX));
        assert_eq!((rounded(-45_000_000, Currency::CNY), exact(-45_000_000)), (-5, "-0.045".to_owned()));
        for wrong in ["0.05", "0.05CNY", "-1 CNY", "0.0000000001 CNY", "free CNY", "1 yuan", "9e99 CNY", ""] {
            assert_eq!(Price::parse(wrong), None, "{wrong}");
        }
    }
}
