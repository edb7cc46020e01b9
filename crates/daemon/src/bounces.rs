//! What mail servers and providers say about mails that were sent: taken out of mailboxes, and into the state.

use crate::metrics;
use crate::site::Site;
use std::fmt;
use std::io;
use std::path::PathBuf;
use tidings_channels::bounce::{Bounce, BounceKind, Mailbox};
use tidings_store::{Feedback, FeedbackKind, State, StateError};
use tokio::task::spawn_blocking;

/// What was in a mailbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// How many mails were read.
    pub mails: u64,
    /// How many words about mails of ours were in them.
    pub told: u64,
    /// Where an mbox is read on from, in bytes.
    pub next: u64,
}

/// Why a mailbox could not be taken in.
#[derive(Debug)]
pub enum BounceError {
    /// The state failed; the mail is read again.
    State(StateError),
    /// The mailbox cannot be read.
    Mailbox(PathBuf, io::Error),
}

/// Takes in all that is in a mailbox, from a place in it on, at a moment in microseconds since 1970 UTC. A mail is done
/// with when what it says is committed.
pub async fn take_in(
    site: &Site,
    state: &State,
    mailbox: &Mailbox,
    from: u64,
    now: i64,
) -> Result<Taken, BounceError> {
    let mut taken = Taken { next: from, ..Taken::default() };
    loop {
        let (reader, from) = (mailbox.clone(), taken.next);
        let unreadable = |e| BounceError::Mailbox(mailbox.path().to_owned(), e);
        let read = spawn_blocking(move || reader.read(from, now)).await.map_err(io::Error::other);
        let batch = read.and_then(|read| read).map_err(unreadable)?;
        if batch.mails.is_empty() {
            return Ok(Taken { next: batch.next, ..taken });
        }
        for mail in &batch.mails {
            taken.mails += 1;
            for bounce in site.carriers.return_paths().flat_map(|(_, path)| path.read(mail)) {
                taken.told += u64::from(note(state, bounce).await.map_err(BounceError::State)?);
            }
        }
        taken.next = batch.next;
        batch.finish().map_err(unreadable)?;
    }
}

/// Notes a word about a mail. False where the mail is not known here.
pub async fn note(state: &State, bounce: Bounce) -> Result<bool, StateError> {
    let kind = match bounce.kind {
        BounceKind::Soft => FeedbackKind::Soft,
        BounceKind::Hard => FeedbackKind::Hard,
        BounceKind::Complaint => FeedbackKind::Complaint,
    };
    let known = state.feedback(bounce.key, &Feedback { kind, detail: bounce.detail }).await?;
    if known {
        metrics::feedback(kind.name());
        tracing::info!(key = %bounce.key, kind = kind.name(), "feedback");
    }
    Ok(known)
}

impl fmt::Display for BounceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BounceError::State(e) => e.fmt(f),
            BounceError::Mailbox(path, e) => {
                write!(f, "the mailbox {} cannot be read: {e}; look at its permissions", path.display())
            }
        }
    }
}

impl std::error::Error for BounceError {}
