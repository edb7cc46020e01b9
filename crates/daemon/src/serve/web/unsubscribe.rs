//! The page on which people unsubscribe. Looking at it changes nothing, since mail programs look at links by
//! themselves; only a POST withdraws, from the page's button or from the mail program itself (RFC 8058).

use super::Desk;
use crate::metrics;
use axum::extract::{Query, State as With};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;
use tidings_channels::unsubscribe::{CONTENT_SECURITY_POLICY, Page};

/// What the link carries.
#[derive(Deserialize)]
pub(super) struct Link {
    #[serde(default)]
    t: String,
}

/// Shows the page.
pub(super) async fn show(With(desk): With<Desk>, Query(link): Query<Link>, asked: HeaderMap) -> Response {
    match desk.site().unsubscriber(&link.t) {
        Some((channel, _)) => shown(StatusCode::OK, Page::Asks(&channel), &asked),
        None => shown(StatusCode::NOT_FOUND, Page::Unknown, &asked),
    }
}

/// Withdraws the consent; answers only when that is committed.
pub(super) async fn withdraw(With(desk): With<Desk>, Query(link): Query<Link>, asked: HeaderMap) -> Response {
    let Some((channel, customer)) = desk.site().unsubscriber(&link.t) else {
        return shown(StatusCode::NOT_FOUND, Page::Unknown, &asked);
    };
    // Test messages carry a link of nobody.
    if customer.is_empty() {
        return shown(StatusCode::OK, Page::Test, &asked);
    }
    let withdrawn = match desk.state() {
        Some(state) => state.withdraw_consent(&customer, &channel, "unsubscribe link").await.ok(),
        None => None,
    };
    match withdrawn {
        Some(_) => {
            metrics::unsubscribed();
            shown(StatusCode::OK, Page::Done(&channel), &asked)
        }
        None => shown(StatusCode::SERVICE_UNAVAILABLE, Page::NotNow, &asked),
    }
}

fn shown(status: StatusCode, page: Page<'_>, asked: &HeaderMap) -> Response {
    let language =
        asked.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let guards = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (status, guards, Html(page.html(language))).into_response()
}
