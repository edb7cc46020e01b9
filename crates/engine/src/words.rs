//! Constant words, and which of them a text is.

use crate::classes::Class;
use crate::column::Texts;
use arrow_array::Array;
use std::collections::BTreeSet;

/// Some words, each with a number, in the order of their bytes.
#[derive(Clone, Debug)]
pub(crate) struct Words {
    words: Vec<Box<str>>,
    /// The numbers of the words, by a cheap look at them.
    looks: Vec<Vec<u16>>,
}

const LOOKS: usize = 256;

impl Words {
    /// Nothing for none, and for too many.
    pub fn new<'a>(words: impl Iterator<Item = &'a str>) -> Option<Words> {
        let words: Vec<Box<str>> = words.collect::<BTreeSet<&str>>().into_iter().map(Box::from).collect();
        if words.is_empty() || words.len() + 1 >= usize::from(u16::MAX) {
            return None;
        }
        let mut looks = vec![Vec::new(); LOOKS];
        for (number, word) in (0..).zip(&words) {
            looks.get_mut(look(word)).into_iter().for_each(|alike| alike.push(number));
        }
        Some(Words { words, looks })
    }

    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// The number of a word.
    pub fn number(&self, text: &str) -> Option<u16> {
        let alike = self.looks.get(look(text))?;
        alike.iter().copied().find(|n| self.words.get(usize::from(*n)).is_some_and(|word| **word == *text))
    }

    /// The numbers of texts; of others, that is how many words there are; of missing ones, any.
    pub fn place<C: Class>(&self, texts: &Texts) -> Vec<C> {
        let other = C::new(self.len() as u16);
        let class = |word: usize| match texts.words.is_valid(word) {
            true => self.number(texts.words.value(word)).map_or(other, C::new),
            false => other,
        };
        match &texts.codes {
            None => (0..texts.words.len()).map(class).collect(),
            // A dictionary that several chunks share can be longer than the chunk.
            Some(codes) if texts.words.len() > 2 * codes.len() => {
                let of_code = |code: &i16| {
                    let word = *code as usize;
                    if word < texts.words.len() { class(word) } else { other }
                };
                codes.iter().map(of_code).collect()
            }
            Some(codes) => {
                let of_words: Vec<C> = (0..texts.words.len()).map(class).collect();
                let of_code = |code: &i16| of_words.get(*code as usize).copied().unwrap_or(other);
                codes.iter().map(of_code).collect()
            }
        }
    }
}

/// Its length, its first and last byte and the one before: words that are alike in these are few.
fn look(text: &str) -> usize {
    let bytes = text.as_bytes();
    let at = |i: Option<usize>| i.and_then(|i| bytes.get(i)).copied().map_or(0, usize::from);
    let len = bytes.len();
    (len * 37 + at(Some(0)) * 5 + at(len.checked_sub(1)) * 3 + at(len.checked_sub(2)) * 17) % LOOKS
}
