//! The mailboxes that bounces arrive in, looked into every minute.

use super::{Duty, Event, Trouble};
use crate::bounces::{BounceError, take_in};
use crate::site::Site;
use crate::stop::Stop;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tidings_channels::Clock;
use tidings_store::State;
use tokio::sync::{mpsc, watch as cell};
use tokio::time::sleep;

const EVERY: Duration = Duration::from_secs(60);

/// Looks into the mailbox of each channel until it is told to stop.
pub(super) async fn read(
    site: cell::Receiver<Arc<Site>>,
    state: State,
    events: mpsc::Sender<Event>,
    clock: Clock,
    stop: Stop,
) -> &'static str {
    while !stop.wanted() {
        let now = site.borrow().clone();
        let (mut of_state, mut others) = (None, Vec::new());
        for (channel, path) in now.carriers.return_paths() {
            let Some(mailbox) = path.mailbox() else { continue };
            let place = Place::of(&now.project.folder, channel);
            match take_in(&now, &state, mailbox, place.read(), clock()).await {
                Ok(taken) => place.keep(taken.next),
                Err(BounceError::State(e)) => of_state = Some(e),
                Err(e) => others.push(e.to_string()),
            }
        }
        let result = match of_state {
            Some(error) => Err(error.into()),
            None if others.is_empty() => Ok(()),
            None => Err(Trouble::of_another(others.join("; "))),
        };
        events.send(Event::Worked(Duty::Mailboxes, result)).await.ok();
        tokio::select! { () = sleep(EVERY) => {}, () = stop.wait() => {} }
    }
    "mailboxes"
}

/// Where it is kept how far an mbox was read. Lost, the mbox is read once more from its beginning.
struct Place(PathBuf);

impl Place {
    fn of(folder: &Path, channel: &str) -> Place {
        Place(folder.join(".tidings/mailboxes").join(channel))
    }

    fn read(&self) -> u64 {
        std::fs::read_to_string(&self.0).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
    }

    fn keep(&self, next: u64) {
        if next == self.read() {
            return;
        }
        let kept = self.0.parent().map_or(Ok(()), tidings_store::private::make_folder);
        if let Err(error) = kept.and_then(|()| std::fs::write(&self.0, next.to_string())) {
            tracing::warn!(%error, "how far the mailbox was read is not kept");
        }
    }
}
