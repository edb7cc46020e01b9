//! How many of a set's rows are before a row.

use crate::spare::Spare;
use multiversion::multiversion;

/// A set of rows, and how many of it are before each of its words and before the end.
#[derive(Debug)]
pub(crate) struct Ranks<'a> {
    words: &'a [u64],
    before: Vec<u32>,
}

impl<'a> Ranks<'a> {
    pub fn new(words: &'a [u64], spare: &mut Spare) -> Ranks<'a> {
        let mut before = spare.places();
        add_up(words, &mut before);
        Ranks { words, before }
    }

    /// For each of some rows, how many of the set are before it.
    pub fn of(&self, rows: &[u32], ranks: &mut Vec<u32>) {
        rank(self.words, &self.before, rows, ranks);
    }

    pub fn close(self, spare: &mut Spare) {
        spare.keep_places(self.before);
    }
}

// Nearly all processors have an instruction that counts bits, without which these are several times slower.

#[multiversion(targets("x86_64+popcnt"))]
fn add_up(words: &[u64], before: &mut Vec<u32>) {
    let mut count = 0;
    before.push(0);
    before.extend(words.iter().map(|word| {
        count += word.count_ones();
        count
    }));
}

#[multiversion(targets("x86_64+popcnt+bmi1+bmi2", "x86_64+popcnt"))]
fn rank(words: &[u64], before: &[u32], rows: &[u32], ranks: &mut Vec<u32>) {
    ranks.extend(rows.iter().map(|row| {
        let (w, bit) = (*row as usize / 64, row % 64);
        let word = words.get(w).copied().unwrap_or(0) & ((1 << bit) - 1);
        before.get(w).copied().unwrap_or(0) + word.count_ones()
    }));
}
