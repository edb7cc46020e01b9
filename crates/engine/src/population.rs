//! What scores know of all customers: where the population is cut into shares.

use crate::score::Cuts;
use std::collections::HashMap;
use tidings_check::program::ScoreId;

/// The cuts of each score by shares, computed over all customers for one moment. A score over a
/// population in which no value is known is missing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Populations {
    cuts: HashMap<(ScoreId, u32), Cuts>,
}

impl Populations {
    /// The cuts of a score, so many days ago.
    pub(crate) fn cuts(&self, score: ScoreId, shift: u32) -> Option<&Cuts> {
        self.cuts.get(&(score, shift))
    }

    pub(crate) fn insert(&mut self, score: ScoreId, shift: u32, cuts: Option<Cuts>) {
        if let Some(cuts) = cuts {
            self.cuts.insert((score, shift), cuts);
        }
    }
}
