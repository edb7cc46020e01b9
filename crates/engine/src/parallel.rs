//! The same work for each chunk, on several threads.

use crate::chunk::Chunk;
use std::borrow::Cow;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Chunks that are there, or that are made when they are asked for, where they do not all fit into memory.
pub trait Chunks: Sync {
    /// Why one cannot be made.
    type Error: Send;

    /// How many there are.
    fn count(&self) -> usize;

    /// One of them, by its place in the order of the customers' keys, which is less than [`Chunks::count`]. It may be asked
    /// for more than once, and is the same each time.
    fn chunk(&self, i: usize) -> Result<Cow<'_, Chunk>, Self::Error>;
}

impl Chunks for [Chunk] {
    type Error = Infallible;

    fn count(&self) -> usize {
        self.len()
    }

    fn chunk(&self, i: usize) -> Result<Cow<'_, Chunk>, Infallible> {
        let nobody =
            || Chunk { keys: Vec::<&str>::new().into(), attributes: Vec::new(), collections: Vec::new() };
        Ok(self.get(i).map_or_else(|| Cow::Owned(nobody()), Cow::Borrowed))
    }
}

/// What `work` makes of each chunk, in the chunks' order whichever thread did it. Each thread has a desk of its own, and no
/// more chunks than threads are made at a time.
pub(crate) fn each<C: Chunks + ?Sized, R: Send, D>(
    chunks: &C,
    threads: usize,
    desk: impl Fn() -> D + Sync,
    work: impl Fn(&Chunk, &mut D) -> R + Sync,
) -> Result<Vec<R>, C::Error> {
    let count = chunks.count();
    if threads <= 1 || count <= 1 {
        let mut desk = desk();
        return (0..count).map(|i| Ok(work(chunks.chunk(i)?.as_ref(), &mut desk))).collect();
    }
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let worker = || {
        let (mut done, mut desk) = (Vec::new(), desk());
        while let i = next.fetch_add(1, Ordering::Relaxed)
            && i < count
            && !failed.load(Ordering::Relaxed)
        {
            let result = chunks.chunk(i).map(|chunk| work(chunk.as_ref(), &mut desk));
            failed.fetch_or(result.is_err(), Ordering::Relaxed);
            done.push((i, result));
        }
        done
    };
    let mut done: Vec<(usize, Result<R, C::Error>)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.min(count)).map(|_| scope.spawn(worker)).collect();
        let results = workers.into_iter().map(|worker| match worker.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        results.flatten().collect()
    });
    done.sort_unstable_by_key(|(i, _)| *i);
    done.into_iter().map(|(_, result)| result).collect()
}
