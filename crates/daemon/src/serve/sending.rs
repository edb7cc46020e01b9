//! Sending, and watching what is sent: which providers are down, what is paused, how much waits.

use super::{Duty, Event, Pause, Trouble};
use crate::dispatch::Dispatcher;
use crate::metrics;
use crate::site::Site;
use crate::stop::Stop;
use std::sync::Arc;
use std::time::Duration;
use tidings_store::{HoldState, Outlet, State, StateError};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

/// How often it is looked whether the state answers.
const LOOK: Duration = Duration::from_secs(2);
/// How often the outbox is counted; less often where that takes long.
const COUNT: Duration = Duration::from_secs(15);

/// Takes what waits to where it goes, by one program's carriers, until it is told to stop; then what is leaving is
/// seen through.
pub(super) async fn send(
    site: Arc<Site>,
    state: State,
    events: mpsc::Sender<Event>,
    stop: Stop,
) -> &'static str {
    let mut pause = Pause::default();
    while !stop.wanted() {
        let kept = async {
            let mut dispatcher = site.dispatcher(&state).await?;
            dispatcher.stop = stop.clone();
            tokio::select! {
                kept = dispatcher.keep(|_| {}) => kept.map(drop),
                error = observe(&site, &state, &dispatcher, &events) => Err(error),
            }
        };
        match kept.await {
            Ok(()) => tokio::select! { () = sleep(LOOK) => pause.over(), () = stop.wait() => {} },
            Err(error) => {
                events.send(Event::Worked(Duty::Sending, Err(error.into()))).await.ok();
                tokio::select! { () = pause.after_failure() => {}, () = stop.wait() => {} }
            }
        }
    }
    "sending"
}

/// Counts which providers are down (the dispatcher says so), and says what nothing is configured for, when that
/// changes. Never ends but with an error.
async fn observe(
    site: &Site,
    state: &State,
    dispatcher: &Dispatcher,
    events: &mpsc::Sender<Event>,
) -> StateError {
    let (mut down, mut unserved): (Vec<Outlet>, Vec<Outlet>) = Default::default();
    loop {
        sleep(LOOK).await;
        let now = dispatcher.down();
        metrics::down(&down, &now);
        down = now;
        // A state that is away is waited for by the dispatcher.
        let Ok(outlets) = state.outlets().await else { continue };
        let now: Vec<Outlet> = outlets.into_iter().filter(|o| site.carrier(o).is_none()).collect();
        for outlet in now.iter().filter(|o| !unserved.contains(o)) {
            tracing::error!(channel = outlet.channel, "nothing is configured for it, and sends wait for it");
        }
        unserved = now;
        events.send(Event::Worked(Duty::Sending, Ok(()))).await.ok();
    }
}

/// Looks whether the state answers, what is paused, and now and then how much is in the outbox.
pub(super) async fn look(state: State, events: mpsc::Sender<Event>, stop: Stop) -> &'static str {
    let (mut paused, mut count_at) = (Vec::new(), Instant::now());
    while !stop.wanted() {
        let looked = async {
            let now = state.pauses().await?;
            if now != paused {
                let scopes: Vec<String> = now.iter().map(|p| format!("{:?}", p.scope)).collect();
                tracing::warn!(paused = scopes.join(", "), "what is paused has changed");
                paused = now;
            }
            let holds = state.holds().await?;
            metrics::held(holds.iter().filter(|h| h.state == HoldState::Waiting).count());
            if Instant::now() >= count_at {
                let start = Instant::now();
                metrics::outbox(&state.outbox_counts(None).await?, &state.oldest_due().await?);
                // Counting takes a twentieth of the time at most.
                count_at = Instant::now() + COUNT.max(start.elapsed() * 20);
            }
            Ok(())
        };
        let looked: Result<(), StateError> = looked.await;
        events.send(Event::Worked(Duty::Looking, looked.map_err(Trouble::from))).await.ok();
        tokio::select! { () = sleep(LOOK) => {}, () = stop.wait() => {} }
    }
    "looking"
}
