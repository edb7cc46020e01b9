//! Everything that a project can send through, by name.

use crate::address::AddressBook;
use crate::bounce::ReturnPath;
use crate::config::{ChannelConfig, CouponConfig, Delivery, HttpConfig, SmtpConfig};
use crate::context::{granted, requested};
use crate::email::{Sender, Unsubscribe};
use crate::http::{Clock, Service};
use crate::sandbox::Sandbox;
use crate::secret::Secret;
use crate::smtp::{Limits, Smtp};
use crate::template::{Templates, Values};
use chrono_tz::Tz;
use secrecy::SecretString;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use tidings_plan::{Answer, Asked, Carrier, Grant, Key, Kind, OnUnknown, Outcome, Rate, Sending};

/// A project's carriers.
pub struct Carriers {
    channels: BTreeMap<String, Arc<dyn Carrier>>,
    providers: BTreeMap<String, Arc<dyn Carrier>>,
    webhooks: BTreeMap<String, Arc<dyn Carrier>>,
    teams: BTreeMap<String, Arc<dyn Carrier>>,
    coupons: BTreeMap<String, CouponConfig>,
    return_paths: BTreeMap<String, ReturnPath>,
    /// What is told about a channel's messages is signed with these.
    feedback_secrets: BTreeMap<String, SecretString>,
    /// The links in a channel's mails.
    links: BTreeMap<String, Unsubscribe>,
    /// Catches everything.
    sandbox: Option<Arc<dyn Carrier>>,
    addresses: AddressBook,
}

/// Where a project is, in space and time.
#[derive(Clone)]
pub struct Surroundings {
    /// The project's folder, for secrets and certificates.
    pub folder: PathBuf,
    /// The folder of the sandbox.
    pub sandbox: PathBuf,
    /// The project's time zone.
    pub zone: Tz,
    /// The time of day.
    pub clock: Clock,
}

impl Carriers {
    /// The carriers of a project. With `sandbox`, and where no channel is configured, the sandbox catches
    /// everything, coupons too. The errors are for people, one for each thing that is wrong.
    pub fn build(
        delivery: &Delivery,
        templates: Arc<Templates>,
        sandbox: bool,
        place: &Surroundings,
    ) -> Result<Carriers, Vec<String>> {
        let mut builder = Builder { delivery, templates, place, problems: Vec::new() };
        let mails = delivery.channels.iter().filter(|(_, c)| matches!(c, ChannelConfig::Smtp(_)));
        let mut carriers = Carriers {
            channels: BTreeMap::new(),
            providers: BTreeMap::new(),
            webhooks: BTreeMap::new(),
            teams: BTreeMap::new(),
            coupons: delivery.coupons.clone(),
            return_paths: BTreeMap::new(),
            feedback_secrets: BTreeMap::new(),
            links: BTreeMap::new(),
            sandbox: None,
            addresses: AddressBook::new(mails.map(|(name, _)| name.clone())),
        };
        if sandbox || delivery.is_empty() {
            carriers.sandbox = builder.sandbox();
        } else {
            carriers.channels = builder.each("channels", &delivery.channels, Builder::channel);
            carriers.providers =
                builder.each("coupon_providers", &delivery.coupon_providers, Builder::provider);
            carriers.webhooks = builder.each("webhooks", &delivery.webhooks, Builder::webhook);
            carriers.teams = builder.each("teams", &delivery.teams, Builder::webhook);
            let folder = &place.folder;
            carriers.return_paths =
                builder.of_channels(|c| Some(ReturnPath::new(c.smtp()?.bounces.as_ref()?, folder)));
            carriers.links =
                builder.of_channels(|c| Some(Unsubscribe::new(c.smtp()?.unsubscribe.as_ref()?, folder)));
            carriers.feedback_secrets = builder.of_channels(|c| Some(c.feedback_secret()?.resolve(folder)));
        }
        if builder.problems.is_empty() { Ok(carriers) } else { Err(builder.problems) }
    }

    /// What carries a row: by the channel's name for messages, by the coupon's, webhook's or team's name for the
    /// others. Nothing where it is not configured, and for changes, which stay at home.
    pub fn get(&self, kind: Kind, channel: &str, subject: &str) -> Option<&Arc<dyn Carrier>> {
        let named = |map: &BTreeMap<String, _>| if map.contains_key(subject) { subject } else { channel };
        match (kind, &self.sandbox) {
            (Kind::Change, _) => None,
            (_, Some(sandbox)) => Some(sandbox),
            (Kind::Message, None) => self.channels.get(channel),
            (Kind::Coupon, None) => {
                self.providers.get(self.coupons.get(subject).map_or(channel, |c| c.provider.as_str()))
            }
            (Kind::Webhook, None) => self.webhooks.get(named(&self.webhooks)),
            (Kind::Notify, None) => self.teams.get(named(&self.teams)),
        }
    }

    /// A coupon as messages show it, once its grant has a code. `at` is the moment of the grant's run.
    pub fn grant(&self, coupon: &str, code: String, at: i64) -> Grant {
        let config = self.coupons.get(coupon);
        Grant {
            code,
            value: config.map(|c| c.value.clone()).unwrap_or_default(),
            label: config.and_then(|c| c.label.clone()),
            expires: config.and_then(|c| c.expires(at)),
        }
    }

    /// Where mails come back to, by channel.
    pub fn return_paths(&self) -> impl Iterator<Item = (&str, &ReturnPath)> {
        self.return_paths.iter().map(|(channel, path)| (channel.as_str(), path))
    }

    /// What a channel's service signs its reports of bounces with, for [`crate::bounce::feedback`].
    pub fn feedback_secret(&self, channel: &str) -> Option<&SecretString> {
        self.feedback_secrets.get(channel)
    }

    /// The channel and the customer of a token in an unsubscribe link; nothing where it is not from one of our mails.
    pub fn unsubscribes(&self, token: &str) -> Option<(String, String)> {
        self.links.iter().find_map(|(name, links)| links.read(token).filter(|(channel, _)| channel == name))
    }

    /// How addresses are read in each channel.
    pub fn addresses(&self) -> &AddressBook {
        &self.addresses
    }

    /// Whether everything is caught and nothing leaves.
    pub fn is_sandbox(&self) -> bool {
        self.sandbox.is_some()
    }
}

impl Delivery {
    /// Whether no channel is configured, so that the sandbox catches everything.
    pub fn is_empty(&self) -> bool {
        self.channels.is_empty()
    }
}

impl CouponConfig {
    /// The moment from which a coupon of a run at `at` cannot be used, both in microseconds since 1970.
    pub fn expires(&self, at: i64) -> Option<i64> {
        let length = i64::try_from(self.valid_for?.0).ok()?.checked_mul(1_000_000)?;
        at.checked_add(length)
    }
}

impl ChannelConfig {
    /// The mail server, where it is one.
    pub fn smtp(&self) -> Option<&SmtpConfig> {
        if let ChannelConfig::Smtp(smtp) = self { Some(smtp) } else { None }
    }

    fn feedback_secret(&self) -> Option<&Secret> {
        match self {
            ChannelConfig::Smtp(smtp) => smtp.feedback_secret.as_ref(),
            ChannelConfig::Http(http) => http.feedback_secret.as_ref(),
            ChannelConfig::Sandbox(_) => None,
        }
    }
}

type Built = Result<Arc<dyn Carrier>, String>;

struct Builder<'a> {
    delivery: &'a Delivery,
    templates: Arc<Templates>,
    place: &'a Surroundings,
    problems: Vec<String>,
}

impl Builder<'_> {
    fn each<C>(
        &mut self,
        section: &str,
        configured: &BTreeMap<String, C>,
        build: fn(&Self, &str, &C) -> Built,
    ) -> BTreeMap<String, Arc<dyn Carrier>> {
        let mut carriers = BTreeMap::new();
        for (name, config) in configured {
            match build(self, name, config) {
                Ok(carrier) => {
                    carriers.insert(name.clone(), carrier);
                }
                Err(problem) => self.problems.push(format!("{section}: {name}: {problem}")),
            }
        }
        carriers
    }

    /// What some channels have besides their carrier.
    fn of_channels<T>(
        &mut self,
        build: impl Fn(&ChannelConfig) -> Option<Result<T, String>>,
    ) -> BTreeMap<String, T> {
        let mut built = BTreeMap::new();
        for (name, config) in &self.delivery.channels {
            match build(config) {
                Some(Ok(value)) => drop(built.insert(name.clone(), value)),
                Some(Err(problem)) => {
                    let problem = format!("channels: {name}: {problem}");
                    // The carrier may have found it first.
                    if !self.problems.contains(&problem) {
                        self.problems.push(problem);
                    }
                }
                None => {}
            }
        }
        built
    }

    /// Advertising leaves once at most, but a mail whose reader would miss a coupon twice at most.
    fn channel(&self, name: &str, config: &ChannelConfig) -> Built {
        let Surroundings { folder, zone, .. } = self.place;
        match config {
            ChannelConfig::Sandbox(_) => Ok(Arc::new(self.catch_all()?)),
            ChannelConfig::Http(http) if name == "email" => {
                self.http(http, Role::Message, OnUnknown::TwiceWithCoupon)
            }
            ChannelConfig::Http(http) => self.http(http, Role::Message, OnUnknown::Leave),
            ChannelConfig::Smtp(smtp) => {
                Ok(Arc::new(Smtp::new(smtp, self.templates.clone(), *zone, folder, Limits::default())?))
            }
        }
    }

    fn provider(&self, _: &str, config: &HttpConfig) -> Built {
        let code = config.code.as_ref().map_or("/code", |pointer| &pointer.0).to_owned();
        let role = Role::Coupon { code, coupons: self.delivery.coupons.clone() };
        self.http(config, role, OnUnknown::Leave)
    }

    /// At least once: the receiver tells repeats by `webhook-id`.
    fn webhook(&self, _: &str, config: &HttpConfig) -> Built {
        self.http(config, Role::Call, OnUnknown::Retry(86_400))
    }

    fn http(&self, config: &HttpConfig, role: Role, otherwise: OnUnknown) -> Built {
        let Surroundings { folder, zone, clock, .. } = self.place;
        let service = Service::new(config, folder, clock.clone(), otherwise)?;
        Ok(Arc::new(Http { service, role, templates: self.templates.clone(), zone: *zone }))
    }

    fn sandbox(&mut self) -> Option<Arc<dyn Carrier>> {
        match self.catch_all() {
            Ok(sandbox) => Some(Arc::new(sandbox)),
            Err(problem) => {
                self.problems.push(problem);
                None
            }
        }
    }

    fn catch_all(&self) -> Result<Sandbox, String> {
        let mut senders = BTreeMap::new();
        for (name, config) in &self.delivery.channels {
            if let ChannelConfig::Smtp(smtp) = config {
                // A secret that is not set must not keep anybody from looking at what would be sent.
                let links =
                    smtp.unsubscribe.as_ref().and_then(|u| Unsubscribe::new(u, &self.place.folder).ok());
                senders.insert(
                    name.clone(),
                    (Sender::new(smtp).map_err(|e| format!("channels: {name}: {e}"))?, links),
                );
            }
        }
        Ok(Sandbox {
            folder: self.place.sandbox.clone(),
            templates: self.templates.clone(),
            zone: self.place.zone,
            coupons: self.delivery.coupons.clone(),
            senders,
            nobody: Sender::nobody()?,
        })
    }
}

/// A service and what it is asked for.
struct Http {
    service: Service,
    role: Role,
    templates: Arc<Templates>,
    zone: Tz,
}

enum Role {
    Message,
    Coupon { code: String, coupons: BTreeMap<String, CouponConfig> },
    Call,
}

impl Http {
    fn code(&self) -> Option<&str> {
        match &self.role {
            Role::Coupon { code, .. } => Some(code),
            _ => None,
        }
    }

    /// A message's text; a mail's subject and HTML too.
    fn text(&self, sending: &Sending, coupon: Option<Value>) -> Result<Vec<(&'static str, Value)>, String> {
        let values = Values::new(&crate::context::context(sending, coupon)?)?;
        let (template, channel) = (&sending.subject, &sending.channel);
        if self.templates.is_mail(template, channel) {
            let mail = self.templates.mail(template, channel, &values)?;
            return Ok(vec![
                ("text", json!(mail.text)),
                ("mail", json!({"subject": mail.subject, "html": mail.html})),
            ]);
        }
        Ok(vec![("text", json!(self.templates.message(template, channel, &values)?))])
    }
}

impl Carrier for Http {
    fn prepare(&self, sending: &Sending, coupon: Option<&Grant>) -> Result<String, String> {
        let shown = match &self.role {
            Role::Coupon { coupons, .. } => {
                Some(requested(sending, coupons.get(&sending.subject), self.zone))
            }
            _ => coupon.map(|c| granted(c, self.zone)),
        };
        let more = match self.role {
            Role::Message => self.text(sending, shown.clone())?,
            _ => Vec::new(),
        };
        self.service.prepare(sending, shown, more)
    }

    fn deliver<'a>(&'a self, sending: &'a Sending, payload: &'a str) -> Answer<'a, Outcome> {
        Box::pin(self.service.send(sending.key, payload, self.code()))
    }

    fn ask(&self, key: Key) -> Answer<'_, Asked> {
        Box::pin(self.service.ask(key, self.code()))
    }

    fn on_unknown(&self) -> OnUnknown {
        self.service.on_unknown
    }

    fn concurrency(&self) -> usize {
        self.service.connections
    }

    fn batch(&self) -> usize {
        100
    }

    fn rate(&self) -> Option<Rate> {
        self.service.rate
    }
}
