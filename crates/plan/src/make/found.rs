//! What history, by the keys of customers, says of those of a chunk.

use super::asked::{Asked, Earlier, Repeats};
use super::policy::messages_under;
use crate::history::PastMessage;
use crate::occasions::{Numbers, Ordinals};
use tidings_check::program::Cap;
use tidings_engine::Bitmap;
use tidings_schema::Now;

/// What a rule did before.
#[derive(Default)]
pub(super) struct Before {
    /// Whom it does not reach again.
    pub already: Bitmap,
    /// How often it reached others, or the moments of the events that they are reached for.
    pub ordinals: Ordinals,
}

/// What history, of customers by position and ascending, says of those who match, and how often those entered who
/// leave.
pub(super) fn found(
    asked: &Asked<'_>,
    past: &[(usize, Earlier<'_>)],
    everybody: &Bitmap,
    moments: &[(usize, i64)],
) -> Before {
    let (mut already, mut ordinals) = (Bitmap::none(everybody.len()), moments.to_vec());
    for (i, past) in past {
        let matches = everybody.contains(*i);
        let leaves = !matches && matches!(past, Earlier::Entry(entry) if entry.inside);
        if !matches && !leaves {
            continue;
        }
        let ordinal = match (&asked.repeats, past) {
            (Repeats::Entry, Earlier::Entry(entry)) => {
                (leaves || !entry.inside).then_some(i64::from(entry.ordinal))
            }
            (Repeats::From(start), Earlier::Reached(reached)) => {
                (reached.last_at <= *start).then_some(i64::from(reached.occasions))
            }
            (Repeats::Occurrence, Earlier::Reached(reached)) => {
                let moment = moments.binary_search_by_key(i, |(at, _)| *at).ok();
                let moment = moment.and_then(|at| moments.get(at)).map(|(_, moment)| *moment);
                if !reached.has(&asked.occasion.named(moment)) {
                    continue;
                }
                None
            }
            _ => None,
        };
        match ordinal {
            // Who never entered has the usual occasion.
            Some(0) if matches!(asked.repeats, Repeats::Entry) => {}
            Some(ordinal) => ordinals.push((*i, ordinal)),
            None => already.insert(*i),
        }
    }
    Before { already, ordinals: Ordinals(Numbers::Listed(ordinals)) }
}

/// Sets of customers, by position, that hold each as often as they had a message that a cap counts, up to its most.
pub(super) fn used(
    cap: &Cap,
    now: Now,
    messages: &[(usize, &[PastMessage])],
    customers: usize,
) -> Vec<Bitmap> {
    let mut sets: Vec<Bitmap> = Vec::new();
    for (customer, messages) in messages {
        let used = messages_under(cap, now, messages).min(cap.count as usize);
        sets.resize_with(sets.len().max(used), || Bitmap::none(customers));
        sets.iter_mut().take(used).for_each(|set| set.insert(*customer));
    }
    sets
}
