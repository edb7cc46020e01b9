//! Mail over SMTP: a few connections held open, every step with a time limit, every ending known for what it is.

mod connection;

use crate::address;
use crate::config::{OnUnknownConfig, SmtpConfig, Tls};
use crate::context::{context, granted};
use crate::email::{Letter, Sender, Unsubscribe, Writing};
use crate::http::Asker;
use crate::template::{Templates, Values};
use chrono_tz::Tz;
use connection::{Connection, Ending, Server};
use serde_json::json;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tidings_plan::{Answer, Asked, Carrier, Grant, Key, OnUnknown, Outcome, Sending};
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// How long the steps of a mail may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// To reach the server.
    pub connect: Duration,
    /// For each command, from the greeting to the answer to `DATA`.
    pub command: Duration,
    /// For the mail itself and the answer to its last dot: 10 minutes after RFC 5321, since a server that
    /// answers late has taken the mail.
    pub dot: Duration,
    /// How long a connection is kept without a mail; servers close theirs after some minutes.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        let seconds = Duration::from_secs;
        Limits { connect: seconds(10), command: seconds(30), dot: seconds(600), idle: seconds(45) }
    }
}

/// A channel whose messages are mails.
pub struct Smtp {
    server: Server,
    sender: Sender,
    unsubscribe: Option<Unsubscribe>,
    templates: Arc<Templates>,
    zone: Tz,
    connections: usize,
    permits: Semaphore,
    idle: Mutex<Vec<(Connection, Instant)>>,
    on_unknown: OnUnknown,
    /// What the provider's other service is asked with.
    asker: Option<Asker>,
}

impl Smtp {
    /// A channel. `folder` is the project's, for secrets and certificates.
    pub fn new(
        config: &SmtpConfig,
        templates: Arc<Templates>,
        zone: Tz,
        folder: &Path,
        limits: Limits,
    ) -> Result<Smtp, String> {
        let asker = match &config.on_unknown {
            OnUnknownConfig::Ask(ask) => Some(Asker::alone(ask, folder)?),
            _ => None,
        };
        let local = matches!(config.host.as_str(), "localhost" | "127.0.0.1" | "::1");
        if config.tls == Tls::None && config.user.is_some() && !local {
            return Err(
                "tls: a password does not leave this machine unprotected; write `starttls` or `tls`".into()
            );
        }
        let unsubscribe = config.unsubscribe.as_ref().map(|u| Unsubscribe::new(u, folder)).transpose()?;
        Ok(Smtp {
            server: Server::new(config, folder, limits)?,
            sender: Sender::new(config)?,
            unsubscribe,
            templates,
            zone,
            connections: config.connections.max(1),
            permits: Semaphore::new(config.connections.max(1)),
            idle: Mutex::new(Vec::new()),
            on_unknown: config.on_unknown.policy(),
            asker,
        })
    }

    async fn send(&self, letter: &Letter) -> Outcome {
        let Ok(_permit) = self.permits.acquire().await else {
            return Outcome::Again("the channel is closed".into(), None);
        };
        // A connection that was held open may have been closed by the server: nothing has left, so a fresh one
        // takes over. A connection comes back only after a whole, accepted mail; whatever else happens it is
        // dropped, since its next answer could belong to this mail.
        if let Some(mut connection) = self.held() {
            match connection.mail(letter).await {
                Ok(said) => return self.accepted(connection, said),
                Err(Ending::Lost(_)) => {}
                Err(other) => return other.outcome(letter),
            }
        }
        let mut connection = match Connection::open(&self.server).await {
            Ok(connection) => connection,
            Err(why) => return Outcome::Again(why, None),
        };
        match connection.mail(letter).await {
            Ok(said) => self.accepted(connection, said),
            Err(ending) => ending.outcome(letter),
        }
    }

    fn held(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(_, since)| since.elapsed() < self.server.limits.idle);
        idle.pop().map(|(connection, _)| connection)
    }

    fn accepted(&self, connection: Connection, said: String) -> Outcome {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push((connection, Instant::now()));
        Outcome::Sent { provider_id: Some(said).filter(|s| !s.is_empty()), code: None }
    }
}

impl Carrier for Smtp {
    fn prepare(&self, sending: &Sending, coupon: Option<&Grant>) -> Result<String, String> {
        let link = self.unsubscribe.as_ref().map(|u| u.link(sending));
        let mut values = context(sending, coupon.map(|c| granted(c, self.zone)))?;
        values.insert("unsubscribe_url".into(), json!(link));
        let content = self.templates.mail(&sending.subject, &sending.channel, &Values::new(&values)?)?;
        let letter = self.sender.letter(sending, &content, link.as_deref(), Writing::Wire)?;
        serde_json::to_string(&letter).map_err(|e| e.to_string())
    }

    fn deliver<'a>(&'a self, _: &'a Sending, payload: &'a str) -> Answer<'a, Outcome> {
        Box::pin(async move {
            match serde_json::from_str::<Letter>(payload) {
                Ok(letter) if address::email_address(&letter.to).is_some() => self.send(&letter).await,
                _ => Outcome::Rejected("what was prepared for this mail cannot be read".into()),
            }
        })
    }

    fn ask(&self, key: Key) -> Answer<'_, Asked> {
        Box::pin(async move {
            match &self.asker {
                Some(asker) => asker.ask(key, None).await,
                None => Asked::CannotTell("a mail server cannot be asked".into()),
            }
        })
    }

    fn on_unknown(&self) -> OnUnknown {
        self.on_unknown
    }

    fn concurrency(&self) -> usize {
        self.connections
    }

    fn batch(&self) -> usize {
        100
    }
}
