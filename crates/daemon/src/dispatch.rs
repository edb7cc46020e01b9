//! Taking what is due from the outbox to its carriers: claim, gate, deliver, settle, for as long as there is
//! something or until somebody says stop.
//!
//! Any number of dispatchers may share a state. Correctness rests on the outbox's commits alone; nothing here
//! has to survive a crash.

use crate::batch::{Lane, Left};
use crate::breaker::{Breaker, Leave};
use crate::pace::Pace;
use crate::stop::Stop;
use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tidings_plan::{Asked, Carrier, Door, Outcome, Status};
use tidings_store::{Doubt, Moves, Outlet, Recovered, State, StateError};
use tokio::sync::{Notify, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep};

/// How many batches of an outlet are under way at once: while some are claimed and written down, others leave.
const LANES: usize = 4;
/// How long nobody looks whether there is something new, where nobody says so.
const LOOK: Duration = Duration::from_secs(1);
/// The longest pause between tries to reach the state.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Takes sends from the outbox to their carriers.
pub struct Dispatcher {
    state: State,
    carriers: BTreeMap<Outlet, Arc<dyn Carrier>>,
    breakers: Breakers,
    worker: String,
    wake: Arc<Notify>,
    /// How long a claim holds before others may take it for lost. Held claims are renewed.
    pub lease: Duration,
    /// How long after the gate a send may still begin; later it goes back and through the gate again.
    pub first_byte: Duration,
    /// How long a drain waits, with no row coming to its end, for tries that are due later, for what others hold
    /// and for a state that is away.
    pub patience: Duration,
    /// What the policy holds against messages just before they leave; the default holds nothing.
    pub door: Door,
    /// How long a provider has to be down before its messages fall back on the next channels of their rules.
    pub fall_back_after: Duration,
    /// Ends it early.
    pub stop: Stop,
}

type Breakers = Arc<BTreeMap<Outlet, Mutex<Breaker>>>;

/// How a drain ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Drained {
    /// How many rows came to which state; `pending` are those that will be tried again.
    pub moves: Moves,
    /// Rows of lost workers that were taken over.
    pub recovered: Recovered,
    /// Outlets that rows wait for and that no carrier serves.
    pub unserved: Vec<Outlet>,
    /// Outlets whose providers failed time and again, and are left alone for a while.
    pub down: Vec<Outlet>,
    /// Why sending was stopped, if it was.
    pub stopped: Option<String>,
}

/// What the batches of a drain share.
pub(crate) struct Shared {
    pub(crate) state: State,
    pub(crate) lease: Duration,
    pub(crate) first_byte: Duration,
    pub(crate) door: Door,
    pub(crate) stop: Stop,
    breakers: Breakers,
    moves: Mutex<Moves>,
    progress: Box<dyn Fn(&Moves) + Send + Sync>,
}

impl Dispatcher {
    /// A dispatcher that claims in the name of `worker`, with a lease of 30 seconds, 10 seconds to the first byte,
    /// 90 seconds of patience, and 5 minutes until messages fall back.
    pub fn new(state: State, carriers: BTreeMap<Outlet, Arc<dyn Carrier>>, worker: &str) -> Dispatcher {
        Dispatcher {
            state,
            breakers: Arc::new(carriers.keys().map(|outlet| (outlet.clone(), Mutex::default())).collect()),
            carriers,
            worker: worker.into(),
            wake: Arc::default(),
            lease: Duration::from_secs(30),
            first_byte: Duration::from_secs(10),
            patience: Duration::from_secs(90),
            door: Door::default(),
            fall_back_after: Duration::from_secs(300),
            stop: Stop::default(),
        }
    }

    /// The state that it drains.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// What says that there is something new, so that it is not found a second later only.
    pub fn waker(&self) -> Arc<Notify> {
        self.wake.clone()
    }

    /// Outlets whose providers failed time and again, and are left alone for a while.
    pub fn down(&self) -> Vec<Outlet> {
        let now = Instant::now();
        let down = |b: &Mutex<Breaker>| held(b).open_for(now).is_some();
        self.breakers.iter().filter(|(_, b)| down(b)).map(|(outlet, _)| outlet.clone()).collect()
    }

    /// Sends what is due until nothing is, reporting how many rows came to which state. Where the state fails,
    /// what is leaving is seen through first.
    pub async fn drain(
        &self,
        progress: impl Fn(&Moves) + Send + Sync + 'static,
    ) -> Result<Drained, StateError> {
        self.go(Some(self.patience), progress).await
    }

    /// Sends what is due until somebody says stop, through all that passes: a state that is away is tried again.
    pub async fn keep(
        &self,
        progress: impl Fn(&Moves) + Send + Sync + 'static,
    ) -> Result<Drained, StateError> {
        self.go(None, progress).await
    }

    async fn go(
        &self,
        patience: Option<Duration>,
        progress: impl Fn(&Moves) + Send + Sync + 'static,
    ) -> Result<Drained, StateError> {
        let shared = Arc::new(Shared {
            state: self.state.clone(),
            lease: self.lease,
            first_byte: self.first_byte,
            door: self.door.clone(),
            stop: self.stop.clone(),
            breakers: self.breakers.clone(),
            moves: Mutex::default(),
            progress: Box::new(progress),
        });
        let mut drain = Drain {
            of: self,
            shared,
            patience,
            under_way: JoinSet::new(),
            lanes: self.lanes(),
            upkeep_at: Instant::now(),
            landed_since: false,
            ended: (0, Instant::now()),
            drained: Drained::default(),
            unwritten: None,
        };
        let ended = drain.go_on().await;
        while let Some(batch) = drain.under_way.join_next().await {
            drain.landed(batch);
        }
        let mut drained = drain.drained;
        drained.moves = drain.shared.moves();
        drained.down = self.down();
        match ended.and(drain.unwritten.map_or(Ok(()), Err)) {
            Err(StateError::Stopped(why)) => drained.stopped = Some(why),
            other => other?,
        }
        if patience.is_some() {
            let outlets = self.state.outlets().await?;
            drained.unserved = outlets.into_iter().filter(|o| !self.carriers.contains_key(o)).collect();
        }
        Ok(drained)
    }

    fn lanes(&self) -> BTreeMap<Outlet, Open> {
        let open = |carrier: &Arc<dyn Carrier>| Open {
            permits: Arc::new(Semaphore::new(carrier.concurrency().max(1))),
            free: LANES,
            pace: Pace::new(carrier.concurrency(), LANES, carrier.batch()),
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
    /// How large they are.
    pace: Pace,
}

/// A batch that has ended.
struct Landed {
    outlet: Outlet,
    left: Left,
    result: Result<(), StateError>,
}

struct Drain<'d> {
    of: &'d Dispatcher,
    shared: Arc<Shared>,
    /// How long it goes on without anything coming to its end; for ever where there is none.
    patience: Option<Duration>,
    under_way: JoinSet<Landed>,
    lanes: BTreeMap<Outlet, Open>,
    upkeep_at: Instant,
    /// Whether a batch has ended since the last upkeep, and may have left something to look into.
    landed_since: bool,
    /// How many rows had come to their end, and when that last changed.
    ended: (u64, Instant),
    drained: Drained,
    /// Why a batch could not be written down.
    unwritten: Option<StateError>,
}

impl Drain<'_> {
    /// Turn after turn, until there is nothing more to do or somebody says stop.
    async fn go_on(&mut self) -> Result<(), StateError> {
        let mut failures = 0;
        while !self.of.stop.wanted() {
            let pause = match self.turn().await {
                Ok(None) => return Ok(()),
                Ok(Some(pause)) => {
                    failures = 0;
                    pause
                }
                Err(error) if self.may_pass(&error) && self.waits_still(Duration::ZERO) => {
                    failures += 1;
                    if failures == 1 {
                        tracing::warn!(%error, "the state is away; trying again");
                    }
                    // What others held meanwhile is theirs to write down first.
                    self.upkeep_at = Instant::now() + self.of.lease;
                    LONGEST_PAUSE.min(Duration::from_millis(100) * failures)
                }
                Err(error) => return Err(error),
            };
            tokio::select! {
                Some(batch) = self.under_way.join_next() => self.landed(batch),
                () = sleep(pause) => {}
                () = self.of.wake.notified() => {}
                () = self.of.stop.wait() => {}
            }
        }
        Ok(())
    }

    /// Begins what can begin. Answers how long nothing more will be to do by itself; nothing where that is the end.
    async fn turn(&mut self) -> Result<Option<Duration>, StateError> {
        self.fill_lanes().await?;
        if Instant::now() >= self.upkeep_at || self.under_way.is_empty() && self.landed_since {
            self.upkeep().await?;
            (self.upkeep_at, self.landed_since) = (Instant::now() + LOOK, false);
            self.fill_lanes().await?;
        }
        if !self.under_way.is_empty() {
            return Ok(Some(LOOK));
        }
        let Some(next) = self.next_due().await? else {
            return Ok(self.patience.is_none().then_some(LOOK));
        };
        Ok(self.waits_still(next).then_some(next.clamp(Duration::from_millis(5), LOOK)))
    }

    /// Whether a wait is within the patience since something last came to its end.
    fn waits_still(&mut self, wait: Duration) -> bool {
        let ended = self.shared.ended();
        if ended != self.ended.0 {
            self.ended = (ended, Instant::now());
        }
        self.patience.is_none_or(|patience| self.ended.1.elapsed() + wait <= patience)
    }

    /// Claims a batch for each lane that is free, as long as there are rows.
    async fn fill_lanes(&mut self) -> Result<(), StateError> {
        for (outlet, carrier) in &self.of.carriers {
            let Some(open) = self.lanes.get_mut(outlet) else { continue };
            while open.free > 0 {
                let limit = match self.shared.leave(outlet) {
                    Leave::Free => open.pace.rows(),
                    Leave::Probe if open.free == LANES => 1,
                    Leave::Probe | Leave::Wait(_) => break,
                };
                let limit = u32::try_from(limit).unwrap_or(u32::MAX);
                let (worker, lease) = (&self.of.worker, self.of.lease);
                let claim = self.of.state.claim(worker, outlet, limit, lease, carrier.rate()).await?;
                if claim.rows.is_empty() {
                    break;
                }
                open.free -= 1;
                let lane = Lane {
                    shared: self.shared.clone(),
                    outlet: outlet.clone(),
                    carrier: carrier.clone(),
                    permits: open.permits.clone(),
                };
                self.under_way.spawn(async move {
                    let (left, result) = lane.carry(claim).await;
                    Landed { outlet: lane.outlet, left, result }
                });
            }
        }
        Ok(())
    }

    fn landed(&mut self, batch: Result<Landed, JoinError>) {
        let Landed { outlet, left: (rows, took), result } =
            batch.unwrap_or_else(|e| resume_unwind(e.into_panic()));
        self.landed_since = true;
        if let Some(open) = self.lanes.get_mut(&outlet) {
            open.free += 1;
            open.pace.took(rows, took);
        }
        if let Err(error) = result {
            tracing::error!(%error, channel = outlet.channel, "how a batch ended could not be written down");
            self.unwritten = Some(error);
        }
    }

    /// Whether an error can be waited out: by a daemon anything that somebody can mend while it runs.
    fn may_pass(&self, error: &StateError) -> bool {
        match error {
            StateError::Unreachable { .. } | StateError::Locked { .. } => true,
            StateError::Full { .. } | StateError::ReadOnly { .. } | StateError::Other { .. } => {
                self.patience.is_none()
            }
            _ => false,
        }
    }

    /// Takes over what lost workers held, makes changes, looks into what is unknown, and lets messages fall back whose
    /// provider has been down for long.
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
            if self.shared.down_for(outlet).is_some_and(|down| down >= self.of.fall_back_after) {
                self.shared.report(&self.of.state.fall_back(outlet, 1_000).await?);
            }
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

    /// When something will next be due, by itself or because a provider is tried again.
    async fn next_due(&self) -> Result<Option<Duration>, StateError> {
        let mut next = None;
        for (outlet, carrier) in &self.of.carriers {
            let due = self.of.state.next_due(outlet, carrier.rate()).await?;
            let due = due.map(|due| match self.shared.leave(outlet) {
                Leave::Wait(pause) => due.max(pause),
                Leave::Free | Leave::Probe => due,
            });
            next = [next, due].into_iter().flatten().min();
        }
        Ok(next)
    }
}

impl Shared {
    /// Counts and tells.
    pub(crate) fn report(&self, moves: &Moves) {
        if *moves != Moves::default() {
            let mut all = held(&self.moves);
            all.merge(moves);
            (self.progress)(&all);
        }
    }

    /// Takes in what a provider answered: whatever it says, it is there if it says something definite.
    pub(crate) fn heard(&self, outlet: &Outlet, outcome: &Outcome) {
        let well = matches!(outcome, Outcome::Sent { .. } | Outcome::Rejected(_));
        let Some(breaker) = self.breakers.get(outlet) else { return };
        if held(breaker).heard(well, Instant::now()) {
            match well {
                true => tracing::info!(channel = outlet.channel, "the provider is back"),
                false => tracing::error!(
                    channel = outlet.channel,
                    "the provider fails time and again; it is left alone for a while"
                ),
            }
        }
    }

    /// Whether a provider is to be left alone, so that what is claimed goes back untried.
    pub(crate) fn is_down(&self, outlet: &Outlet) -> bool {
        matches!(self.leave(outlet), Leave::Wait(_))
    }

    fn leave(&self, outlet: &Outlet) -> Leave {
        self.breakers.get(outlet).map_or(Leave::Free, |breaker| held(breaker).leave(Instant::now()))
    }

    fn down_for(&self, outlet: &Outlet) -> Option<Duration> {
        held(self.breakers.get(outlet)?).open_for(Instant::now())
    }

    fn moves(&self) -> Moves {
        held(&self.moves).clone()
    }

    fn ended(&self) -> u64 {
        self.moves().to.iter().filter(|(s, _)| s.ended()).map(|(_, n)| n).sum()
    }
}

/// What a lock guards; a panic elsewhere spoils none of it.
fn held<T>(lock: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}
