//! Which rules a step decides: those whose schedules came since the step before, and all that wait for events.

use tidings_check::Program;
use tidings_check::program::Schedule;
use tidings_plan::schedule::occurrences;
use tidings_schema::Now;

/// When the rules of a program come, by step.
pub(crate) struct Due {
    /// By rule, the position of what its schedule comes to. None for those that wait for events.
    rules: Vec<Option<usize>>,
    /// What each schedule comes to; rules share most of them.
    schedules: Vec<Comes>,
}

/// In which steps a schedule comes.
struct Comes {
    /// Their positions, ascending.
    steps: Vec<usize>,
    /// Whether it comes several times in one of them.
    several: bool,
}

impl Due {
    /// Of steps that end at these moments, ascending, the first of which begins after `before`.
    pub fn of(program: &Program, before: i64, moments: &[Now]) -> Due {
        let mut known: Vec<&Schedule> = Vec::new();
        let mut schedules = Vec::new();
        let mut place = |schedule| {
            known.iter().position(|of| *of == schedule).unwrap_or_else(|| {
                known.push(schedule);
                schedules.push(comes(schedule, before, moments));
                schedules.len() - 1
            })
        };
        let rules = program.rules.iter().map(|rule| match &rule.schedule {
            Schedule::On(_) => None,
            schedule => Some(place(schedule)),
        });
        let rules = rules.collect();
        Due { rules, schedules }
    }

    /// The rules that a step decides, by their positions.
    pub fn at(&self, step: usize) -> Vec<usize> {
        let comes = |of: &Comes| of.steps.binary_search(&step).is_ok();
        let due = |i: &usize| self.rule(*i).is_none_or(comes);
        (0..self.rules.len()).filter(due).collect()
    }

    /// The rules that come several times in a step, which decides them once.
    pub fn several(&self) -> Vec<usize> {
        (0..self.rules.len()).filter(|i| self.rule(*i).is_some_and(|of| of.several)).collect()
    }

    fn rule(&self, rule: usize) -> Option<&Comes> {
        self.rules.get(rule).copied().flatten().and_then(|place| self.schedules.get(place))
    }
}

fn comes(schedule: &Schedule, before: i64, moments: &[Now]) -> Comes {
    let mut comes = Comes { steps: Vec::new(), several: false };
    let Some(last) = moments.last() else { return comes };
    for occurrence in occurrences(schedule, last.zone, before, last.micros) {
        let step = moments.partition_point(|now| now.micros < occurrence.at);
        if comes.steps.last() == Some(&step) {
            comes.several = true;
        } else {
            comes.steps.push(step);
        }
    }
    comes
}
