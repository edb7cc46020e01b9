//! One batch on its way: prepare, gate, deliver, settle.

use crate::dispatch::Shared;
use std::collections::{HashMap, HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use tidings_plan::{Carrier, Key, Outcome, Sending};
use tidings_store::{Claim, Claimed, Moves, StateError, Token};
use tokio::sync::Semaphore;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

/// Where batches of an outlet go.
pub(crate) struct Lane {
    pub(crate) shared: Arc<Shared>,
    pub(crate) carrier: Arc<dyn Carrier>,
    pub(crate) permits: Arc<Semaphore>,
}

/// How one delivery ended: with an outcome, or before it began.
type Delivered = Option<Outcome>;

/// A batch that is through the gate.
struct Batch {
    token: Token,
    /// A moment just before the gate.
    gated: Instant,
    queue: VecDeque<(Sending, String)>,
    under_way: JoinSet<(Key, Delivered)>,
    /// Whose delivery a task is, for those that break down.
    tasks: HashMap<Id, Key>,
}

impl Lane {
    /// Sees a claim through. Where the state fails, what has left already is in the hands of the lease.
    pub(crate) async fn carry(&self, claim: Claim) -> Result<(), StateError> {
        let Shared { state, lease, stop, .. } = &*self.shared;
        if stop.wanted() {
            let keys: Vec<Key> = claim.rows.iter().map(|r| r.sending.key).collect();
            return state.release(claim.token, &keys).await.map(|moves| self.shared.report(&moves));
        }
        let prepared: Vec<_> = claim.rows.iter().map(|row| (row.sending.key, self.prepare(row))).collect();
        let gated = Instant::now();
        let gate = state.gate(claim.token, &prepared, self.carrier.on_unknown(), *lease).await?;
        self.shared.report(&gate.refused);
        let open: HashSet<Key> = gate.open.into_iter().collect();
        let ready = claim.rows.into_iter().zip(prepared).filter(|(row, _)| open.contains(&row.sending.key));
        let queue = ready.filter_map(|(row, (_, payload))| Some((row.sending, payload.ok()?))).collect();
        let batch =
            Batch { token: claim.token, gated, queue, under_way: JoinSet::new(), tasks: HashMap::new() };
        self.deliver(batch).await
    }

    /// What leaves: what was prepared for it before, or else what the carrier makes of it now.
    fn prepare(&self, row: &Claimed) -> Result<String, String> {
        if let Some(payload) = &row.payload {
            return Ok(payload.clone());
        }
        catch_unwind(AssertUnwindSafe(|| self.carrier.prepare(&row.sending, row.grant.as_ref())))
            .unwrap_or_else(|_| Err("preparing it broke down".into()))
    }

    async fn deliver(&self, mut batch: Batch) -> Result<(), StateError> {
        let Shared { state, lease, stop, .. } = &*self.shared;
        let beat = *lease / 3;
        let mut beats = interval_at(Instant::now() + beat, beat);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if stop.wanted() || batch.gated.elapsed() >= self.shared.first_byte {
                let keys: Vec<Key> = batch.queue.drain(..).map(|(sending, _)| sending.key).collect();
                self.release(batch.token, &keys).await?;
            }
            if batch.queue.is_empty() && batch.under_way.is_empty() {
                return Ok(());
            }
            tokio::select! {
                biased;
                Some(first) = batch.under_way.join_next_with_id() => self.settle(&mut batch, first).await?,
                Ok(permit) = self.permits.clone().acquire_owned(), if !batch.queue.is_empty() => {
                    self.start(&mut batch, permit);
                }
                _ = beats.tick() => drop(state.renew(batch.token, *lease).await?),
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

    /// Writes down the delivery that has ended, and with it all others that have by now.
    async fn settle(
        &self,
        batch: &mut Batch,
        first: Result<(Id, (Key, Delivered)), JoinError>,
    ) -> Result<(), StateError> {
        let (mut outcomes, mut never_left) = (Vec::new(), Vec::new());
        let mut next = Some(first);
        while let Some(done) = next {
            match done {
                Ok((_, (key, Some(outcome)))) => outcomes.push((key, outcome)),
                Ok((_, (key, None))) => never_left.push(key),
                Err(e) => {
                    let broken = || Outcome::Unknown("the channel broke down while it was leaving".into());
                    outcomes.extend(batch.tasks.get(&e.id()).map(|key| (*key, broken())));
                }
            }
            next = batch.under_way.try_join_next_with_id();
        }
        self.release(batch.token, &never_left).await?;
        let moves = self.shared.state.settle(batch.token, &outcomes).await?;
        self.shared.report(&moves);
        Ok(())
    }

    async fn release(&self, token: Token, keys: &[Key]) -> Result<(), StateError> {
        if !keys.is_empty() {
            let moves: Moves = self.shared.state.release(token, keys).await?;
            self.shared.report(&moves);
        }
        Ok(())
    }
}
