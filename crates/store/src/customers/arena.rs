//! Many texts in one piece of memory, and those that come again and again kept once.

use arrow_array::StringArray;
use arrow_array::builder::StringBuilder;
use xxhash_rust::xxh3::xxh3_64;

/// Up to so many different texts of a column are told apart while it is read.
const FEW: usize = 1024;
/// Slots to begin with, a power of two.
const SLOTS: usize = 32;

/// Texts, one behind the other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arena {
    text: String,
    ends: Vec<usize>,
}

impl Arena {
    pub(crate) fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.ends.push(self.text.len());
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn get(&self, i: u32) -> Option<&str> {
        let i = i as usize;
        let end = *self.ends.get(i)?;
        let begin = if i == 0 { 0 } else { *self.ends.get(i - 1)? };
        self.text.get(begin..end)
    }
}

/// Texts by number. The first 1,024 different ones have one number each; once there are more, every text has its own.
#[derive(Clone, Debug)]
pub(crate) struct Words {
    texts: Arena,
    /// Each text at its hash or behind it. At least half of them are free.
    slots: Vec<Option<Slot>>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    brief: Brief,
    code: u32,
}

/// What tells texts of up to 16 bytes apart, and hardly ever takes longer ones for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Brief {
    length: usize,
    /// Both ends of the text, one over the other where it is short; of a longer one its hash, and its end.
    ends: [u64; 2],
}

impl Words {
    pub(crate) fn new() -> Words {
        Words { texts: Arena::default(), slots: vec![None; SLOTS] }
    }

    /// How many numbers there are.
    pub(crate) fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether each text has one number.
    pub(crate) fn are_few(&self) -> bool {
        self.texts.len() <= FEW
    }

    /// The number of a text, which is new if there was none.
    pub(crate) fn code(&mut self, text: &str) -> u32 {
        let new = self.texts.len() as u32;
        if self.are_few() {
            let brief = Brief::of(text.as_bytes());
            match self.probe(brief, text.as_bytes()) {
                Ok(code) => return code,
                Err(at) => self.put(at, Slot { brief, code: new }),
            }
        }
        self.texts.push(text);
        new
    }

    /// The number of a text, if it has one and was among the first.
    #[inline]
    pub(crate) fn find(&self, text: &[u8]) -> Option<u32> {
        self.probe(Brief::of(text), text).ok()
    }

    /// Its number, or the slot where that would be.
    #[inline]
    fn probe(&self, brief: Brief, text: &[u8]) -> Result<u32, usize> {
        let mask = self.slots.len() - 1;
        let mut at = brief.hash() & mask;
        while let Some(Some(slot)) = self.slots.get(at) {
            let same = slot.brief == brief;
            if same && (text.len() <= 16 || self.get(slot.code).map(str::as_bytes) == Some(text)) {
                return Ok(slot.code);
            }
            at = (at + 1) & mask;
        }
        Err(at)
    }

    /// Takes a free slot, and makes more where half of them are taken.
    fn put(&mut self, at: usize, slot: Slot) {
        self.slots.get_mut(at).into_iter().for_each(|free| *free = Some(slot));
        if 2 * (self.texts.len() + 1) < self.slots.len() {
            return;
        }
        let more = vec![None; 2 * self.slots.len()];
        for slot in std::mem::replace(&mut self.slots, more).into_iter().flatten() {
            let (mask, mut at) = (self.slots.len() - 1, slot.brief.hash());
            while self.slots.get(at & mask).is_some_and(Option::is_some) {
                at += 1;
            }
            self.slots.get_mut(at & mask).into_iter().for_each(|free| *free = Some(slot));
        }
    }

    pub(crate) fn get(&self, code: u32) -> Option<&str> {
        self.texts.get(code)
    }

    /// All of them.
    pub(crate) fn array(&self) -> StringArray {
        let mut array = StringBuilder::with_capacity(self.texts.len(), self.texts.text.len());
        (0..self.texts.len() as u32).for_each(|code| array.append_option(self.get(code)));
        array.finish()
    }
}

impl Brief {
    #[inline]
    fn of(text: &[u8]) -> Brief {
        let byte = |at: usize| u64::from(text.get(at).copied().unwrap_or(0));
        let ends = match (text.first_chunk(), text.last_chunk()) {
            (Some(first), Some(last)) => {
                let first = if text.len() <= 16 { u64::from_le_bytes(*first) } else { xxh3_64(text) };
                [first, u64::from_le_bytes(*last)]
            }
            _ => match (text.first_chunk(), text.last_chunk()) {
                (Some(first), Some(last)) => {
                    [u32::from_le_bytes(*first).into(), u32::from_le_bytes(*last).into()]
                }
                _ => [byte(0) | byte(1) << 8 | byte(2) << 16, 0],
            },
        };
        Brief { length: text.len(), ends }
    }

    #[inline]
    fn hash(self) -> usize {
        let [first, last] = self.ends;
        let mixed = (first ^ self.length as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
            ^ last.rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed >> 40) as usize ^ mixed as usize >> 20
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn the_same_texts_have_the_same_number_and_others_another(
            texts in proptest::collection::vec(prop_oneof!["[ab\\x00]{0,20}", "a{0,40}b?", "[a-z]{1,2}"], 0..1_500),
        ) {
            let (mut words, mut expected) = (Words::new(), BTreeMap::new());
            for text in &texts {
                let few = words.are_few();
                let new = expected.len() as u32;
                prop_assert_eq!(words.find(text.as_bytes()), expected.get(text).copied());
                if few {
                    let code = *expected.entry(text.clone()).or_insert(new);
                    prop_assert_eq!(words.code(text), code);
                    prop_assert_eq!(words.get(code), Some(text.as_str()));
                }
            }
        }
    }
}
