//! A look at what sends leave through: what is wrong is named, nothing is sent, nothing is given away.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "servers/smtp.rs"]
#[allow(dead_code, reason = "no mail comes here")]
mod server;

use axum::Router;
use axum::extract::Request;
use server::Fault::{self, Nothing, Says, Silence, StartTls, Tls};
use server::{Log, start};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tidings_channels::config::{ChannelConfig, Delivery, HttpConfig, SmtpConfig};
use tidings_channels::{Probed, probe};
use tokio::net::{TcpListener, TcpStream};

const NOW: i64 = 1_795_255_200_000_000;

async fn look(delivery: &Delivery, longest: Duration) -> Vec<Probed> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("password"), "hunter2\n").unwrap();
    let certificate = include_bytes!("servers/certificate.pem");
    std::fs::write(folder.path().join("ca.pem"), certificate).unwrap();
    probe(delivery, folder.path(), longest, &(Arc::new(|| NOW) as tidings_channels::Clock)).await
}

async fn mail(port: u16, more: &str) -> Result<String, String> {
    mail_at("localhost", port, more).await
}

/// What is said of a mail server.
async fn mail_at(host: &str, port: u16, more: &str) -> Result<String, String> {
    let yaml = format!("from: shop@shop.example\nport: {port}\nhost: {host}\nca_file: ca.pem\n{more}");
    let config: SmtpConfig = serde_yaml::from_str(&yaml).unwrap();
    let channels = [("email".to_owned(), ChannelConfig::Smtp(config))].into();
    let delivery = Delivery { channels, ..Delivery::default() };
    let [probed] = &look(&delivery, Duration::from_secs(2)).await[..] else { panic!("one") };
    assert_eq!(probed.of, "channels: email");
    assert!(!format!("{probed:?}").contains("hunter2"));
    probed.result.clone().map(|answered| answered.said)
}

async fn with(fault: Fault, more: &str) -> (Result<String, String>, Log) {
    let (port, log) = start(&[fault]).await;
    (mail(port, more).await, log)
}

const ACCOUNT: &str = "user: shop\npassword: file:password";

#[tokio::test]
async fn a_mail_server_is_greeted_and_left_without_a_mail() {
    let sound = [
        (Nothing, "tls: none".to_owned(), "asks for no account, without TLS"),
        (Nothing, format!("tls: none\n{ACCOUNT}"), "lets us in, without TLS"),
        (StartTls, format!("tls: starttls\n{ACCOUNT}"), "lets us in, with TLS"),
        (Tls, format!("tls: tls\n{ACCOUNT}"), "lets us in, with TLS"),
    ];
    for (fault, more, expected) in sound {
        let (said, log) = with(fault, &more).await;
        assert!(said.as_ref().is_ok_and(|said| said.ends_with(expected)), "{more}: {said:?}");
        let commands = log.commands();
        assert_eq!(commands.last().map(String::as_str), Some("QUIT"), "{commands:?}");
        assert!(!commands.iter().any(|c| c.starts_with("MAIL") || c.starts_with("RCPT")), "{commands:?}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_mail_server_is_named() {
    let none = format!("tls: none\n{ACCOUNT}");
    let wrong = [
        (Says("AUTH", "535 5.7.8 no such account"), none.as_str(), "did not log in"),
        (Says("greeting", "554 go away"), "tls: none", "did not greet"),
        (Silence("EHLO"), "tls: none", "no answer within 2 seconds"),
        (Nothing, "tls: starttls", "does not offer STARTTLS"),
        (Nothing, "tls: tls", "TLS failed"),
    ];
    for (fault, more, expected) in wrong {
        let (said, _) = with(fault, more).await;
        assert!(said.as_ref().is_err_and(|said| said.contains(expected)), "{more}: {said:?}");
    }
    // Its certificate does not name this address.
    let (port, _) = start(&[Tls]).await;
    let listener = TcpListener::bind(("127.0.0.2", port)).await.unwrap();
    tokio::spawn(async move {
        let (mut from, _) = listener.accept().await.unwrap();
        let mut to = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        tokio::io::copy_bidirectional(&mut from, &mut to).await.ok();
    });
    let said = mail_at("127.0.0.2", port, "tls: tls").await.unwrap_err();
    assert!(said.contains("TLS failed") && said.contains("not valid for"), "{said}");
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let said = mail(closed, "tls: none").await.unwrap_err();
    assert!(said.contains(&format!("port {closed}: cannot be reached")), "{said}");
    let said = mail(closed, "tls: none\nuser: shop\npassword: env:NOT_SET_ANYWHERE").await.unwrap_err();
    assert!(said.contains("NOT_SET_ANYWHERE is not set"), "{said}");
}

#[tokio::test]
async fn an_http_service_hears_nothing_but_a_knock() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let log = heard.clone();
    let router = Router::new().fallback(move |request: Request| {
        let headers = request.headers().keys().map(ToString::to_string).collect::<Vec<_>>();
        log.lock().unwrap().push((request.method().to_string(), request.uri().to_string(), headers));
        let late = (axum::http::StatusCode::NOT_FOUND, [("date", "Sat, 21 Nov 2026 10:01:00 GMT")]);
        async move { late }
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    let http = |url: String| -> HttpConfig {
        let yaml = format!("url: \"{url}\"\nheaders: {{Authorization: \"Bearer file:password\"}}");
        serde_yaml::from_str(&yaml).unwrap()
    };
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let delivery = Delivery {
        coupon_providers: [("coupon".into(), http(format!("http://{address}/grants/hunter2?key=hunter2")))]
            .into(),
        webhooks: [("crm".into(), http(format!("http://{closed}/hook/hunter2")))].into(),
        ..Delivery::default()
    };
    let probed = look(&delivery, Duration::from_secs(5)).await;
    let [provider, webhook] = &probed[..] else { panic!("{probed:?}") };
    assert_eq!((provider.of.as_str(), webhook.of.as_str()), ("providers: coupon", "webhooks: crm"));
    let answered = provider.result.as_ref().unwrap();
    assert_eq!(answered.said, "127.0.0.1 is there (404 to HEAD /)");
    assert_eq!(answered.ahead, Some(60_000_000));
    assert!(webhook.result.as_ref().is_err_and(|why| why.contains("cannot be reached")), "{webhook:?}");
    assert!(!format!("{probed:?}").contains("hunter2"), "{probed:?}");
    let heard = heard.lock().unwrap();
    let [(method, uri, headers)] = &heard[..] else { panic!("{heard:?}") };
    assert_eq!((method.as_str(), uri.as_str()), ("HEAD", "/"));
    assert!(!headers.contains(&"authorization".to_owned()), "{headers:?}");
}

#[tokio::test]
async fn a_proxy_that_answers_from_its_memory_has_no_wrong_clock() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("url: \"http://{}/\"", listener.local_addr().unwrap());
    let kept = [("date", "Sat, 21 Nov 2026 09:00:03 GMT"), ("age", "3600")];
    let router = Router::new().fallback(move || async move { kept });
    tokio::spawn(async move { axum::serve(listener, router).await });
    let crm: HttpConfig = serde_yaml::from_str(&url).unwrap();
    let delivery = Delivery { webhooks: [("crm".into(), crm)].into(), ..Delivery::default() };
    let probed = look(&delivery, Duration::from_secs(5)).await;
    assert_eq!(probed[0].result.as_ref().unwrap().ahead, Some(3_000_000));
}
