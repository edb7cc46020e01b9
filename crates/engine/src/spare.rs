//! Memory that is used again: what one node no longer needs, the next one fills.

use crate::bitmap::Bitmap;
use crate::column::{Column, Plain, Values};

/// Empty vectors with room in them, the last given back on top.
#[derive(Debug, Default)]
pub(crate) struct Spare {
    words: Vec<Vec<u64>>,
    ints: Vec<Vec<i64>>,
    numbers: Vec<Vec<f64>>,
    places: Vec<Vec<u32>>,
}

impl Spare {
    pub fn words(&mut self) -> Vec<u64> {
        self.words.pop().unwrap_or_default()
    }

    pub fn ints(&mut self) -> Vec<i64> {
        self.ints.pop().unwrap_or_default()
    }

    pub fn numbers(&mut self) -> Vec<f64> {
        self.numbers.pop().unwrap_or_default()
    }

    pub fn places(&mut self) -> Vec<u32> {
        self.places.pop().unwrap_or_default()
    }

    /// A copy of a set.
    pub fn copy(&mut self, set: &Bitmap) -> Bitmap {
        let mut words = self.words();
        words.extend_from_slice(set.words());
        Bitmap::from_vec(words, set.len())
    }

    pub fn keep_words(&mut self, words: Vec<u64>) {
        keep(&mut self.words, words);
    }

    pub fn keep_ints(&mut self, ints: Vec<i64>) {
        keep(&mut self.ints, ints);
    }

    pub fn keep_places(&mut self, places: Vec<u32>) {
        keep(&mut self.places, places);
    }

    pub fn keep_set(&mut self, set: Bitmap) {
        self.keep_words(set.into_vec());
    }

    pub fn keep_column(&mut self, column: Column) {
        match column.values {
            Values::Int(Plain::Own(ints)) => self.keep_ints(ints),
            Values::Number(Plain::Own(numbers)) => keep(&mut self.numbers, numbers),
            Values::Truth(set) => self.keep_set(set),
            // A chunk's own.
            Values::Int(_) | Values::Short(_) | Values::Number(_) | Values::Text(_) | Values::Tags(_) => {}
        }
        column.known.into_iter().for_each(|known| self.keep_set(known));
    }
}

fn keep<T>(spare: &mut Vec<Vec<T>>, mut vec: Vec<T>) {
    if vec.capacity() > 0 {
        vec.clear();
        spare.push(vec);
    }
}
