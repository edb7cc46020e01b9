//! A number for each customer of a chunk, in binary: one set of customers for each digit.

use tidings_engine::Bitmap;

/// The numbers, the lowest digit first. Who is in no set has 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Digits(Vec<Bitmap>);

impl Digits {
    /// The number of a customer, by position.
    pub fn of(&self, customer: usize) -> u32 {
        let ones = self.0.iter().enumerate().filter(|(_, digit)| digit.contains(customer));
        ones.fold(0, |number, (i, _)| number | 1 << i)
    }

    /// One more for some.
    pub fn add(&mut self, customers: &Bitmap) {
        let mut carried = customers.clone();
        for digit in &mut self.0 {
            if !carried.any() {
                return;
            }
            digit.carry(&mut carried);
        }
        if carried.any() {
            self.0.push(carried);
        }
    }

    /// Gives some a number in place of the one that they had.
    pub fn put(&mut self, customers: &Bitmap, number: u32) {
        let digits = (u32::BITS - number.leading_zeros()) as usize;
        self.0.resize_with(self.0.len().max(digits), || Bitmap::none(customers.len()));
        for (i, digit) in self.0.iter_mut().enumerate() {
            let one = number >> i & 1 == 1;
            if one { digit.or(customers) } else { digit.without(customers) }
        }
    }

    /// Those of some who have at least a number that is not 0.
    pub fn at_least(&self, number: u32, customers: &Bitmap) -> Bitmap {
        let (mut above, mut equal) = (Bitmap::none(customers.len()), customers.clone());
        if number.checked_shr(self.0.len() as u32).is_some_and(|rest| rest > 0) {
            return above;
        }
        for (i, digit) in self.0.iter().enumerate().rev() {
            if number >> i & 1 == 1 {
                equal.and(digit);
            } else {
                above.or(&equal.take(digit));
            }
        }
        above.or(&equal);
        above
    }

    /// Those of some who have a number.
    pub fn exactly(&self, number: u32, customers: &Bitmap) -> Bitmap {
        let mut equal = customers.clone();
        if number.checked_shr(self.0.len() as u32).is_some_and(|rest| rest > 0) {
            equal = Bitmap::none(customers.len());
        }
        for (i, digit) in self.0.iter().enumerate() {
            if number >> i & 1 == 1 {
                equal.and(digit);
            } else {
                equal.without(digit);
            }
        }
        equal
    }

    /// Gives some back the numbers that they had before.
    pub fn restore(&mut self, before: &Digits, customers: &Bitmap) {
        for (i, digit) in self.0.iter_mut().enumerate() {
            digit.without(customers);
            let Some(before) = before.0.get(i) else { continue };
            digit.or(&before.both(customers));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing)]
    use super::*;
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    #[test]
    fn digits_count_like_numbers() {
        for seed in 0..50 {
            let draw = &mut StdRng::seed_from_u64(seed);
            let len = draw.random_range(1..200);
            let (mut digits, mut numbers) = (Digits::default(), vec![0_u32; len]);
            let (mut older, mut before) = (digits.clone(), numbers.clone());
            for _ in 0..40 {
                let some = Bitmap::from_fn(len, |_| draw.random_bool(0.4));
                match draw.random_range(0..5) {
                    0 => {
                        let number = draw.random_range(0..40);
                        digits.put(&some, number);
                        some.iter().for_each(|i| numbers[i] = number);
                    }
                    1 => {
                        digits.restore(&older, &some);
                        some.iter().for_each(|i| numbers[i] = before[i]);
                    }
                    2 => (older, before) = (digits.clone(), numbers.clone()),
                    _ => {
                        digits.add(&some);
                        some.iter().for_each(|i| numbers[i] += 1);
                    }
                }
                assert!((0..len).all(|i| digits.of(i) == numbers[i]), "seed {seed}");
                let bound = draw.random_range(1..70);
                let least = Bitmap::from_fn(len, |i| some.contains(i) && numbers[i] >= bound);
                assert_eq!(digits.at_least(bound, &some), least, "seed {seed}, {bound}");
                let equal = Bitmap::from_fn(len, |i| some.contains(i) && numbers[i] == bound);
                assert_eq!(digits.exactly(bound, &some), equal, "seed {seed}, {bound}");
            }
        }
    }
}
