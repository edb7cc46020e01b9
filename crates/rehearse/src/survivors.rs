//! Which changes to the rules no test notices.

use crate::file::TestFile;
use crate::mutants::{Mutant, Mutants};
use crate::rehearsal::Rehearsal;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use tidings_plan::{Addresses, Supplies};

/// What became of all changes.
#[derive(Clone, Debug, Default)]
pub struct Survivors<'m> {
    /// How many made a program and were noticed.
    pub noticed: usize,
    /// Those that no test noticed, in the order of the text.
    pub left: Vec<&'m Mutant>,
}

/// Carries the tests out under every change. `done` is called after each with how many there are in all.
pub fn survivors<'m>(
    mutants: &'m Mutants<'_>,
    files: &[TestFile<'_>],
    (project, addresses, supplies): (&str, &dyn Addresses, &Supplies),
    threads: usize,
    done: impl Fn(usize) + Sync,
) -> Survivors<'m> {
    let next = AtomicUsize::new(0);
    let found: Mutex<Survivors<'m>> = Mutex::default();
    let work = || {
        // The test that noticed the last change often notices the next one.
        let mut order: Vec<(usize, usize)> = files
            .iter()
            .enumerate()
            .flat_map(|(f, file)| (0..file.tests.len()).map(move |t| (f, t)))
            .collect();
        while let Some(mutant) = mutants.all.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Some(program) = mutants.program(mutant) {
                let rehearsal = Rehearsal::new(&program, project, addresses, supplies);
                let notices = |(f, t): &(usize, usize)| {
                    let test = files.get(*f).and_then(|file| file.tests.get(*t));
                    test.is_some_and(|test| !rehearsal.passes(test))
                };
                let by = order.iter().position(notices);
                let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                match by {
                    Some(by) => {
                        found.noticed += 1;
                        if let Some(first) = order.get_mut(..=by) {
                            first.rotate_right(1);
                        }
                    }
                    None => found.left.push(mutant),
                }
            }
            done(mutants.all.len());
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, 8) {
            scope.spawn(work);
        }
    });
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.left.sort_by_key(|mutant| mutant.place);
    found
}
