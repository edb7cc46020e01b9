//! A run from its plan to its summary.

use crate::dispatch::{Dispatcher, Drained};
use std::collections::BTreeMap;
use tidings_plan::{Page, Status};
use tidings_store::{Enqueued, Moves, RunId, StateError};

/// What a run is of.
#[derive(Clone, Copy, Debug)]
pub struct RunOf<'a> {
    /// Its moment, in microseconds since 1970 UTC.
    pub at: i64,
    /// Why it runs: `by hand`, `schedule`.
    pub cause: &'a str,
    /// The fingerprint of the rules.
    pub program: &'a str,
}

/// What became of a run.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The run.
    pub run: RunId,
    /// What was new in its plan, and what was in the outbox already.
    pub enqueued: Enqueued,
    /// How many of its own new rows are in which state now: together as many as were new.
    pub states: BTreeMap<Status, u64>,
    /// What was dispatched, earlier runs' leftovers included.
    pub drained: Drained,
}

/// Writes the plan's pages into the outbox and sends what is due. A run that is cut short at any moment is taken
/// up by the next: pages that are there already change nothing, and what waits is sent.
pub async fn run(
    dispatcher: &Dispatcher,
    of: RunOf<'_>,
    pages: impl IntoIterator<Item = Page>,
    on_page: impl Fn(Enqueued),
    on_progress: impl Fn(&Moves) + Send + Sync + 'static,
) -> Result<Summary, StateError> {
    let state = dispatcher.state();
    let run = state.start_run(of.at, of.cause, of.program).await?;
    let mut enqueued = Enqueued::default();
    for page in pages {
        if dispatcher.stop.wanted() {
            break;
        }
        let page = state.enqueue(run, &page).await?;
        enqueued.inserted += page.inserted;
        enqueued.known += page.known;
        on_page(enqueued);
    }
    if !dispatcher.stop.wanted() {
        state.finish_run(run).await?;
    }
    let drained = dispatcher.drain(on_progress).await?;
    let mut states = BTreeMap::new();
    for count in state.outbox_counts(Some(run)).await? {
        *states.entry(count.status).or_default() += count.rows;
    }
    Ok(Summary { run, enqueued, states, drained })
}
