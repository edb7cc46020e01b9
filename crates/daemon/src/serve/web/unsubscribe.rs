//! The page on which people unsubscribe. Looking at it changes nothing, since mail programs look at links by
//! themselves; only a POST withdraws, from the page's button or from the mail program itself (RFC 8058).

use super::Desk;
use crate::metrics;
use axum::extract::{Query, State as With};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;

/// What the link carries.
#[derive(Deserialize)]
pub(super) struct Link {
    #[serde(default)]
    t: String,
}

/// Shows the page.
pub(super) async fn show(With(desk): With<Desk>, Query(link): Query<Link>) -> Response {
    match desk.site().unsubscriber(&link.t) {
        Some((channel, _)) => {
            let button = r#"<form method="post"><button>Unsubscribe</button></form>"#;
            let text = format!("Press the button and you get no more messages by {}.", escaped(&channel));
            page(StatusCode::OK, "Unsubscribe", &text, button)
        }
        None => unknown(),
    }
}

/// Withdraws the consent; answers only when that is committed.
pub(super) async fn withdraw(With(desk): With<Desk>, Query(link): Query<Link>) -> Response {
    let Some((channel, customer)) = desk.site().unsubscriber(&link.t) else { return unknown() };
    // Test messages carry a link of nobody.
    if customer.is_empty() {
        return page(StatusCode::OK, "A test", "This was a test message: nothing has changed.", "");
    }
    let withdrawn = match desk.state() {
        Some(state) => state.withdraw_consent(&customer, &channel, "unsubscribe link").await.ok(),
        None => None,
    };
    match withdrawn {
        Some(_) => {
            metrics::unsubscribed();
            let text = format!("You get no more messages by {}.", escaped(&channel));
            page(StatusCode::OK, "Unsubscribed", &text, "")
        }
        None => page(
            StatusCode::SERVICE_UNAVAILABLE,
            "Not yet",
            "This could not be noted just now. Please try again in a minute.",
            "",
        ),
    }
}

fn unknown() -> Response {
    page(
        StatusCode::NOT_FOUND,
        "This link is not known",
        "Please use the link in the latest message that you got.",
        "",
    )
}

fn page(status: StatusCode, title: &str, text: &str, more: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>body{{font:1.1em/1.5 system-ui,sans-serif;\
         max-width:32em;margin:15vh auto;padding:0 1em}}button{{font:inherit;padding:.5em 1.5em}}</style></head>\
         <body><h1>{title}</h1><p>{text}</p>{more}</body></html>\n"
    );
    let guards = [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'",
        ),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (status, guards, Html(html)).into_response()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}
