//! Which of the columns that are held some needs are about.

use super::{State, table};
use crate::customers::held::{Held, Left};
use tidings_engine::chunk::{CollectionNeeds, Needs};
use tidings_schema::{AttributeId, Vocabulary};

/// Where each column is among those that are held; none where it is not.
pub(super) type Places = Vec<Option<usize>>;

impl State {
    /// What is needed of it. The arrays are shared.
    pub(super) fn projected(&self, needs: &Needs) -> Held {
        if self.needs == *needs {
            return self.held.clone();
        }
        let attributes = places(&stored(&self.vocabulary, &self.needs), &stored(&self.vocabulary, needs));
        let here: Vec<&CollectionNeeds> = tables(&self.vocabulary, &self.needs).collect();
        let collections = tables(&self.vocabulary, needs).filter_map(|c| {
            let at = here.iter().position(|held| held.id == c.id)?;
            Some((at, places(&here.get(at)?.fields, &c.fields)))
        });
        let collections: Vec<(usize, Places)> = collections.collect();
        let mut held = self.held.clone();
        for chunk in &mut held.chunks {
            lay(&attributes, &mut chunk.attributes, &[]);
            let rows = collections.iter().filter_map(|(at, fields)| {
                let mut rows = chunk.collections.get(*at)?.clone();
                lay(fields, &mut rows.rows.fields, &[]);
                Some(rows)
            });
            chunk.collections = rows.collect();
        }
        lay_left(&attributes, &mut held.customers, &Left::default());
        let lefts = collections.iter().filter_map(|(at, fields)| {
            let mut left = held.collections.get(*at)?.clone();
            lay_left(fields, &mut left, &Left::default());
            Some(left)
        });
        held.collections = lefts.collect();
        held
    }
}

/// The needed attributes that are columns of the store.
pub(super) fn stored(vocabulary: &Vocabulary, needs: &Needs) -> Vec<AttributeId> {
    let stored = |id: &&_| vocabulary.attribute(**id).is_some_and(|a| !a.kept);
    needs.attributes.iter().filter(stored).copied().collect()
}

/// The needed collections that are tables of the store.
pub(super) fn tables<'a>(
    vocabulary: &'a Vocabulary,
    needs: &'a Needs,
) -> impl Iterator<Item = &'a CollectionNeeds> {
    needs.collections.iter().filter(|c| table(vocabulary, c).is_some())
}

/// Where columns that are wanted are among those that are held, which are in order.
pub(super) fn places<Id: Ord>(held: &[Id], wanted: &[Id]) -> Places {
    wanted.iter().map(|id| held.binary_search(id).ok()).collect()
}

/// Puts what is held of each column where it is wanted, and what is fresh between, in its order.
pub(super) fn lay<T: Clone>(places: &Places, held: &mut Vec<T>, fresh: &[T]) {
    let mut fresh = fresh.iter();
    let of = |place: &Option<usize>| place.map_or_else(|| fresh.next(), |at| held.get(at)).cloned();
    *held = places.iter().filter_map(of).collect();
}

/// The same with what was refused of them.
pub(super) fn lay_left(places: &Places, held: &mut Left, fresh: &Left) {
    lay(places, &mut held.bad, &fresh.bad);
    lay(places, &mut held.bad_keys, &fresh.bad_keys);
}
