//! Coupons, messages and webhooks against services that go wrong, by the services' own log.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use serde_json::{Value, json};
use std::fs;
use std::sync::{Arc, Mutex};
use tidings_channels::config::{ChannelConfig, CouponConfig, HttpConfig};
use tidings_channels::{Carriers, Delivery, Surroundings, Templates};
use tidings_plan::{Asked, Carrier, Grant, Key, Kind, OnUnknown, Outcome, Sending};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

const NOW: i64 = 1_795_255_200_000_000;

/// What a service heard: path, headers and body of each request.
type Log = Arc<Mutex<Vec<(String, axum::http::HeaderMap, String)>>>;

/// Starts a service that answers by path.
async fn start() -> (String, Log) {
    let log = Log::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(answer).with_state(log.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (base, log)
}

async fn answer(State(log): State<Log>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let body = String::from_utf8(axum::body::to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap();
    log.lock().unwrap().push((path.clone(), parts.headers, body));
    let respond = |status: u16, body: Body| Response::builder().status(status).body(body).unwrap();
    let with = |status: u16, header: (&str, &str), body: Body| {
        Response::builder().status(status).header(header.0, header.1).body(body).unwrap()
    };
    let coupon = || Body::from(json!({"id": 12, "code": "SAVE-20", "data": {"code": 7}}).to_string());
    let (first, rest) =
        path.trim_start_matches('/').split_once('/').unwrap_or((path.trim_start_matches('/'), ""));
    match first {
        "ok" => respond(200, coupon()),
        "said" => {
            let inside = rest.split('/').next().unwrap().replace("%22", "\"");
            respond(200, Body::from(format!("{{\"error\": {{\"code\": {inside}}}, \"code\": \"SAVE-20\"}}")))
        }
        "conflict" => respond(409, coupon()),
        "html" => respond(201, Body::from("<html>Created</html>")),
        "empty" => respond(200, Body::from("{\"code\": \"\"}")),
        "busy" => with(429, ("retry-after", "99999999999999999999"), Body::empty()),
        "later" => with(503, ("retry-after", "Sat, 21 Nov 2026 10:02:00 GMT"), Body::empty()),
        "past" => with(503, ("retry-after", "Sat, 21 Nov 2020 10:02:00 GMT"), Body::empty()),
        "moved" => with(307, ("location", "/ok"), Body::empty()),
        "found" => with(302, ("location", "/ok"), Body::empty()),
        "metadata" => with(308, ("location", "http://169.254.169.254/latest"), Body::empty()),
        "huge" => {
            respond(200, Body::from(format!("{{\"code\": \"X\", \"more\": \"{}\"}}", "x".repeat(10 << 20))))
        }
        "padded" => respond(200, Body::from(format!("{{\"code\": \"X\"}}{}", " ".repeat(10 << 20)))),
        // {"code":"BOMB"}, packed.
        "packed" => with(200, ("content-encoding", "gzip"), Body::from(PACKED.to_vec())),
        "slow" => std::future::pending().await,
        status => respond(status.parse().unwrap(), Body::empty()),
    }
}

const PACKED: [u8; 35] = [
    31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 171, 86, 74, 206, 79, 73, 85, 178, 82, 114, 242, 247, 117, 82, 170, 5,
    0, 146, 151, 48, 246, 15, 0, 0, 0,
];

fn yaml<T: serde::de::DeserializeOwned>(text: &str) -> T {
    serde_yaml::from_str(text).unwrap_or_else(|e| panic!("{text}\n{e}"))
}

fn coupon() -> CouponConfig {
    yaml("provider: shop\nvalue: 20 CNY\nvalid_for: 30 days\nlabel: 二十元")
}

fn build(mut delivery: Delivery) -> Result<Carriers, Vec<String>> {
    // Without any channel everything would be caught.
    delivery.channels.insert("push".into(), yaml("kind: sandbox"));
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("hi.sms.liquid"),
        "{{ customer.name }}: {{ coupon.code }}, {{ coupon.expires }}",
    )
    .unwrap();
    fs::write(folder.path().join("token"), "t0ken\n").unwrap();
    let (templates, errors) = Templates::load(folder.path());
    assert_eq!(errors, []);
    let place = Surroundings {
        folder: folder.path().to_owned(),
        sandbox: folder.path().join("sandbox"),
        zone: chrono_tz::Asia::Shanghai,
        clock: Arc::new(|| NOW),
    };
    Carriers::build(&delivery, Arc::new(templates), false, &place)
}

fn provider(config: &str) -> Carriers {
    let providers = [("shop".to_owned(), yaml::<HttpConfig>(config))];
    let delivery = Delivery {
        coupon_providers: providers.into(),
        coupons: [("wake-up".to_owned(), coupon())].into(),
        ..Delivery::default()
    };
    build(delivery).unwrap_or_else(|e| panic!("{e:?}"))
}

fn sms(config: &str) -> Result<Carriers, Vec<String>> {
    let channels = [("sms".to_owned(), ChannelConfig::Http(yaml::<HttpConfig>(config)))];
    build(Delivery { channels: channels.into(), ..Delivery::default() })
}

fn sending(kind: Kind) -> Sending {
    let (channel, subject) = match kind {
        Kind::Coupon => ("coupon", "wake-up"),
        _ => ("sms", "hi"),
    };
    Sending {
        key: Key([7; 16]),
        kind,
        channel: channel.into(),
        subject: subject.into(),
        address: (kind == Kind::Message).then(|| "+8613800138000".into()),
        customer: "c-1".into(),
        rule: "win-back".into(),
        values: json!({"customer": {"name": "\",\"to\":\"all"}}).to_string(),
        at: NOW,
    }
}

async fn deliver(carriers: &Carriers, kind: Kind) -> Outcome {
    let sending = sending(kind);
    let carrier = carriers.get(kind, &sending.channel, &sending.subject).unwrap();
    let payload = carrier.prepare(&sending, None).unwrap();
    carrier.deliver(&sending, &payload).await
}

#[derive(Debug, PartialEq)]
enum Ended {
    Sent(Option<&'static str>),
    Rejected,
    Again(Option<u64>),
    Unknown,
}
use Ended::{Again, Rejected, Sent, Unknown};

fn check(outcome: Outcome, want: &Ended, what: &str) {
    let same = match (&outcome, want) {
        (Outcome::Sent { code, .. }, Sent(want)) => code.as_deref() == *want,
        (Outcome::Rejected(_), Rejected) | (Outcome::Unknown(_), Unknown) => true,
        (Outcome::Again(_, after), Again(want)) => after == want,
        _ => false,
    };
    assert!(same, "{what}: {outcome:?} is not {want:?}");
}

#[tokio::test]
async fn each_answer_means_what_it_can_mean() {
    let (base, log) = start().await;
    let keyed = "keys_remembered_for: 24 hours";
    for (path, coupon, message) in [
        ("ok", Sent(Some("SAVE-20")), Sent(None)),
        ("html", Unknown, Sent(None)),
        ("empty", Unknown, Sent(None)),
        ("huge", Unknown, Sent(None)),
        ("padded", Unknown, Sent(None)),
        ("packed", Unknown, Sent(None)),
        // Whether the earlier request is under way or was carried out: a conflict alone does not tell.
        ("conflict", Unknown, Rejected),
        ("500", Unknown, Unknown),
        ("502", Unknown, Unknown),
        ("slow", Unknown, Unknown),
        ("found", Unknown, Unknown),
        // Nothing that has to do with whom it is for: another channel would not be better off.
        ("moved", Again(None), Again(None)),
        ("metadata", Again(None), Again(None)),
        ("401", Again(None), Again(None)),
        ("403", Again(None), Again(None)),
        ("400", Rejected, Rejected),
        ("404", Rejected, Rejected),
        ("408", Again(None), Again(None)),
        ("425", Again(None), Again(None)),
        ("busy", Again(Some(3600)), Again(Some(3600))),
        ("later", Again(Some(120)), Again(Some(120))),
        ("past", Again(Some(0)), Again(Some(0))),
    ] {
        let config = format!("url: {base}/{path}\ntimeout: 1 second");
        let before = log.lock().unwrap().len();
        check(deliver(&provider(&format!("{config}\n{keyed}")), Kind::Coupon).await, &coupon, path);
        check(deliver(&sms(&config).unwrap(), Kind::Message).await, &message, path);
        let heard: Vec<String> = log.lock().unwrap()[before..].iter().map(|(p, ..)| p.clone()).collect();
        assert_eq!(
            heard,
            [format!("/{path}"), format!("/{path}")],
            "one request each, and no redirect is followed"
        );
    }
}

/// Starts itself anew in surroundings that name a proxy, which nobody answers at.
#[tokio::test]
async fn a_proxy_of_the_surroundings_is_not_asked() {
    if std::env::var_os("http_proxy").is_none_or(|proxy| proxy != "http://127.0.0.1:1") {
        let mut again = std::process::Command::new(std::env::current_exe().unwrap());
        again.args(["--exact", "a_proxy_of_the_surroundings_is_not_asked"]);
        let again =
            again.env("http_proxy", "http://127.0.0.1:1").env_remove("no_proxy").env_remove("NO_PROXY");
        let output = again.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        return;
    }
    let (base, _) = start().await;
    check(deliver(&sms(&format!("url: {base}/ok")).unwrap(), Kind::Message).await, &Sent(None), "straight");
}

#[tokio::test]
async fn an_answer_is_read_as_the_configuration_says() {
    let (base, _) = start().await;
    let ok = "ok: {pointer: /error/code, equals: 0, again: [1021, busy]}";
    for (path, config, coupon, message) in [
        ("conflict", "conflict: done", Sent(Some("SAVE-20")), Sent(None)),
        ("conflict", "conflict: refused", Rejected, Rejected),
        ("409", "conflict: done", Unknown, Sent(None)),
        ("said/0", ok, Sent(Some("SAVE-20")), Sent(None)),
        ("said/5", ok, Rejected, Rejected),
        ("said/\"0\"", ok, Rejected, Rejected),
        ("said/1021", ok, Again(None), Again(None)),
        ("said/\"busy\"", ok, Again(None), Again(None)),
        ("said/null", ok, Unknown, Unknown),
        ("ok", ok, Unknown, Unknown),
        ("html", ok, Unknown, Unknown),
        ("huge", ok, Unknown, Unknown),
        ("said/null", "ok: {pointer: /error/code}", Sent(Some("SAVE-20")), Sent(None)),
        ("ok", "ok: {pointer: /error/code}", Sent(Some("SAVE-20")), Sent(None)),
        ("html", "ok: {pointer: /error/code}", Unknown, Unknown),
    ] {
        let config = format!("url: '{base}/{path}'\nkeys_remembered_for: 1 hour\n{config}");
        check(deliver(&provider(&config), Kind::Coupon).await, &coupon, &config);
        check(deliver(&sms(&config).unwrap(), Kind::Message).await, &message, &config);
    }
    let refused = |path| sms(&format!("url: '{base}/{path}'\n{ok}")).unwrap();
    let Outcome::Rejected(why) = deliver(&refused("said/\"E_17\""), Kind::Message).await else { panic!() };
    assert!(why.contains("E_17 at /error/code"), "{why}");
    let Outcome::Rejected(why) = deliver(&refused("said/\"ann@shop.example\""), Kind::Message).await else {
        panic!()
    };
    assert!(!why.contains("ann@"), "{why}");
}

#[tokio::test]
async fn a_service_that_is_not_there_was_sent_nothing_and_one_that_hangs_up_may_have_done_it() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = gone.local_addr().unwrap();
    drop(gone);
    check(
        deliver(&sms(&format!("url: http://{address}/")).unwrap(), Kind::Message).await,
        &Again(None),
        "gone",
    );

    let rude = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = rude.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = rude.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
        }
    });
    check(deliver(&sms(&format!("url: http://{address}/")).unwrap(), Kind::Message).await, &Unknown, "rude");
}

#[tokio::test]
async fn a_request_carries_its_key_its_signature_and_a_body_that_no_value_breaks() {
    let (base, log) = start().await;
    let config = format!(
        "url: {base}/ok\nmethod: PUT\nheaders:\n  Authorization: Bearer file:token\n  X-Shop: main\nsigning_secret: file:token\n\
         body:\n  phone: '{{{{ to }}}}'\n  parts: ['{{{{ text }}}}', 5]\n  who: '{{{{ customer.name }}}}'"
    );
    let carriers = sms(&config).unwrap();
    let sending = sending(Kind::Message);
    let carrier: &dyn Carrier = &**carriers.get(Kind::Message, "sms", "hi").unwrap();
    let grant = Grant { code: "SAVE-20".into(), value: "20 CNY".into(), label: None, expires: Some(NOW) };
    let payload = carrier.prepare(&sending, Some(&grant)).unwrap();
    for _ in 0..2 {
        carrier.deliver(&sending, &payload).await;
    }
    let heard = log.lock().unwrap().clone();
    assert_eq!(heard[0].2, heard[1].2, "a repeat is the same bytes");
    let (_, headers, body) = &heard[0];
    let name = "\",\"to\":\"all";
    let want =
        json!({"phone": "+8613800138000", "parts": [format!("{name}: SAVE-20, 2026-11-21"), 5], "who": name});
    assert_eq!(serde_json::from_str::<Value>(body).unwrap(), want);
    let key = Key([7; 16]).to_string();
    for (header, want) in [
        ("idempotency-key", key.as_str()),
        ("webhook-id", &key),
        ("webhook-timestamp", "1795255200"),
        ("authorization", "Bearer t0ken"),
        ("x-shop", "main"),
        ("content-type", "application/json"),
    ] {
        assert_eq!(headers[header], want, "{header}");
    }
    assert!(headers["webhook-signature"].to_str().unwrap().starts_with("v1,"));
    assert!(!headers.contains_key("accept-encoding"));
}

#[tokio::test]
async fn a_coupon_provider_is_told_what_it_grants() {
    let (base, log) = start().await;
    let carriers = provider(&format!("url: {base}/ok\ncode: /data/code"));
    check(deliver(&carriers, Kind::Coupon).await, &Sent(Some("7")), "a code that is a number");
    let body: Value = serde_json::from_str(&log.lock().unwrap()[0].2).unwrap();
    let coupon = json!({"name": "wake-up", "value": "20 CNY", "label": "二十元", "expires": "2026-12-21",
        "expires_at": "2026-12-21T10:00:00Z"});
    assert_eq!(
        (&body["coupon"], &body["customer_key"], &body["rule"]["name"]),
        (&coupon, &json!("c-1"), &json!("win-back"))
    );
    let grant = carriers.grant("wake-up", "C".into(), NOW);
    assert_eq!(grant.expires, Some(NOW + 30 * 86_400_000_000), "the message says what the provider was told");
}

#[tokio::test]
async fn a_provider_is_asked_about_a_key() {
    let (base, log) = start().await;
    for (path, want) in [
        ("ok", Some(Asked::Happened { code: Some("SAVE-20".into()) })),
        ("404", Some(Asked::DidNot)),
        ("empty", None),
        ("html", None),
        ("500", None),
        ("moved", None),
        ("said/5", None),
        ("said/0", Some(Asked::Happened { code: Some("SAVE-20".into()) })),
    ] {
        let inside = if path.starts_with("said") { ", ok: {pointer: /error/code, equals: 0}" } else { "" };
        let ask =
            format!("on_unknown: {{ask: {{url: '{base}/{path}/{{{{ key }}}}', after: 5 minutes{inside}}}}}");
        let carriers = provider(&format!("url: {base}/ok\n{ask}"));
        let carrier = carriers.get(Kind::Coupon, "coupon", "wake-up").unwrap();
        assert_eq!(carrier.on_unknown(), OnUnknown::Ask(300));
        let asked = carrier.ask(Key([7; 16])).await;
        match want {
            Some(want) => assert_eq!(asked, want, "{path}"),
            None => assert!(matches!(asked, Asked::CannotTell(_)), "{path}: {asked:?}"),
        }
        assert_eq!(log.lock().unwrap().last().unwrap().0, format!("/{path}/{}", Key([7; 16])));
    }
}

#[test]
fn what_is_done_about_the_unknown_follows_from_what_a_service_promises() {
    let policy = |config: &str| {
        let carriers = provider(&format!("url: http://localhost/\n{config}"));
        carriers.get(Kind::Coupon, "coupon", "wake-up").unwrap().on_unknown()
    };
    let message = |channel: &str, config: &str| {
        let http: HttpConfig = yaml(&format!("url: http://localhost/\n{config}"));
        let channels = [(channel.to_owned(), ChannelConfig::Http(http))];
        let carriers = build(Delivery { channels: channels.into(), ..Delivery::default() }).ok().unwrap();
        carriers.get(Kind::Message, channel, "hi").unwrap().on_unknown()
    };
    assert_eq!((message("sms", ""), message("email", "")), (OnUnknown::Leave, OnUnknown::TwiceWithCoupon));
    assert_eq!(message("email", "on_unknown: leave"), OnUnknown::Leave);
    assert_eq!(message("sms", "keys_remembered_for: 1 hour"), OnUnknown::Retry(3_600));
    assert_eq!(policy(""), OnUnknown::Leave);
    assert_eq!(policy("keys_remembered_for: 24 hours"), OnUnknown::Retry(86_400));
    assert_eq!(policy("keys_remembered_for: 24 hours\non_unknown: leave"), OnUnknown::Leave);
    let webhooks = [("crm".to_owned(), yaml::<HttpConfig>("url: http://localhost/"))];
    let carriers = build(Delivery { webhooks: webhooks.into(), ..Delivery::default() }).ok().unwrap();
    assert_eq!(carriers.get(Kind::Webhook, "webhook", "crm").unwrap().on_unknown(), OnUnknown::Retry(86_400));
    assert!(carriers.get(Kind::Message, "sms", "hi").is_none(), "what is not configured is not carried");
}

#[test]
fn settings_that_would_leak_are_refused() {
    for (config, part) in [
        ("url: http://sms.example/", "https://"),
        ("url: https://169.254.169.254/", "requests do not go to"),
        ("url: https://u:p@sms.example/", "no account"),
        ("url: http://localhost/\nheaders: {A: file:missing}", "missing"),
        ("url: http://localhost/\nbody: '{{ to'", "never closed"),
        ("url: http://localhost/\non_unknown: {ask: {url: 'http://127.0.0.1/{{ key }}'}}", "secrets"),
        ("url: http://localhost/\non_unknown: {ask: {url: 'http://localhost/'}}", "{{ key }}"),
    ] {
        let problems = sms(config).err().unwrap_or_else(|| panic!("{config}"));
        assert!(problems[0].starts_with("channels: sms: ") && problems[0].contains(part), "{problems:?}");
    }
}
