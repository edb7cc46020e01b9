//! Customers made of candidates: all there are where they are few, else some of them by chance, the same ones each time.

use crate::candidates::{Candidates, Rows};
use tidings_check::Program;
use tidings_engine::Person;
use tidings_schema::{AttributeId, CollectionId, FieldId, Value};

/// More rows than this no customer has.
const MOST_ROWS: u32 = 60;

type Row = (CollectionId, Vec<(FieldId, Value)>);

/// What to make customers of.
pub(crate) struct Sample {
    attributes: Vec<(AttributeId, Vec<Option<Value>>)>,
    collections: Vec<(CollectionId, Vec<u32>, Vec<Field>)>,
}

/// A field of rows, and what it can be.
type Field = (FieldId, Vec<Option<Value>>);

impl Sample {
    /// Of those values of attributes alone that are let through, where any is.
    pub(crate) fn new(
        program: &Program,
        candidates: &Candidates<'_>,
        lets: impl Fn(AttributeId, Option<&Value>) -> bool,
    ) -> Sample {
        let vocabulary = &program.vocabulary;
        let attributes = candidates.attributes.iter().filter_map(|(id, choices)| {
            let all = choices.all(&vocabulary.attribute(*id)?.ty);
            let (some, others): (Vec<_>, Vec<_>) =
                all.into_iter().partition(|value| lets(*id, value.as_ref()));
            Some((*id, if some.is_empty() { others } else { some }))
        });
        let collections = candidates.rows.iter().filter_map(|(id, Rows { sizes, fields })| {
            let collection = vocabulary.collection(*id)?;
            let fields = fields.iter().filter_map(|(field, choices)| {
                let mut all = choices.all(&collection.field(*field)?.ty);
                // A row without its time is none.
                all.retain(|value| *field != collection.time || value.is_some());
                Some((*field, all))
            });
            Some((*id, sizes.iter().copied().collect(), fields.collect()))
        });
        Sample { attributes: attributes.collect(), collections: collections.collect() }
    }

    /// So many customers at most.
    pub(crate) fn people(&self, most: usize, dice: &mut Dice) -> Vec<Person> {
        let kinds =
            self.attributes.iter().try_fold(1_usize, |n, (_, values)| n.checked_mul(values.len().max(1)));
        let few = kinds.filter(|kinds| *kinds <= most);
        let count = if self.collections.is_empty() { few.unwrap_or(most) } else { most };
        let person = |i: usize, dice: &mut Dice| {
            let mut rest = i;
            let mut attributes = Vec::new();
            for (id, values) in &self.attributes {
                let choice = if few.is_some() { rest } else { dice.roll(values.len()) } % values.len().max(1);
                rest /= values.len().max(1);
                attributes.extend(values.get(choice).cloned().flatten().map(|value| (*id, value)));
            }
            Person { key: String::new(), attributes, rows: self.rows(dice) }
        };
        (0..count).map(|i| person(i, dice)).collect()
    }

    /// Up to three kinds of rows of each collection, each some number of times.
    fn rows(&self, dice: &mut Dice) -> Vec<Row> {
        let mut rows = Vec::new();
        for (id, sizes, fields) in &self.collections {
            for _ in 0..dice.roll(4) {
                let row: Vec<(FieldId, Value)> = fields
                    .iter()
                    .filter_map(|(field, values)| {
                        Some((*field, values.get(dice.roll(values.len())).cloned()??))
                    })
                    .collect();
                let size = sizes
                    .get(dice.roll(sizes.len()))
                    .map_or(1, |size| (size + dice.roll(2) as u32).min(MOST_ROWS));
                rows.extend((0..size).map(|_| (*id, row.clone())));
            }
        }
        rows
    }
}

/// Chance that falls the same each time.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// A number below `sides`; 0 where there are none. By splitmix64.
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % sides.max(1) as u64) as usize
    }
}
