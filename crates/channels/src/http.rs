//! Messages, coupons, webhooks and words to teams as HTTP requests with a JSON body.

mod answer;
mod ask;
mod body;
mod guard;
mod knock;
mod sign;

use crate::config::{HttpConfig, Method, OnUnknownConfig};
use crate::context::context;
use crate::secret::Header;
use crate::template::Values;
use crate::tls::client_config;
use answer::{Reading, hear};
pub(crate) use ask::Asker;
use body::Body;
pub use body::{body_variables, check_body};
use guard::{Guard, Reach, checked};
pub(crate) use knock::knock;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Request, Url};
use rustls::ClientConfig;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
pub use sign::Signed;
pub(crate) use sign::verify;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tidings_plan::{Asked, Key, OnUnknown, Outcome, Rate, Sending};

const CONNECT: Duration = Duration::from_secs(5);
const WHOLE: Duration = Duration::from_secs(30);

/// The time of day, in microseconds since 1970 UTC.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// A service that requests go to.
pub(crate) struct Service {
    client: Client,
    url: Url,
    method: reqwest::Method,
    headers: HeaderMap,
    body: Option<Body>,
    signing_secret: Option<SecretString>,
    asker: Option<Asker>,
    clock: Clock,
    /// What its answers mean.
    reading: Reading,
    pub connections: usize,
    pub rate: Option<Rate>,
    pub on_unknown: OnUnknown,
}

impl Service {
    /// `otherwise` is what is done about unknown outcomes where the configuration says nothing about it, nor how
    /// long the service remembers keys.
    pub fn new(
        config: &HttpConfig,
        folder: &Path,
        clock: Clock,
        otherwise: OnUnknown,
    ) -> Result<Service, String> {
        let (url, reach) = checked(&config.url, config.private_network)?;
        let remembered = config.keys_remembered_for.map_or(otherwise, |memory| OnUnknown::Retry(memory.0));
        let on_unknown = config.on_unknown.as_ref().map_or(remembered, OnUnknownConfig::policy);
        let ca_file = config.ca_file.as_ref().map(|file| folder.join(file));
        let timeout = config.timeout.map_or(WHOLE, |t| Duration::from_secs(t.0.clamp(1, 600)));
        let client = client(reach, client_config(ca_file.as_deref())?, timeout)?;
        let headers = headers(&config.headers, folder)?;
        let asker = match &config.on_unknown {
            Some(OnUnknownConfig::Ask(ask)) => {
                Some(Asker::beside(ask, config, &url, &client, &headers, folder)?)
            }
            _ => None,
        };
        Ok(Service {
            client,
            url,
            method: match config.method {
                Method::Post => reqwest::Method::POST,
                Method::Put => reqwest::Method::PUT,
                Method::Patch => reqwest::Method::PATCH,
            },
            headers,
            body: config.body.as_ref().map(Body::compile).transpose()?,
            signing_secret: config.signing_secret.as_ref().map(|s| s.resolve(folder)).transpose()?,
            asker,
            clock,
            reading: Reading {
                ok: config.ok.clone(),
                conflict: config.conflict,
                keyed: matches!(on_unknown, OnUnknown::Retry(_) | OnUnknown::Ask(_)),
            },
            connections: config.connections.max(1),
            rate: config.rate.map(|pace| pace.0),
            on_unknown,
        })
    }

    /// The JSON body for a row: kept, and sent as it is. `more` are the values of its kind.
    pub fn prepare(
        &self,
        sending: &Sending,
        coupon: Option<Value>,
        more: Vec<(&str, Value)>,
    ) -> Result<String, String> {
        let mut values = context(sending, coupon)?;
        for (name, value) in more {
            values.insert(name.to_owned(), value);
        }
        match &self.body {
            Some(body) => Ok(body.render(&Values::new(&values)?)?.to_string()),
            None => {
                values.retain(|_, value| !value.is_null());
                Ok(Value::Object(values).to_string())
            }
        }
    }

    /// Sends a prepared body. `code` is where a coupon's code stands in the answer.
    pub async fn send(&self, key: Key, payload: &str, code: Option<&str>) -> Outcome {
        let request = match self.request(key, payload) {
            Ok(request) => request,
            Err(why) => return Outcome::Rejected(why),
        };
        match self.client.execute(request).await {
            Ok(response) => hear(response, (self.clock)()).await.outcome(code, &self.reading),
            // The connection never came about, so nothing has left. Any other failure may hide that the
            // request was carried out, a time limit above all.
            Err(e) if e.is_connect() || e.is_builder() => Outcome::Again(reason(&e), None),
            Err(e) => Outcome::Unknown(reason(&e)),
        }
    }

    /// Asks whether the service carried out the request of a key.
    pub async fn ask(&self, key: Key, code: Option<&str>) -> Asked {
        match &self.asker {
            Some(asker) => asker.ask(key, code).await,
            None => Asked::CannotTell("this service is not asked".into()),
        }
    }

    fn request(&self, key: Key, payload: &str) -> Result<Request, String> {
        let id = key.to_string();
        let mut request = self
            .client
            .request(self.method.clone(), self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("idempotency-key", &id)
            .header("webhook-id", &id)
            .headers(self.headers.clone());
        if let Some(secret) = &self.signing_secret {
            let now = (self.clock)() / 1_000_000;
            let signature = sign::signature(secret.expose_secret(), &id, now, payload)?;
            request = request.header("webhook-timestamp", now).header("webhook-signature", signature);
        }
        request.body(payload.to_owned()).build().map_err(|e| reason(&e))
    }
}

/// What is wrong with a service's address; a body is looked at by [`check_body`].
pub fn check_http(config: &HttpConfig) -> Result<(), String> {
    checked(&config.url, config.private_network).map(drop)
}

/// A client without what reqwest does by default: redirects, proxies, no time limit.
fn client(reach: Reach, tls: ClientConfig, timeout: Duration) -> Result<Client, String> {
    Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(Policy::none())
        .no_proxy()
        .referer(false)
        .dns_resolver(Guard(reach))
        .connect_timeout(CONNECT)
        .timeout(timeout)
        .pool_idle_timeout(Duration::from_secs(15))
        .user_agent("tidings")
        .build()
        .map_err(|e| reason(&e))
}

fn headers(configured: &BTreeMap<String, Header>, folder: &Path) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, header) in configured {
        let field =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("`{name}` is no header's name"))?;
        let text = Header::resolve(header, folder)?;
        let mut value = HeaderValue::from_str(text.expose_secret())
            .map_err(|_| format!("the header {name} holds characters that headers cannot"))?;
        value.set_sensitive(header.secret.is_some());
        headers.insert(field, value);
    }
    Ok(headers)
}

/// Why a request failed, without its address: a query may hold what is nobody's business.
fn reason(error: &reqwest::Error) -> String {
    let mut words = if error.is_timeout() && !error.is_connect() {
        "the service did not answer in time".to_owned()
    } else if error.is_connect() {
        "the service cannot be reached".to_owned()
    } else {
        "the request failed".to_owned()
    };
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        words = format!("{words}: {cause}");
        source = cause.source();
    }
    words
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Without the guard the request would be refused by the port and not by the name's meaning.
    #[tokio::test]
    async fn the_client_asks_the_guard_about_every_name() {
        let client = client(Reach::Public, client_config(None).unwrap(), WHOLE).unwrap();
        let error = client.get("http://localhost:1/").send().await.unwrap_err();
        assert!(error.is_connect());
        assert!(reason(&error).contains("requests do not go to"), "{}", reason(&error));
    }
}
