//! The same work for each chunk, on several threads.

use std::sync::atomic::{AtomicUsize, Ordering};

/// What `work` makes of each item, in the items' order whichever thread did it. Each thread has a desk of its own.
pub(crate) fn each<T: Sync, R: Send, D>(
    items: &[T],
    threads: usize,
    desk: impl Fn() -> D + Sync,
    work: impl Fn(&T, &mut D) -> R + Sync,
) -> Vec<R> {
    if threads <= 1 || items.len() <= 1 {
        let mut desk = desk();
        return items.iter().map(|item| work(item, &mut desk)).collect();
    }
    let next = AtomicUsize::new(0);
    let worker = || {
        let (mut done, mut desk) = (Vec::new(), desk());
        while let i = next.fetch_add(1, Ordering::Relaxed)
            && let Some(item) = items.get(i)
        {
            done.push((i, work(item, &mut desk)));
        }
        done
    };
    let mut done: Vec<(usize, R)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.min(items.len())).map(|_| scope.spawn(worker)).collect();
        let results = workers.into_iter().map(|worker| match worker.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        results.flatten().collect()
    });
    done.sort_unstable_by_key(|(i, _)| *i);
    done.into_iter().map(|(_, result)| result).collect()
}
