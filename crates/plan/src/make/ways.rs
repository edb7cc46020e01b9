//! How customers can be reached through lists of channels.

use super::Question;
use crate::plan::{Reason, Verdict, Verdicts};
use crate::reach::Reach;
use std::collections::HashMap;
use tidings_engine::{Bitmap, Chunk};

/// How the customers of a chunk can be reached through the first of some channels that reaches them.
pub(super) struct Ways<'a> {
    /// Channels by their positions, and whom each reaches that none before it does.
    pub first: Vec<(u8, &'a str, Bitmap)>,
    /// Those of them for whom it is a time of silence there.
    pub quiet: Bitmap,
    /// The others, by the reason of the channel that came nearest.
    refused: [(Reason, Bitmap); 3],
}

impl<'a> Ways<'a> {
    /// One for each list of channels.
    pub fn all(
        question: &'a Question<'a>,
        index: usize,
        chunk: &Chunk,
        lists: &[&'a [String]],
    ) -> Vec<Ways<'a>> {
        let vocabulary = &question.program.vocabulary;
        let mut known: HashMap<&str, Option<Reach>> = HashMap::new();
        for channel in lists.iter().copied().flatten() {
            let reach = || vocabulary.contact(channel).and_then(|contact| question.reach(index, contact));
            known.entry(channel).or_insert_with(reach);
        }
        lists.iter().map(|channels| Ways::through(channels, &known, chunk.len())).collect()
    }

    fn through(channels: &'a [String], known: &HashMap<&str, Option<Reach>>, customers: usize) -> Ways<'a> {
        let (mut first, mut left) = (Vec::new(), Bitmap::all(customers));
        let none = Bitmap::none(customers);
        let (mut quiet, mut no_consent, mut suppressed) = (none.clone(), none.clone(), none);
        for (i, channel) in channels.iter().enumerate() {
            let Some(reach) = known.get(channel.as_str()).and_then(Option::as_ref) else { continue };
            let mut unwilling = reach.address.clone();
            let mut reached = unwilling.take(&reach.consent);
            no_consent.or(&unwilling);
            suppressed.or(&reached.take(&reach.suppressed));
            let reached = left.take(&reached);
            quiet.or(&reached.both(&reach.quiet));
            first.push((i as u8, channel.as_str(), reached));
        }
        let suppressed = left.take(&suppressed);
        let no_consent = left.take(&no_consent);
        let refused =
            [(Reason::NoAddress, left), (Reason::NoConsent, no_consent), (Reason::Suppressed, suppressed)];
        Ways { first, quiet, refused }
    }

    /// The verdicts on some customers for whom nothing but their channels decides.
    pub fn sort(&self, customers: &Bitmap, into: &mut Verdicts) {
        let planned = self.first.iter().map(|(i, _, set)| (Verdict::Planned(*i), set));
        let refused = self.refused.iter().map(|(reason, set)| (Verdict::Held(*reason), set));
        for (verdict, set) in planned.chain(refused) {
            into.add(verdict, customers.both(set));
        }
    }
}
