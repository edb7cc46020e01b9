//! Sending: the dispatcher is kept draining, and what is in the outbox is counted now and then.

use super::{Duty, Event, Pause, Trouble, metrics};
use crate::dispatch::Drained;
use crate::site::Site;
use crate::stop::Stop;
use std::sync::Arc;
use std::time::Duration;
use tidings_store::{Moves, State};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

/// How long the outbox is left alone when nothing in it moved.
const IDLE: Duration = Duration::from_secs(1);
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
    let (mut pause, mut said) = (Pause::default(), Said::default());
    while !stop.wanted() {
        let drained = async {
            let mut dispatcher = site.dispatcher(&state).await?;
            dispatcher.stop = stop.clone();
            // Rows come in beside it, so it is never left waiting for one that is due later.
            dispatcher.patience = Duration::ZERO;
            dispatcher.drain(|_| {}).await
        };
        match drained.await {
            Ok(drained) => {
                pause.over();
                said.about(&drained);
                events.send(Event::Worked(Duty::Sending, Ok(()))).await.ok();
                if drained.moves == Moves::default() {
                    tokio::select! { () = sleep(IDLE) => {}, () = stop.wait() => {} }
                }
            }
            Err(e) => {
                events.send(Event::Worked(Duty::Sending, Err(e.into()))).await.ok();
                tokio::select! { () = pause.after_failure() => {}, () = stop.wait() => {} }
            }
        }
    }
    "sending"
}

/// What was said about the outbox, so that it is said when it changes and not with every look.
#[derive(Default)]
struct Said {
    unserved: Vec<String>,
    stopped: Option<String>,
}

impl Said {
    fn about(&mut self, drained: &Drained) {
        let ended: u64 = drained.moves.to.iter().filter(|(s, _)| s.ended()).map(|(_, n)| n).sum();
        if ended > 0 {
            let states: Vec<String> =
                drained.moves.to.iter().map(|(s, n)| format!("{} {n}", s.name())).collect();
            tracing::info!(states = states.join(", "), "dispatched");
        }
        let unserved: Vec<String> = drained.unserved.iter().map(|o| o.channel.clone()).collect();
        if unserved != self.unserved {
            for channel in &unserved {
                tracing::error!(channel, "nothing is configured for it, and sends wait for it");
            }
            self.unserved = unserved;
        }
        if drained.stopped != self.stopped {
            match &drained.stopped {
                Some(_) => tracing::warn!("sending is paused; `tidings resume` lets it go on"),
                None => tracing::info!("sending goes on"),
            }
            self.stopped.clone_from(&drained.stopped);
        }
    }
}

/// Counts the outbox for the metrics.
pub(super) async fn count(state: State, events: mpsc::Sender<Event>, stop: Stop) -> &'static str {
    while !stop.wanted() {
        let start = Instant::now();
        let counted = state.outbox_counts(None).await;
        let result = counted.map(|counts| metrics::outbox(&counts)).map_err(Trouble::from);
        events.send(Event::Worked(Duty::Counting, result)).await.ok();
        // Counting takes a twentieth of the time at most.
        let rest = COUNT.max(start.elapsed() * 20);
        tokio::select! { () = sleep(rest) => {}, () = stop.wait() => {} }
    }
    "counting"
}
