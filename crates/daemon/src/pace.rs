//! How many rows of an outlet are let out together.
//!
//! What was let out and had not left when the machine died is in doubt, and most channels leave it alone then. So batches
//! grow only while they leave within half a second, and shrink where they take more than one. A drain begins with a row for
//! each connection in every batch, as nothing is known yet, and no batch gets smaller than keeps all connections busy.

use std::time::Duration;

/// How long what is let out together may take to leave.
const ABOUT: Duration = Duration::from_secs(1);

/// The size of an outlet's next batch.
pub(crate) struct Pace {
    least: usize,
    rows: usize,
    most: usize,
}

impl Pace {
    /// For a carrier with so many sends under way at once, in so many batches of `most` rows.
    pub fn new(concurrency: usize, batches: usize, most: usize) -> Pace {
        let most = most.max(1);
        let least = concurrency.div_ceil(batches).clamp(1, most);
        Pace { least, rows: concurrency.clamp(least, most), most }
    }

    /// How many rows the next batch has.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Takes in how long it took so many rows to leave that were let out together.
    pub fn took(&mut self, rows: usize, time: Duration) {
        if time > ABOUT {
            self.rows = (self.rows / 2).max(self.least);
        } else if rows >= self.rows && time * 2 <= ABOUT {
            self.rows = (self.rows * 2).min(self.most);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fast_carriers_get_large_batches_and_slow_ones_no_more_than_keep_them_busy() {
        let mut pace = Pace::new(8, 4, 100);
        let mut sizes = |rows: usize, millis: u64, times: usize| {
            (0..times).for_each(|_| pace.took(rows, Duration::from_millis(millis)));
            pace.rows()
        };
        assert_eq!(sizes(8, 600, 5), 8, "twice as many would take more than a second");
        assert_eq!(sizes(3, 1, 5), 8, "a batch that was not full says nothing of larger ones");
        assert_eq!(sizes(100, 100, 5), 100);
        assert_eq!(sizes(100, 5_000, 1), 50);
        assert_eq!(sizes(50, 5_000, 9), 2, "four batches of two keep eight connections busy");
    }

    #[test]
    fn there_is_always_a_batch_and_never_one_that_is_too_large() {
        assert_eq!(Pace::new(0, 4, 0).rows(), 1);
        assert_eq!(Pace::new(50, 4, 4).rows(), 4);
    }
}
