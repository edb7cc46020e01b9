//! Draining the outbox: every row that is due goes through claim, gate and carrier, until nothing is.
//!
//! Any number of dispatchers may share a state. Correctness rests on the outbox's commits alone; nothing here
//! has to survive a crash.

use crate::batch::Lane;
use crate::stop::Stop;
use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tidings_plan::{Asked, Carrier, Status};
use tidings_store::{Doubt, Moves, Outlet, Recovered, State, StateError};
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep};

/// How many batches of an outlet are under way at once: while one is written down, the other leaves.
const LANES: usize = 2;

/// Takes sends from the outbox to their carriers.
pub struct Dispatcher {
    state: State,
    carriers: BTreeMap<Outlet, Arc<dyn Carrier>>,
    worker: String,
    /// How long a claim holds before others may take it for lost. Held claims are renewed.
    pub lease: Duration,
    /// How long after the gate a send may still begin; later it goes back and through the gate again.
    pub first_byte: Duration,
    /// How long to wait, with no row coming to its end, for tries that are due later and for what others hold.
    pub patience: Duration,
    /// Ends the drain early.
    pub stop: Stop,
}

/// How a drain ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Drained {
    /// How many rows came to which state; `pending` are those that will be tried again.
    pub moves: Moves,
    /// Rows of lost workers that were taken over.
    pub recovered: Recovered,
    /// Outlets that rows wait for and that no carrier serves.
    pub unserved: Vec<Outlet>,
    /// Why sending was stopped, if it was.
    pub stopped: Option<String>,
}

/// What the batches of a drain share.
pub(crate) struct Shared {
    pub(crate) state: State,
    pub(crate) lease: Duration,
    pub(crate) first_byte: Duration,
    pub(crate) stop: Stop,
    moves: Mutex<Moves>,
    progress: Box<dyn Fn(&Moves) + Send + Sync>,
}

impl Dispatcher {
    /// A dispatcher that claims in the name of `worker`, with a lease of 30 seconds, 10 seconds to the first byte
    /// and 90 seconds of patience.
    pub fn new(state: State, carriers: BTreeMap<Outlet, Arc<dyn Carrier>>, worker: &str) -> Dispatcher {
        Dispatcher {
            state,
            carriers,
            worker: worker.into(),
            lease: Duration::from_secs(30),
            first_byte: Duration::from_secs(10),
            patience: Duration::from_secs(90),
            stop: Stop::default(),
        }
    }

    /// The state that it drains.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Sends what is due until nothing is, reporting how many rows came to which state. Where the state fails,
    /// what is leaving is seen through first.
    pub async fn drain(
        &self,
        progress: impl Fn(&Moves) + Send + Sync + 'static,
    ) -> Result<Drained, StateError> {
        let shared = Arc::new(Shared {
            state: self.state.clone(),
            lease: self.lease,
            first_byte: self.first_byte,
            stop: self.stop.clone(),
            moves: Mutex::default(),
            progress: Box::new(progress),
        });
        let mut drain = Drain {
            of: self,
            shared,
            under_way: JoinSet::new(),
            lanes: self.lanes(),
            drained: Drained::default(),
        };
        let ended = drain.go_on().await;
        while let Some(batch) = drain.under_way.join_next().await {
            drain.landed(batch).ok();
        }
        let mut drained = drain.drained;
        drained.moves = drain.shared.moves();
        match ended {
            Err(StateError::Stopped(why)) => drained.stopped = Some(why),
            other => other?,
        }
        let outlets = self.state.outlets().await?;
        drained.unserved = outlets.into_iter().filter(|o| !self.carriers.contains_key(o)).collect();
        Ok(drained)
    }

    fn lanes(&self) -> BTreeMap<Outlet, Open> {
        let open = |carrier: &Arc<dyn Carrier>| Open {
            permits: Arc::new(Semaphore::new(carrier.concurrency().max(1))),
            free: LANES,
        };
        self.carriers.iter().map(|(outlet, carrier)| (outlet.clone(), open(carrier))).collect()
    }
}

/// An outlet during a drain.
struct Open {
    /// How many sends may be under way at once.
    permits: Arc<Semaphore>,
    /// How many batches may begin.
    free: usize,
}

struct Drain<'d> {
    of: &'d Dispatcher,
    shared: Arc<Shared>,
    under_way: JoinSet<(Outlet, Result<(), StateError>)>,
    lanes: BTreeMap<Outlet, Open>,
    drained: Drained,
}

impl Drain<'_> {
    async fn go_on(&mut self) -> Result<(), StateError> {
        self.upkeep().await?;
        let (mut ended, mut since) = (0, Instant::now());
        while !self.of.stop.wanted() {
            self.fill_lanes().await?;
            if let Some(batch) = self.under_way.join_next().await {
                self.landed(batch)?;
                continue;
            }
            self.upkeep().await?;
            let now_ended = self.shared.ended();
            if now_ended != ended {
                (ended, since) = (now_ended, Instant::now());
            }
            match self.next_due().await? {
                Some(wait) if since.elapsed() + wait <= self.of.patience => {
                    tokio::select! { () = sleep(wait) => {}, () = self.of.stop.wait() => {} }
                }
                _ => break,
            }
        }
        Ok(())
    }

    /// Claims a batch for each lane that is free, as long as there are rows.
    async fn fill_lanes(&mut self) -> Result<(), StateError> {
        for (outlet, carrier) in &self.of.carriers {
            let Some(open) = self.lanes.get_mut(outlet) else { continue };
            while open.free > 0 {
                let limit = u32::try_from(carrier.batch().max(1)).unwrap_or(u32::MAX);
                let claim = self.of.state.claim(&self.of.worker, outlet, limit, self.of.lease).await?;
                if claim.rows.is_empty() {
                    break;
                }
                open.free -= 1;
                let lane = Lane {
                    shared: self.shared.clone(),
                    carrier: carrier.clone(),
                    permits: open.permits.clone(),
                };
                let outlet = outlet.clone();
                self.under_way.spawn(async move { (outlet, lane.carry(claim).await) });
            }
        }
        Ok(())
    }

    fn landed(
        &mut self,
        batch: Result<(Outlet, Result<(), StateError>), JoinError>,
    ) -> Result<(), StateError> {
        let (outlet, result) = batch.unwrap_or_else(|e| resume_unwind(e.into_panic()));
        if let Some(open) = self.lanes.get_mut(&outlet) {
            open.free += 1;
        }
        result
    }

    /// Takes over what lost workers held, makes changes, and looks into what is unknown.
    async fn upkeep(&mut self) -> Result<(), StateError> {
        let recovered = self.of.state.recover().await?;
        self.drained.recovered.add(recovered);
        self.shared.report(&Moves::of(Status::Quarantined, recovered.quarantined));
        loop {
            let changed = self.of.state.apply_changes().await?;
            if changed == Moves::default() {
                break;
            }
            self.shared.report(&changed);
        }
        for (outlet, carrier) in &self.of.carriers {
            let (moves, doubts) = self.of.state.resolve(outlet, carrier.on_unknown()).await?;
            self.shared.report(&moves);
            self.ask(carrier, outlet, doubts).await?;
        }
        Ok(())
    }

    /// Asks the receiver about each doubt and writes the answers down as they come.
    async fn ask(
        &self,
        carrier: &Arc<dyn Carrier>,
        outlet: &Outlet,
        doubts: Vec<Doubt>,
    ) -> Result<(), StateError> {
        let Some(open) = self.lanes.get(outlet) else { return Ok(()) };
        let mut asking = JoinSet::new();
        for doubt in doubts {
            let (carrier, permits) = (carrier.clone(), open.permits.clone());
            asking.spawn(async move {
                let _permit = permits.acquire().await;
                (doubt, carrier.ask(doubt.key).await)
            });
        }
        while let Some(answer) = asking.join_next().await {
            let (doubt, asked): (Doubt, Asked) = answer.unwrap_or_else(|e| resume_unwind(e.into_panic()));
            self.shared.report(&self.of.state.answered(doubt, &asked).await?);
        }
        Ok(())
    }

    async fn next_due(&self) -> Result<Option<Duration>, StateError> {
        let mut next = None;
        for outlet in self.of.carriers.keys() {
            let due = self.of.state.next_due(outlet).await?;
            next = [next, due].into_iter().flatten().min();
        }
        Ok(next)
    }
}

impl Shared {
    /// Counts and tells.
    pub(crate) fn report(&self, moves: &Moves) {
        if *moves != Moves::default() {
            let mut all = self.moves.lock().unwrap_or_else(PoisonError::into_inner);
            all.merge(moves);
            (self.progress)(&all);
        }
    }

    fn moves(&self) -> Moves {
        self.moves.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn ended(&self) -> u64 {
        self.moves().to.iter().filter(|(s, _)| s.ended()).map(|(_, n)| n).sum()
    }
}
