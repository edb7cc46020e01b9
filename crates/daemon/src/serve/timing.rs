//! Keeping to the schedules: a look at what is due, and another when the next thing is.

use super::{Duty, Event, Pause, Trouble};
use crate::schedule::Scheduler;
use crate::site::Site;
use std::sync::Arc;
use std::time::Duration;
use tidings_store::State;
use tokio::sync::{mpsc, watch as cell};
use tokio::time::sleep;

/// The longest time between two looks: clocks may be set, and other daemons lost.
const LONGEST: Duration = Duration::from_secs(10);

/// Runs what is due, with the program that is the project's at that moment, until it is told to stop.
pub(super) async fn keep_time(
    scheduler: Scheduler,
    mut site: cell::Receiver<Arc<Site>>,
    state: State,
    events: mpsc::Sender<Event>,
) -> &'static str {
    let mut pause = Pause::default();
    while !scheduler.stop.wanted() {
        let now = site.borrow_and_update().clone();
        let turned = scheduler.turn(&now, &state).await;
        let (result, rest) = match turned {
            Ok(turn) => {
                pause.over();
                let wait = turn.next.saturating_sub((scheduler.clock)());
                let wait = Duration::from_micros(u64::try_from(wait).unwrap_or(0)).min(LONGEST);
                (turn.failed.map_or(Ok(()), |why| Err(Trouble::of_another(why))), Some(wait))
            }
            Err(error) => (Err(error.into()), None),
        };
        events.send(Event::Worked(Duty::Timing, result)).await.ok();
        let rest = async {
            match rest {
                Some(wait) => sleep(wait).await,
                None => pause.after_failure().await,
            }
        };
        tokio::select! {
            () = rest => {}
            Ok(()) = site.changed() => {}
            () = scheduler.stop.wait() => {}
        }
    }
    "keeping time"
}
