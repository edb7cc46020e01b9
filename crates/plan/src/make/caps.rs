//! How much of each cap the customers of one chunk have used, as bits.

use tidings_check::program::{Cap, Losers};
use tidings_engine::Bitmap;

/// The caps over one chunk.
#[derive(Clone)]
pub(super) struct Caps<'a> {
    caps: &'a [Cap],
    used: Vec<Counter>,
}

/// Those for whom there is no room for one message more.
pub(super) struct Full {
    /// Their message is dropped.
    pub skip: Bitmap,
    /// The message of these others waits.
    pub wait: Bitmap,
}

impl<'a> Caps<'a> {
    /// Nothing is used of them by so many customers.
    pub fn new(caps: &'a [Cap], customers: usize) -> Caps<'a> {
        let used = caps.iter().map(|cap| Counter::new(cap.count, customers)).collect();
        Caps { caps, used }
    }

    /// Whether there is no cap.
    pub fn are_none(&self) -> bool {
        self.caps.is_empty()
    }

    /// What a customer has used before, by cap.
    pub fn used_before(&mut self, customer: usize, used: impl Fn(&Cap) -> usize) {
        for (cap, counter) in self.caps.iter().zip(&mut self.used) {
            counter.start_at(customer, used(cap));
        }
    }

    /// Takes a place for a message through a channel under every cap that counts it, for those of some for whom there
    /// is room; tells for whom of them there is none.
    pub fn take(&mut self, channel: &str, customers: &Bitmap) -> Full {
        let mut full = Full { skip: Bitmap::none(customers.len()), wait: Bitmap::none(customers.len()) };
        for (cap, used) in self.caps.iter().zip(&self.used).filter(|(cap, _)| cap.counts(channel)) {
            let those = used.full_among(customers);
            match cap.losers {
                Losers::Skip => full.skip.or(&those),
                Losers::Wait => full.wait.or(&those),
            }
        }
        full.wait.without(&full.skip);
        let mut taking = customers.clone();
        taking.without(&full.skip);
        taking.without(&full.wait);
        for (_, used) in self.caps.iter().zip(&mut self.used).filter(|(cap, _)| cap.counts(channel)) {
            used.add(&taking);
        }
        full
    }

    /// Forgets what some customers took since `before`.
    pub fn give_back(&mut self, before: &Caps<'_>, customers: &Bitmap) {
        for (used, before) in self.used.iter_mut().zip(&before.used) {
            used.restore(before, customers);
        }
    }
}

/// A number for each customer, up to a most, in binary: one set of customers for each digit, the lowest first.
#[derive(Clone)]
struct Counter {
    digits: Vec<Bitmap>,
    most: u32,
}

impl Counter {
    fn new(most: u32, customers: usize) -> Counter {
        let digits = u32::BITS - most.leading_zeros();
        Counter { digits: vec![Bitmap::none(customers); digits as usize], most }
    }

    /// Above the most there is nothing to tell apart.
    fn start_at(&mut self, customer: usize, number: usize) {
        let number = number.min(self.most as usize);
        let ones = self.digits.iter_mut().enumerate().filter(|(i, _)| number >> i & 1 == 1);
        ones.for_each(|(_, digit)| digit.insert(customer));
    }

    /// Those of some who have the most.
    fn full_among(&self, customers: &Bitmap) -> Bitmap {
        let mut full = customers.clone();
        for (i, digit) in self.digits.iter().enumerate() {
            if self.most >> i & 1 == 1 {
                full.and(digit);
            } else {
                full.without(digit);
            }
        }
        full
    }

    /// One more for some who do not have the most.
    fn add(&mut self, customers: &Bitmap) {
        let mut carried = customers.clone();
        for digit in &mut self.digits {
            let mut both = digit.clone();
            both.and(&carried);
            digit.or(&carried);
            digit.without(&both);
            carried = both;
        }
    }

    fn restore(&mut self, before: &Counter, customers: &Bitmap) {
        for (digit, before) in self.digits.iter_mut().zip(&before.digits) {
            let mut back = before.clone();
            back.and(customers);
            digit.without(customers);
            digit.or(&back);
        }
    }
}
