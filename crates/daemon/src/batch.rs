//! One batch on its way: prepare, gate, deliver, settle.
//!
//! Nothing that has left is forgotten because the state fails meanwhile: how it ended is kept and written down when
//! the state is back, and nothing more begins until then.

use crate::dispatch::Shared;
use std::collections::{HashMap, HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::Duration;
use tidings_plan::{Carrier, Key, Outcome, Sending};
use tidings_store::{Claim, Claimed, Moves, Outlet, State, StateError, Token};
use tokio::sync::Semaphore;
use tokio::task::{Id, JoinError, JoinHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};

/// How long it is tried to write down how deliveries ended, where nobody wants to stop, and how often.
const KEEP_TRYING: Duration = Duration::from_secs(600);
const TRY_EVERY: Duration = Duration::from_millis(500);

/// Where batches of an outlet go.
pub(crate) struct Lane {
    pub(crate) shared: Arc<Shared>,
    pub(crate) outlet: Outlet,
    pub(crate) carrier: Arc<dyn Carrier>,
    pub(crate) permits: Arc<Semaphore>,
}

/// How many deliveries of a batch were begun, and how long it took from the gate's end until the last of them had ended.
pub(crate) type Left = (usize, Duration);

/// How one delivery ended: with an outcome, or before it began.
type Delivered = Option<Outcome>;

/// A batch that is through the gate.
struct Batch {
    token: Token,
    /// A moment just before the gate.
    gated: Instant,
    /// The moment just after it.
    open: Instant,
    left: Left,
    queue: VecDeque<(Sending, String)>,
    under_way: JoinSet<(Key, Delivered)>,
    /// Whose delivery a task is, for those that break down.
    tasks: HashMap<Id, Key>,
    /// How deliveries ended, as far as it is not written down.
    outcomes: Vec<(Key, Outcome)>,
    /// What never left and is not given back yet.
    back: Vec<Key>,
    /// What is being written down.
    writing: Option<JoinHandle<Written>>,
    /// Since when the state has failed, and its last word.
    failing: Option<(Instant, StateError)>,
}

impl Lane {
    /// Sees a claim through. An error is the state's; what was not written down is then in the hands of the lease.
    pub(crate) async fn carry(&self, claim: Claim) -> (Left, Result<(), StateError>) {
        let now = Instant::now();
        let mut batch = Batch {
            token: claim.token,
            gated: now,
            open: now,
            left: Left::default(),
            queue: VecDeque::new(),
            under_way: JoinSet::new(),
            tasks: HashMap::new(),
            outcomes: Vec::new(),
            back: claim.rows.iter().map(|row| row.sending.key).collect(),
            writing: None,
            failing: None,
        };
        if !self.shared.stop.wanted() {
            match self.gate(claim).await {
                Ok(open) => {
                    batch.back.clear();
                    batch.queue = open;
                }
                // Whether its commit came through nobody knows, but nothing has left.
                Err(error) => batch.failing = Some((Instant::now(), error)),
            }
        }
        batch.open = Instant::now();
        let result = self.deliver(&mut batch).await;
        (batch.left, result)
    }

    /// What may leave now.
    async fn gate(&self, claim: Claim) -> Result<VecDeque<(Sending, String)>, StateError> {
        let Shared { state, lease, door, .. } = &*self.shared;
        let prepared: Vec<_> = claim.rows.iter().map(|row| (row.sending.key, self.prepare(row))).collect();
        let policy = self.carrier.on_unknown();
        let gate =
            state.gate(claim.token, &prepared, policy, *lease, door, self.carrier.domain_rates()).await?;
        self.shared.report(&gate.refused);
        let open: HashSet<Key> = gate.open.into_iter().collect();
        let ready = claim.rows.into_iter().zip(prepared).filter(|(row, _)| open.contains(&row.sending.key));
        Ok(ready.filter_map(|(row, (_, payload))| Some((row.sending, payload.ok()?))).collect())
    }

    /// What leaves: what was prepared for it before, or else what the carrier makes of it now.
    fn prepare(&self, row: &Claimed) -> Result<String, String> {
        if let Some(payload) = &row.payload {
            return Ok(payload.clone());
        }
        catch_unwind(AssertUnwindSafe(|| self.carrier.prepare(&row.sending, row.grant.as_ref())))
            .unwrap_or_else(|_| Err("preparing it broke down".into()))
    }

    async fn deliver(&self, batch: &mut Batch) -> Result<(), StateError> {
        let Shared { state, lease, stop, .. } = &*self.shared;
        let beat = *lease / 3;
        let mut beats = interval_at(Instant::now() + beat, beat);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let late = batch.gated.elapsed() >= self.shared.first_byte;
            if stop.wanted() || late || batch.failing.is_some() || self.shared.is_down(&self.outlet) {
                batch.back.extend(batch.queue.drain(..).map(|(sending, _)| sending.key));
            }
            if batch.failing.is_none() {
                self.write_down(batch);
            }
            if batch.queue.is_empty() && batch.under_way.is_empty() && batch.writing.is_none() {
                if batch.outcomes.is_empty() && batch.back.is_empty() {
                    return Ok(());
                }
                let limit = if stop.wanted() { *lease } else { KEEP_TRYING };
                if let Some((_, error)) = batch.failing.take_if(|(since, _)| since.elapsed() >= limit) {
                    return Err(error);
                }
            }
            tokio::select! {
                biased;
                written = ended(&mut batch.writing) => self.written(batch, written),
                Some(first) = batch.under_way.join_next_with_id() => self.landed(batch, first),
                Ok(permit) = self.permits.clone().acquire_owned(), if !batch.queue.is_empty() => {
                    self.start(batch, permit);
                }
                _ = beats.tick(), if batch.failing.is_none() => {
                    if let Err(error) = state.renew(batch.token, *lease).await {
                        batch.failing = Some((Instant::now(), error));
                    }
                }
                () = sleep(TRY_EVERY), if batch.failing.is_some() && batch.writing.is_none() => {
                    self.write_down(batch);
                    // Where there is nothing to write, the lease is what has to be held.
                    if batch.writing.is_none() && state.renew(batch.token, *lease).await.is_ok() {
                        batch.failing = None;
                    }
                }
                () = stop.wait(), if !batch.queue.is_empty() => {}
            }
        }
    }

    fn start(&self, batch: &mut Batch, permit: tokio::sync::OwnedSemaphorePermit) {
        let Some((sending, payload)) = batch.queue.pop_front() else { return };
        let (carrier, gated, limit) = (self.carrier.clone(), batch.gated, self.shared.first_byte);
        let key = sending.key;
        let task = batch.under_way.spawn(async move {
            let _permit = permit;
            if gated.elapsed() >= limit {
                return (key, None);
            }
            (key, Some(carrier.deliver(&sending, &payload).await))
        });
        batch.tasks.insert(task.id(), key);
    }

    /// Takes in the delivery that has ended, and with it all others that have by now.
    fn landed(&self, batch: &mut Batch, first: Result<(Id, (Key, Delivered)), JoinError>) {
        let mut next = Some(first);
        while let Some(done) = next {
            match done {
                Ok((_, (key, Some(outcome)))) => {
                    batch.left = (batch.left.0 + 1, batch.open.elapsed());
                    self.shared.heard(&self.outlet, &outcome);
                    batch.outcomes.push((key, outcome));
                }
                Ok((_, (key, None))) => batch.back.push(key),
                Err(e) => {
                    let broken = || Outcome::Unknown("the channel broke down while it was leaving".into());
                    batch.outcomes.extend(batch.tasks.get(&e.id()).map(|key| (*key, broken())));
                }
            }
            next = batch.under_way.try_join_next_with_id();
        }
    }

    /// Begins to write down what has ended and to give back what never left, one commit at a time: what ends
    /// meanwhile goes into the next.
    fn write_down(&self, batch: &mut Batch) {
        if batch.writing.is_some() || batch.outcomes.is_empty() && batch.back.is_empty() {
            return;
        }
        let (state, token) = (self.shared.state.clone(), batch.token);
        let (outcomes, back) = (std::mem::take(&mut batch.outcomes), std::mem::take(&mut batch.back));
        batch.writing = Some(tokio::spawn(async move {
            let mut written = Written { outcomes, back, moves: Moves::default(), error: None };
            written.error = written.commit(&state, token).await.err();
            written
        }));
    }

    /// Takes in how the writing went.
    fn written(&self, batch: &mut Batch, written: Written) {
        self.shared.report(&written.moves);
        batch.outcomes.extend(written.outcomes);
        batch.back.extend(written.back);
        batch.failing = written.error.map(|error| {
            let since = batch.failing.take().map_or_else(Instant::now, |(since, _)| since);
            (since, error)
        });
    }
}

/// What is written down in one go; what stands in it afterwards was not.
struct Written {
    outcomes: Vec<(Key, Outcome)>,
    back: Vec<Key>,
    moves: Moves,
    error: Option<StateError>,
}

impl Written {
    async fn commit(&mut self, state: &State, token: Token) -> Result<(), StateError> {
        if !self.back.is_empty() {
            self.moves.merge(&state.release(token, &self.back).await?);
            self.back.clear();
        }
        if !self.outcomes.is_empty() {
            self.moves.merge(&state.settle(token, &self.outcomes).await?);
            self.outcomes.clear();
        }
        Ok(())
    }
}

/// Waits for what is being written; for ever where nothing is.
async fn ended(writing: &mut Option<JoinHandle<Written>>) -> Written {
    match writing {
        None => std::future::pending().await,
        Some(task) => {
            let written = task.await;
            *writing = None;
            written.unwrap_or_else(|e| resume_unwind(e.into_panic()))
        }
    }
}
