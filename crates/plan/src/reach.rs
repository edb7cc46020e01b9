//! Whether a customer can be reached through a channel now: address, consent, suppression, hours of silence.
//! Computed once for all rules.

use crate::carrier::Addresses;
use crate::history::address_hash;
use arrow_array::cast::AsArray;
use arrow_array::types::Int16Type;
use arrow_array::{Array, ArrayAccessor, BooleanArray, StringArray, TypedDictionaryArray};
use chrono::NaiveTime;
use chrono_tz::Tz;
use std::collections::{HashMap, HashSet};
use tidings_check::program::{Policy, Quiet, UnknownZone};
use tidings_engine::{Bitmap, Chunk, Needs};
use tidings_schema::{AttributeId, Contact, Now, Vocabulary, calendar};

/// Who said no, as the engine's own state has it.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// By channel, the hashes of suppressed addresses.
    pub suppressed: HashMap<String, HashSet<[u8; 32]>>,
    /// By channel, the keys of customers who withdrew their consent. This always wins.
    pub withdrawn: HashMap<String, HashSet<String>>,
    /// The project's secret, for the hashes.
    pub secret: Vec<u8>,
}

/// One channel over one chunk.
#[derive(Clone, Debug)]
pub(crate) struct Reach {
    pub address: Bitmap,
    pub consent: Bitmap,
    pub suppressed: Bitmap,
    pub quiet: Bitmap,
}

/// The columns that reaching customers needs.
pub fn needs(vocabulary: &Vocabulary) -> Needs {
    let mut needs = Needs::default();
    for contact in &vocabulary.contacts {
        needs.want(contact.address);
        needs.want(contact.consent);
    }
    vocabulary.customer.zone.into_iter().for_each(|zone| needs.want(zone));
    needs
}

pub(crate) struct Reaching<'a> {
    pub vocabulary: &'a Vocabulary,
    pub policy: &'a Policy,
    pub needs: &'a Needs,
    pub standing: &'a Standing,
    pub addresses: &'a dyn Addresses,
    pub now: Now,
}

impl Reaching<'_> {
    /// How a chunk's customers can be reached through a channel.
    pub(crate) fn of(&self, chunk: &Chunk, contact: &Contact) -> Reach {
        let addresses = self.text(chunk, contact.address);
        let consents = self.column(chunk, contact.consent).and_then(|c| c.as_boolean_opt());
        let withdrawn = self.standing.withdrawn.get(&contact.channel);
        let suppressed = self.standing.suppressed.get(&contact.channel).filter(|s| !s.is_empty());
        let mut hits = Vec::new();
        let address = Bitmap::from_fn(chunk.len(), |i| {
            let Some(address) = address_at(self.addresses, &contact.channel, addresses, i) else {
                return false;
            };
            if suppressed
                .is_some_and(|s| s.contains(&address_hash(&self.standing.secret, &contact.channel, &address)))
            {
                hits.push(i);
            }
            true
        });
        let consent = Bitmap::from_fn(chunk.len(), |i| {
            yes(consents, i) && withdrawn.is_none_or(|w| !w.contains(chunk.keys.value(i)))
        });
        let mut hits = hits.into_iter().peekable();
        let suppressed = Bitmap::from_fn(chunk.len(), |i| hits.next_if_eq(&i).is_some());
        Reach { address, consent, suppressed, quiet: self.quiet(chunk, &contact.channel) }
    }

    /// For whom it is a time of silence: in the customer's zone, or as the policy says where that is unknown.
    pub(crate) fn quiet(&self, chunk: &Chunk, channel: &str) -> Bitmap {
        let hours: Vec<&Quiet> = self.policy.quiet.iter().filter(|q| q.covers(channel)).collect();
        if hours.is_empty() {
            return Bitmap::none(chunk.len());
        }
        let is_quiet = |zone: Tz| {
            let time = calendar::civil(self.now.micros, zone).time();
            hours.iter().any(|q| within(q, time))
        };
        let unknown = hours.iter().any(|q| q.unknown_zone == UnknownZone::Held) || is_quiet(self.now.zone);
        let zones = self.vocabulary.customer.zone.and_then(|zone| self.text(chunk, zone));
        let mut known: HashMap<&str, bool> = HashMap::new();
        Bitmap::from_fn(chunk.len(), |i| match zones.and_then(|zones| zones.at(i)) {
            Some(name) => *known.entry(name).or_insert_with(|| name.parse::<Tz>().map_or(unknown, is_quiet)),
            None => unknown,
        })
    }

    /// The customer's own zone, as the store has it.
    pub(crate) fn zone<'c>(&self, chunk: &'c Chunk, i: usize) -> Option<&'c str> {
        self.text(chunk, self.vocabulary.customer.zone?)?.at(i)
    }

    /// The address of a customer, in its one spelling.
    pub(crate) fn address(&self, chunk: &Chunk, contact: &Contact, i: usize) -> Option<String> {
        address_at(self.addresses, &contact.channel, self.text(chunk, contact.address), i)
    }

    fn column<'c>(&self, chunk: &'c Chunk, id: AttributeId) -> Option<&'c arrow_array::ArrayRef> {
        chunk.attributes.get(self.needs.attribute(id)?)
    }

    fn text<'c>(&self, chunk: &'c Chunk, id: AttributeId) -> Option<Texts<'c>> {
        let column = self.column(chunk, id)?;
        match column.as_dictionary_opt() {
            Some(codes) => codes.downcast_dict().map(Texts::Coded),
            None => column.as_string_opt().map(Texts::Plain),
        }
    }
}

/// A column of texts, as it is or by numbers of words.
#[derive(Clone, Copy)]
enum Texts<'c> {
    Plain(&'c StringArray),
    Coded(TypedDictionaryArray<'c, Int16Type, StringArray>),
}

impl<'c> Texts<'c> {
    fn at(self, i: usize) -> Option<&'c str> {
        match self {
            Texts::Plain(texts) => texts.is_valid(i).then(|| texts.value(i)),
            Texts::Coded(texts) => texts.is_valid(i).then(|| texts.value(i)),
        }
    }
}

fn address_at(
    addresses: &dyn Addresses,
    channel: &str,
    column: Option<Texts<'_>>,
    i: usize,
) -> Option<String> {
    addresses.normalise(channel, column?.at(i)?)
}

/// Unknown consent is no consent.
fn yes(column: Option<&BooleanArray>, i: usize) -> bool {
    column.is_some_and(|c| c.is_valid(i) && c.value(i))
}

/// From `from` up to `to`, over midnight where `to` is not later. Where both are the same it is the whole day.
pub(crate) fn within(quiet: &Quiet, time: NaiveTime) -> bool {
    if quiet.from < quiet.to {
        quiet.from <= time && time < quiet.to
    } else {
        quiet.from <= time || time < quiet.to
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn quiet_hours_go_over_midnight() {
        let at = |h, m| NaiveTime::from_hms_opt(h, m, 0).unwrap();
        let unknown_zone = UnknownZone::Project;
        let night = Quiet { from: at(21, 0), to: at(9, 0), channel: None, unknown_zone };
        for (hour, minute, quiet) in
            [(20, 59, false), (21, 0, true), (0, 0, true), (8, 59, true), (9, 0, false)]
        {
            assert_eq!(within(&night, at(hour, minute)), quiet, "{hour}:{minute}");
        }
        let noon = Quiet { from: at(12, 0), to: at(14, 0), channel: None, unknown_zone };
        assert!(within(&noon, at(12, 0)) && !within(&noon, at(14, 0)) && !within(&noon, at(0, 0)));
    }
}
