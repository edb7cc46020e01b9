//! What the daemon answers over HTTP: how it is, what it counts, and whoever wants no more messages.

mod feedback;
mod limit;
mod unsubscribe;

use super::{Event, Health};
use crate::metrics;
use crate::site::Site;
use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Request, State as With};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use limit::{Limit, peer};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tidings_channels::Clock;
use tidings_store::State;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch as cell};
use tokio::time::timeout;

/// How soon the event loop has to answer to count as well.
const WELL: Duration = Duration::from_secs(5);
/// How long a request may take, its body included.
const REQUEST: Duration = Duration::from_secs(20);
/// How large a request's body may be.
const BODY: usize = 256 * 1024;

/// What requests are answered from. Clones share it.
#[derive(Clone)]
pub(super) struct Desk(Arc<Inner>);

struct Inner {
    site: cell::Receiver<Arc<Site>>,
    state: cell::Receiver<Option<State>>,
    events: mpsc::Sender<Event>,
    /// A hash of the token for the metrics.
    token: Option<[u8; 32]>,
    clock: Clock,
    limit: Limit,
}

impl Desk {
    pub(super) fn new(
        site: cell::Receiver<Arc<Site>>,
        state: cell::Receiver<Option<State>>,
        events: mpsc::Sender<Event>,
        token: Option<&SecretString>,
        clock: Clock,
    ) -> Desk {
        let token = token.map(|t| Sha256::digest(t.expose_secret()).into());
        let limit = Limit::new(clock.clone());
        Desk(Arc::new(Inner { site, state, events, token, clock, limit }))
    }

    fn site(&self) -> Arc<Site> {
        self.0.site.borrow().clone()
    }

    fn state(&self) -> Option<State> {
        self.0.state.borrow().clone()
    }

    /// How the daemon is; nothing where its loop does not answer.
    async fn health(&self) -> Option<Health> {
        let (ask, answer) = oneshot::channel();
        let asked = async {
            self.0.events.send(Event::Asked(ask)).await.ok()?;
            answer.await.ok()
        };
        timeout(WELL, asked).await.ok().flatten()
    }
}

/// Answers until it is dropped.
pub(super) async fn answer(listener: TcpListener, desk: Desk) {
    // Strangers come here: what they bring is signed, and they come only so often.
    let open = Router::new()
        .route("/unsubscribe", get(unsubscribe::show).post(unsubscribe::withdraw))
        .route("/feedback/{channel}", post(feedback::take))
        .layer(from_fn_with_state(desk.clone(), not_too_often));
    let app = Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(numbers))
        .merge(open)
        .layer(DefaultBodyLimit::max(BODY))
        .layer(from_fn(in_time))
        .with_state(desk);
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    if let Err(e) = axum::serve(listener, service).await {
        tracing::error!(error = %e, "requests are answered no more");
    }
}

async fn in_time(request: Request, next: Next) -> Response {
    timeout(REQUEST, next.run(request)).await.unwrap_or_else(|_| StatusCode::REQUEST_TIMEOUT.into_response())
}

async fn not_too_often(
    With(desk): With<Desk>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    if !desk.0.limit.permits(peer(address, request.headers())) {
        let again = [(header::RETRY_AFTER, "60")];
        return (StatusCode::TOO_MANY_REQUESTS, again, "too many requests\n").into_response();
    }
    next.run(request).await
}

async fn healthz(With(desk): With<Desk>) -> (StatusCode, &'static str) {
    match desk.health().await {
        Some(_) => (StatusCode::OK, "well\n"),
        None => (StatusCode::SERVICE_UNAVAILABLE, "the event loop does not answer\n"),
    }
}

/// Why it is not, where there is a token, only whoever has it is told: it names files and hosts.
async fn readyz(With(desk): With<Desk>, headers: HeaderMap) -> (StatusCode, String) {
    let reasons = match desk.health().await {
        Some(health) => health.reasons(),
        None => vec!["the event loop does not answer".to_owned()],
    };
    if reasons.is_empty() {
        return (StatusCode::OK, "ready\n".to_owned());
    }
    let told = permitted(desk.0.token, &headers);
    let why = if told { reasons.join("\n") } else { "not ready; why is told with the token".to_owned() };
    (StatusCode::SERVICE_UNAVAILABLE, why + "\n")
}

async fn numbers(With(desk): With<Desk>, headers: HeaderMap) -> Response {
    if !permitted(desk.0.token, &headers) {
        let ask = [(header::WWW_AUTHENTICATE, "Bearer")];
        return (StatusCode::UNAUTHORIZED, ask, "the metrics need the token\n").into_response();
    }
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, metrics::handle().render()).into_response()
}

/// Hashes are compared, so that the time that it takes says nothing about the token.
fn permitted(token: Option<[u8; 32]>, headers: &HeaderMap) -> bool {
    let Some(token) = token else { return true };
    let said = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let said = said.and_then(|value| value.strip_prefix("Bearer "));
    said.is_some_and(|said| <[u8; 32]>::from(Sha256::digest(said)) == token)
}

impl Health {
    /// Why it is not ready.
    fn reasons(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.stopping {
            reasons.push("stopping".to_owned());
        }
        if !self.open {
            reasons.push("the state is not open".to_owned());
        }
        // Whatever else fails, people can be answered: the log says it.
        let of_state = self.troubles.iter().filter(|(_, trouble)| trouble.of_state);
        reasons.extend(of_state.map(|(duty, trouble)| format!("{}: {}", duty.name(), trouble.message)));
        reasons.extend(self.project.iter().map(|line| format!("not taken up: {line}")));
        reasons
    }
}
