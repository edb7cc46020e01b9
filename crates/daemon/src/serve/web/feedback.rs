//! What a provider says about a message: signed after Standard Webhooks, with the channel's own secret.

use super::Desk;
use crate::bounces::note;
use axum::body::Bytes;
use axum::extract::{Path, State as With};
use axum::http::{HeaderMap, StatusCode};
use tidings_channels::bounce::{Signed, feedback};

/// Takes a word in; answers only when it is committed.
pub(super) async fn take(
    With(desk): With<Desk>,
    Path(channel): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, String) {
    let site = desk.site();
    let Some(secret) = site.carriers.feedback_secret(&channel) else {
        return (StatusCode::NOT_FOUND, "no channel of that name takes feedback\n".to_owned());
    };
    let field = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let signed = Signed {
        id: field("webhook-id"),
        timestamp: field("webhook-timestamp"),
        signature: field("webhook-signature"),
    };
    let bounce = match feedback(secret, &signed, &body, (desk.0.clock)()) {
        Ok(bounce) => bounce,
        Err(why) => return (StatusCode::BAD_REQUEST, why + "\n"),
    };
    let noted = match desk.state() {
        Some(state) => note(&state, bounce).await.ok(),
        None => None,
    };
    match noted {
        // A message that is not known here is no reason to send its word again.
        Some(_) => (StatusCode::NO_CONTENT, String::new()),
        None => (StatusCode::SERVICE_UNAVAILABLE, "this could not be noted just now: try again\n".to_owned()),
    }
}
