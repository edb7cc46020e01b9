//! Who moves between the stages of a partition.

use tidings_check::program::Stages;
use tidings_engine::{Bitmap, Matches};

/// The moves of customers between the stages of one partition. The last place, after all stages, is that of those who
/// are not there yet.
#[derive(Clone, Debug)]
pub struct Flows {
    /// The partition.
    pub name: String,
    /// The stages, and what people call those who are not there.
    pub places: Vec<String>,
    /// From where to where, between the first step and the last: how many customers.
    pub ends: Vec<Vec<u64>>,
    /// The same summed over all steps, each held against the one before; nobody where somebody stays.
    pub moves: Vec<Vec<u64>>,
    /// How many moved at the latest step.
    pub moved: u64,
    first: Option<Vec<Vec<Bitmap>>>,
    before: Option<Vec<Vec<Bitmap>>>,
}

impl Flows {
    pub(crate) fn of(stages: &Stages) -> Flows {
        let places = stages.list.words.iter().map(|word| word.name.clone());
        let places: Vec<String> = places.chain(["(not there)".to_owned()]).collect();
        let nobody = vec![vec![0; places.len()]; places.len()];
        Flows {
            name: stages.list.name.clone(),
            places,
            ends: nobody.clone(),
            moves: nobody,
            moved: 0,
            first: None,
            before: None,
        }
    }

    /// The stages, without the place of those who are not there.
    pub fn stages(&self) -> &[String] {
        self.places.split_last().map_or(&[], |(_, stages)| stages)
    }

    /// Takes in who is where at a step; `stages` is the partition's position.
    pub(crate) fn take(&mut self, stages: usize, matches: &[Matches]) {
        let now: Vec<Vec<Bitmap>> = matches.iter().map(|m| places(m, stages)).collect();
        if let Some(before) = &self.before {
            let moved = between(before, &now, self.places.len());
            self.moved = 0;
            for (from, (sums, row)) in self.moves.iter_mut().zip(&moved).enumerate() {
                for (to, (sum, n)) in sums.iter_mut().zip(row).enumerate() {
                    if from != to {
                        *sum += n;
                        self.moved += n;
                    }
                }
            }
        }
        let first = self.first.get_or_insert_with(|| now.clone());
        self.ends = between(first, &now, self.places.len());
        self.before = Some(now);
    }
}

/// Who is in each place.
fn places(matches: &Matches, stages: usize) -> Vec<Bitmap> {
    let arms = matches.stages.get(stages).cloned().unwrap_or_default();
    arms.into_iter().chain([matches.existing.complement()]).collect()
}

fn between(before: &[Vec<Bitmap>], now: &[Vec<Bitmap>], places: usize) -> Vec<Vec<u64>> {
    let mut counts = vec![vec![0; places]; places];
    for (before, now) in before.iter().zip(now) {
        for (row, from) in counts.iter_mut().zip(before) {
            row.iter_mut().zip(now).for_each(|(n, to)| *n += from.count_both(to) as u64);
        }
    }
    counts
}
