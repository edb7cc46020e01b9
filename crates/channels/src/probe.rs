//! A look at what sends leave through, whether it can be reached and lets us in. Nothing is sent by it: to a mail server
//! it says hello, logs in and says good-bye, and of an HTTP service it asks for the headers of `/`, without ours.

use crate::config::{ChannelConfig, Delivery, HttpConfig, SmtpConfig};
use crate::http::{self, Clock};
use crate::smtp::{self, Limits};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// What came of a look at one of them.
#[derive(Clone, Debug)]
pub struct Probed {
    /// What it is in `tidings.yaml`: `channels: email`.
    pub of: String,
    /// What it said, or why it cannot be used: for people, without a secret.
    pub result: Result<Answered, String>,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answered {
    /// Who answered, and what: `smtp.example.com port 587 lets us in`.
    pub said: String,
    /// How long it took.
    pub took: Duration,
    /// How far its clock is ahead of ours, in microseconds, where it says the time; to the second.
    pub ahead: Option<i64>,
}

/// Looks at all of a project's, at once, each for no longer than a time. `folder` is the project's, for secrets and
/// certificates.
pub async fn probe(delivery: &Delivery, folder: &Path, longest: Duration, clock: &Clock) -> Vec<Probed> {
    let mut looks = JoinSet::new();
    let mut look = |of: String, what: What| {
        let (folder, clock) = (Arc::<Path>::from(folder), clock.clone());
        looks.spawn(async move {
            let start = Instant::now();
            let result = match tokio::time::timeout(longest, what.answer(&folder, &clock)).await {
                Ok(answer) => answer.map(|(said, ahead)| Answered { said, took: start.elapsed(), ahead }),
                Err(_) => Err(format!("no answer within {} seconds", longest.as_secs_f32())),
            };
            Probed { of, result }
        });
    };
    for (name, config) in &delivery.channels {
        let of = format!("channels: {name}");
        match config {
            ChannelConfig::Smtp(smtp) => look(of, What::Mail(Box::new(smtp.clone()))),
            ChannelConfig::Http(http) => look(of, What::Service(Box::new(http.clone()))),
            ChannelConfig::Sandbox(_) => {}
        }
    }
    let services = [
        ("providers", &delivery.coupon_providers),
        ("webhooks", &delivery.webhooks),
        ("notify", &delivery.teams),
    ];
    for (group, services) in services {
        for (name, config) in services {
            look(format!("{group}: {name}"), What::Service(Box::new(config.clone())));
        }
    }
    let mut probed = looks.join_all().await;
    probed.sort_by(|a, b| a.of.cmp(&b.of));
    probed
}

enum What {
    Mail(Box<SmtpConfig>),
    Service(Box<HttpConfig>),
}

impl What {
    async fn answer(&self, folder: &Path, clock: &Clock) -> Result<(String, Option<i64>), String> {
        match self {
            What::Mail(config) => {
                smtp::check_smtp(config)?;
                Ok((smtp::greet(config, folder, Limits::default()).await?, None))
            }
            What::Service(config) => http::knock(config, folder, clock).await,
        }
    }
}
