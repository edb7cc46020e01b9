//! A wish to end.

use tokio::sync::watch;

/// A wish to end, shared by those who express it and those who follow it. Once expressed it stands.
#[derive(Clone, Debug, Default)]
pub struct Stop(watch::Sender<bool>);

impl Stop {
    /// Expresses the wish: what is leaving is seen through, and nothing more begins.
    pub fn now(&self) {
        self.0.send_replace(true);
    }

    /// Whether it was expressed.
    pub fn wanted(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is.
    pub async fn wait(&self) {
        // The sender is held by self, so the channel does not close.
        let _ = self.0.subscribe().wait_for(|wanted| *wanted).await;
    }
}
