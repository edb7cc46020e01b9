//! How much of each cap the customers of one chunk have used, as bits.

use crate::digits::Digits;
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
    /// Nothing is used of them.
    pub fn new(caps: &'a [Cap]) -> Caps<'a> {
        let counter = |cap: &Cap| Counter { digits: Digits::default(), most: cap.count };
        Caps { caps, used: caps.iter().map(counter).collect() }
    }

    /// Whether there is no cap.
    pub fn are_none(&self) -> bool {
        self.caps.is_empty()
    }

    /// Sets of customers who have used one place more, by cap.
    pub fn used_by(&mut self, used: impl Fn(&Cap) -> Vec<Bitmap>) {
        for (cap, counter) in self.caps.iter().zip(&mut self.used) {
            used(cap).iter().for_each(|customers| counter.add(customers));
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
            used.digits.add(&taking);
        }
        full
    }

    /// Forgets what some customers took since `before`.
    pub fn give_back(&mut self, before: &Caps<'_>, customers: &Bitmap) {
        for (used, before) in self.used.iter_mut().zip(&before.used) {
            used.digits.restore(&before.digits, customers);
        }
    }
}

/// How many of a cap's places each customer has taken, up to its most.
#[derive(Clone)]
struct Counter {
    digits: Digits,
    most: u32,
}

impl Counter {
    /// Those of some who have the most.
    fn full_among(&self, customers: &Bitmap) -> Bitmap {
        self.digits.exactly(self.most, customers)
    }

    /// One more for those of some who do not have the most.
    fn add(&mut self, customers: &Bitmap) {
        let mut taking = customers.clone();
        taking.without(&self.full_among(customers));
        self.digits.add(&taking);
    }
}
