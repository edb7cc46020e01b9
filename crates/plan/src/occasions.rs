//! Which occasion it is on which a rule reaches a customer.

use crate::digits::Digits;
use std::sync::Arc;

/// Which occasion it is, by the rule's repeat policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Occasions {
    /// For everybody who has no ordinal. It begins with the kind of the repeat policy, so that the occasions of one
    /// kind are never those of another.
    pub usual: String,
    /// For the others, by chunk: how often the rule reached them before, or the moment of the event that they are
    /// reached for, in microseconds since 1970 UTC.
    pub ordinals: Vec<Ordinals>,
}

/// A number for some customers of a chunk.
#[derive(Clone, Debug, PartialEq)]
pub struct Ordinals(pub(crate) Numbers);

/// What they are kept as.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Numbers {
    /// By position, ascending.
    Listed(Vec<(usize, i64)>),
    /// 0 for everybody who has none.
    Counted(Arc<Digits>),
}

impl Occasions {
    /// The occasion of a customer.
    pub fn of(&self, chunk: usize, customer: usize) -> String {
        self.named(self.ordinals.get(chunk).and_then(|ordinals| ordinals.of(customer)))
    }

    /// The occasion of whoever has this ordinal, or none.
    pub(crate) fn named(&self, ordinal: Option<i64>) -> String {
        let kind = self.usual.split(' ').next().unwrap_or_default();
        ordinal.map_or_else(|| self.usual.clone(), |n| format!("{kind} {n}"))
    }
}

impl Ordinals {
    /// The number of a customer, by position.
    pub fn of(&self, customer: usize) -> Option<i64> {
        match &self.0 {
            Numbers::Listed(list) => {
                let at = list.binary_search_by_key(&customer, |(i, _)| *i).ok()?;
                list.get(at).map(|(_, number)| *number)
            }
            Numbers::Counted(digits) => Some(i64::from(digits.of(customer))).filter(|n| *n > 0),
        }
    }
}

impl Default for Ordinals {
    fn default() -> Ordinals {
        Ordinals(Numbers::Listed(Vec::new()))
    }
}
