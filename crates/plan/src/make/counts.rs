//! How many customers each verdict is on, counted while a plan is made.

use super::asked::Asked;
use super::desk::Made;
use crate::plan::{Reason, Tally, Verdict, Verdicts};
use tidings_check::program::{Action, Rule, Step};

/// What one rule does, in numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleCounts {
    /// Its position in the program.
    pub rule: usize,
    /// Those who get `then`, and those who get `else`.
    pub audiences: Vec<AudienceCounts>,
    /// For how many a cap dropped what it had no room for.
    pub dropped: u64,
    /// Why the whole rule is held back, or waits for a person, in words for people.
    pub stopped: Option<String>,
}

/// What happens to some customers, in numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct AudienceCounts {
    /// To each of them: planned where any step is, else the first step's reason.
    pub outcome: Tally,
    /// Of each step.
    pub steps: Vec<StepCounts>,
}

/// To how many one step goes.
#[derive(Clone, Debug, PartialEq)]
pub struct StepCounts {
    /// To whom it is sent, by the position of the channel; all by the first where it has none.
    pub sent: Vec<u64>,
    /// To whom it would be sent, and waits for a person.
    pub waiting: u64,
}

impl RuleCounts {
    /// What the steps of this rule do, and for how many.
    pub(crate) fn steps<'r>(&self, rule: &'r Rule) -> impl Iterator<Item = (&'r Action, &StepCounts)> {
        let actions = rule.then.iter().chain(&rule.otherwise).map(|step| &step.action);
        actions.zip(self.audiences.iter().flat_map(|audience| &audience.steps))
    }
}

/// The counts of some rules that are planned one after the other: for each audience a row of its own and one for each of
/// its steps, with a cell for each reason, one for those whose message a cap dropped, and one for each channel.
#[derive(Clone)]
pub(super) struct Counts {
    first: usize,
    width: usize,
    cells: Vec<u64>,
}

const REASONS: usize = Reason::ALL.len();
const DROPPED: usize = REASONS;
const CHANNELS: usize = REASONS + 1;

impl Counts {
    /// Nothing yet of some rules.
    pub fn of(rules: &[Asked<'_>]) -> Counts {
        let steps = || rules.iter().flat_map(|asked| asked.rule.then.iter().chain(&asked.rule.otherwise));
        let width = CHANNELS + steps().map(channels).max().unwrap_or(1);
        let rows: usize = rules.iter().map(|asked| rows(asked.rule)).sum();
        let first = rules.first().map_or(0, |asked| asked.row);
        Counts { first, width, cells: vec![0; rows * width] }
    }

    /// Adds what one rule does in one chunk.
    pub fn add(&mut self, asked: &Asked<'_>, made: &Made) {
        let mut row = asked.row;
        let dropped = made.used_up.count() as u64;
        self.row_mut(row).and_then(|row| row.get_mut(DROPPED)).into_iter().for_each(|cell| *cell += dropped);
        for (outcome, steps) in &made.audiences {
            for verdicts in [outcome].into_iter().chain(steps) {
                self.row_mut(row).into_iter().for_each(|row| add(row, verdicts));
                row += 1;
            }
        }
    }

    /// Adds other counts of the same rules.
    pub fn together(&mut self, others: &Counts) {
        self.cells.iter_mut().zip(&others.cells).for_each(|(sum, n)| *sum += n);
    }

    /// How many customers of a rule are sent something.
    pub fn planned(&self, asked: &Asked<'_>) -> u64 {
        self.audiences(asked).map(|(outcome, _)| planned(self.row(outcome)).sum::<u64>()).sum()
    }

    /// What each of a rule's steps does, and for how many.
    pub fn steps<'q>(&self, asked: &Asked<'q>) -> impl Iterator<Item = (&'q Action, u64)> {
        let steps = self.audiences(asked).flat_map(|(outcome, steps)| (outcome + 1..).zip(steps));
        steps.map(|(row, step)| (&step.action, planned(self.row(row)).sum()))
    }

    /// All of a rule. What it would send waits for a person where it is stopped.
    pub fn rule(&self, asked: &Asked<'_>, stopped: Option<String>) -> RuleCounts {
        let waits = asked.stop.is_none() && stopped.is_some();
        let audience = |(outcome, steps): (usize, &[Step])| {
            let sent = |(row, step): (usize, &Step)| {
                let sent: Vec<u64> = planned(self.row(row)).take(channels(step)).collect();
                match waits {
                    true => StepCounts { waiting: sent.iter().sum(), sent: vec![0; sent.len()] },
                    false => StepCounts { sent, waiting: 0 },
                }
            };
            let steps = (outcome + 1..).zip(steps).map(sent).collect();
            AudienceCounts { outcome: tally(self.row(outcome), waits), steps }
        };
        RuleCounts {
            rule: asked.index,
            audiences: self.audiences(asked).map(audience).collect(),
            dropped: self.row(asked.row).get(DROPPED).copied().unwrap_or(0),
            stopped,
        }
    }

    /// The row of each audience of a rule, with the steps whose rows come after it.
    fn audiences<'q>(&self, asked: &Asked<'q>) -> impl Iterator<Item = (usize, &'q [Step])> + use<'q> {
        let rule = asked.rule;
        let otherwise = (!rule.otherwise.is_empty()).then_some(rule.otherwise.as_slice());
        let otherwise = otherwise.map(|steps| (asked.row + 1 + rule.then.len(), steps));
        [(asked.row, rule.then.as_slice())].into_iter().chain(otherwise)
    }

    fn row(&self, row: usize) -> &[u64] {
        let from = (row - self.first) * self.width;
        self.cells.get(from..from + self.width).unwrap_or_default()
    }

    fn row_mut(&mut self, row: usize) -> Option<&mut [u64]> {
        let from = (row - self.first) * self.width;
        self.cells.get_mut(from..from + self.width)
    }
}

/// How many rows a rule has.
pub(super) fn rows(rule: &Rule) -> usize {
    let otherwise = if rule.otherwise.is_empty() { 0 } else { 1 + rule.otherwise.len() };
    1 + rule.then.len() + otherwise
}

/// How many ways there are for a step to be sent.
fn channels(step: &Step) -> usize {
    match &step.action {
        Action::Message { channels, .. } => channels.len(),
        _ => 1,
    }
}

fn add(row: &mut [u64], verdicts: &Verdicts) {
    for (verdict, customers) in verdicts.iter() {
        let cell = match verdict {
            Verdict::Held(reason) => reason as usize,
            Verdict::Planned(channel) | Verdict::Waits(channel) => CHANNELS + usize::from(channel),
        };
        row.get_mut(cell).into_iter().for_each(|n| *n += customers.count() as u64);
    }
}

fn planned(row: &[u64]) -> impl Iterator<Item = u64> {
    row.iter().copied().skip(CHANNELS)
}

fn tally(row: &[u64], waits: bool) -> Tally {
    let held = Reason::ALL.into_iter().zip(row).map(|(reason, n)| (reason, *n));
    let mut tally = Tally { planned: planned(row).sum(), held: held.filter(|(_, n)| *n > 0).collect() };
    if waits && tally.planned > 0 {
        tally.held.insert(Reason::OverLimit, std::mem::take(&mut tally.planned));
    }
    tally
}
