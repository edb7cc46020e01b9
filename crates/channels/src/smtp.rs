//! Mail over SMTP: a few connections held open, every step with a time limit, every ending known for what it is.

mod connection;

use crate::address;
use crate::bounce::{self, ReturnPath};
use crate::config::{OnUnknownConfig, SmtpConfig, Tls};
use crate::context::{context, granted};
use crate::email::{Letter, Sender, Signer, Unsubscribe, Writing};
use crate::http::Asker;
use crate::template::{Templates, Values};
use chrono_tz::Tz;
use connection::{Connection, Ending, Server};
use serde_json::json;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tidings_plan::{Answer, Asked, Carrier, Grant, Key, OnUnknown, Outcome, Rate, Sending};
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
    return_path: Option<ReturnPath>,
    signer: Option<Signer>,
    templates: Arc<Templates>,
    zone: Tz,
    connections: usize,
    rate: Option<Rate>,
    domain_rates: Vec<(String, Rate)>,
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
            Some(OnUnknownConfig::Ask(ask)) => Some(Asker::alone(ask, folder)?),
            _ => None,
        };
        check_smtp(config)?;
        let unsubscribe = config.unsubscribe.as_ref().map(|u| Unsubscribe::new(u, folder)).transpose()?;
        Ok(Smtp {
            server: Server::new(config, folder, limits)?,
            sender: Sender::new(config)?,
            unsubscribe,
            return_path: config.bounces.as_ref().map(|b| ReturnPath::new(b, folder)).transpose()?,
            signer: config.dkim.as_ref().map(|d| Signer::new(d, folder)).transpose()?,
            templates,
            zone,
            connections: config.connections.max(1),
            rate: config.rate.map(|pace| pace.0),
            domain_rates: config.domains.iter().map(|(domain, pace)| (domain.0.clone(), pace.0)).collect(),
            idle: Mutex::new(Vec::new()),
            on_unknown: config
                .on_unknown
                .as_ref()
                .map_or(OnUnknown::TwiceWithCoupon, OnUnknownConfig::policy),
            asker,
        })
    }

    async fn send(&self, letter: &Letter) -> Outcome {
        // A connection that was held open may have been closed by the server: nothing has left, so a fresh one
        // takes over.
        if let Some(mut connection) = self.held() {
            match connection.mail(letter).await {
                Err(Ending::Lost(_)) => {}
                ended => return self.ended(connection, ended, letter).await,
            }
        }
        match Connection::open(&self.server).await {
            Ok(mut connection) => {
                let ended = connection.mail(letter).await;
                self.ended(connection, ended, letter).await
            }
            Err(why) => Outcome::Again(why, None),
        }
    }

    /// A connection is kept only after a mail that was accepted, or refused in so many words: after anything else its
    /// next answer could belong to this mail.
    async fn ended(
        &self,
        mut connection: Connection,
        ended: Result<String, Ending>,
        letter: &Letter,
    ) -> Outcome {
        let sound = match &ended {
            Ok(_) => true,
            Err(Ending::Refused { .. }) => connection.reset().await,
            Err(_) => false,
        };
        if sound {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.push((connection, Instant::now()));
        }
        match ended {
            Ok(said) => Outcome::Sent { provider_id: Some(said).filter(|s| !s.is_empty()), code: None },
            Err(ending) => ending.outcome(letter),
        }
    }

    fn held(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(_, since)| since.elapsed() < self.server.limits.idle);
        idle.pop().map(|(connection, _)| connection)
    }
}

/// Says hello to a mail server, logs in where there is an account, and says good-bye. Answers what there is to say.
pub async fn greet(config: &SmtpConfig, folder: &Path, limits: Limits) -> Result<String, String> {
    let server = Server::new(config, folder, limits)?;
    let connection = Connection::open(&server).await?;
    connection.quit().await;
    let protected = if config.tls == Tls::None { "without TLS" } else { "with TLS" };
    let account = if config.user.is_some() { "lets us in" } else { "asks for no account" };
    Ok(format!("{} {account}, {protected}", server.name()))
}

/// What is wrong with a mail server's configuration, as far as that can be told without its secrets.
pub fn check_smtp(config: &SmtpConfig) -> Result<(), String> {
    let local = matches!(config.host.as_str(), "localhost" | "127.0.0.1" | "::1");
    if config.tls == Tls::None && config.user.is_some() && !local {
        return Err(
            "tls: a password does not leave this machine unprotected; write `starttls` or `tls`".into()
        );
    }
    if config.user.is_some() != config.password.is_some() {
        return Err("`user` and `password` come together; write both or none".into());
    }
    config.bounces.as_ref().map_or(Ok(()), bounce::check)?;
    let sender = Sender::new(config)?;
    let Some(dkim) = &config.dkim else { return Ok(()) };
    let domain = &dkim.domain.0;
    if sender.domain() != domain && !sender.domain().ends_with(&format!(".{domain}")) {
        let from = sender.domain();
        return Err(format!(
            "dkim: a signature of {domain} does not speak for {from}; write the domain of `from`"
        ));
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if dkim.selector.is_empty() || !dkim.selector.chars().all(fits) {
        return Err(format!("dkim: `{}` is no selector; write the part before `._domainkey`", dkim.selector));
    }
    Ok(())
}

impl Carrier for Smtp {
    fn prepare(&self, sending: &Sending, coupon: Option<&Grant>) -> Result<String, String> {
        let link = self.unsubscribe.as_ref().map(|u| u.link(sending));
        let mut values = context(sending, coupon.map(|c| granted(c, self.zone)))?;
        values.insert("unsubscribe_url".into(), json!(link));
        let content = self.templates.mail(&sending.subject, &sending.channel, &Values::new(&values)?)?;
        let back = self.return_path.as_ref().map(|path| path.address(sending.key));
        let mut letter =
            self.sender.letter(sending, &content, link.as_deref(), back.as_deref(), Writing::Wire)?;
        if let Some(signer) = &self.signer {
            letter.message = signer.sign(&letter.message)?;
        }
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

    fn rate(&self) -> Option<Rate> {
        self.rate
    }

    fn domain_rates(&self) -> &[(String, Rate)] {
        &self.domain_rates
    }
}
