//! Many texts in one piece of memory, and those that come again and again kept once.

use arrow_array::StringArray;
use arrow_array::builder::StringBuilder;
use xxhash_rust::xxh3::xxh3_64;

/// Up to so many different texts of a column are told apart while it is read.
const FEW: usize = 1024;
/// A power of two that leaves most slots free.
const SLOTS: usize = 4 * FEW;
const FREE: u32 = u32::MAX;

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
    /// Numbers, each at its text's hash or behind it.
    slots: Vec<u32>,
}

impl Words {
    pub(crate) fn new() -> Words {
        Words { texts: Arena::default(), slots: vec![FREE; SLOTS] }
    }

    /// Whether each text has one number.
    pub(crate) fn are_few(&self) -> bool {
        self.texts.len() <= FEW
    }

    /// The number of a text, which is new if there was none.
    pub(crate) fn code(&mut self, text: &str) -> u32 {
        let new = self.texts.len() as u32;
        if self.are_few() {
            let slot = match self.probe(text) {
                Ok(code) => return code,
                Err(slot) => self.slots.get_mut(slot),
            };
            slot.into_iter().for_each(|slot| *slot = new);
        }
        self.texts.push(text);
        new
    }

    /// The number of a text, if it has one and was among the first.
    pub(crate) fn find(&self, text: &str) -> Option<u32> {
        self.probe(text).ok()
    }

    /// Its number, or the slot where that would be.
    fn probe(&self, text: &str) -> Result<u32, usize> {
        let mut at = xxh3_64(text.as_bytes()) as usize % SLOTS;
        loop {
            match self.slots.get(at) {
                Some(&code) if code != FREE => match self.texts.get(code) == Some(text) {
                    true => return Ok(code),
                    false => at = (at + 1) % SLOTS,
                },
                _ => return Err(at),
            }
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
