//! How fast a queued outbox leaves, every commit included, beside the plainest senders there are, in one run:
//! `cargo bench -p tidings-daemon --bench sending`.
//!
//! Mail goes to Debian's `smtp-sink`, and `smtp-source` sends to the same one with as many connections and mails of
//! the same size. HTTP requests go to a small server in a process of its own (this program again), and `wrk` posts the
//! same bytes to it. The outbox alone goes to a carrier that takes everything at once. SQLite always; PostgreSQL where
//! TIDINGS_POSTGRES has the URL of an empty database. `-- ROWS CONNECTIONS` behind it takes other sizes. What is
//! not installed (packages `postfix`, `wrk`) is passed over, and said.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../../check/tests/checked/mod.rs"]
mod checked;

use axum::Router;
use axum::routing::post;
use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tidings_channels::{Carriers, Delivery, Surroundings, Templates};
use tidings_check::World;
use tidings_daemon::Dispatcher;
use tidings_plan::{
    Answer, Asked, Carrier, Door, Grant, Intent, Key, Kind, OnUnknown, Outcome, Page, Sending,
};
use tidings_schema::Currency;
use tidings_store::{Outlet, State};

const SCHEMA: &str = "customer: {table: c, key: id, attributes: {email: text, ok: yes/no}}\n\
                      contact: {email: {address: email, consent: ok}, sms: {address: email, consent: ok}}\n";

fn main() {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    if std::env::args().nth(1).as_deref() == Some("--server") {
        return serve(numbers[0] as u16);
    }
    let rows = numbers.first().copied().unwrap_or(20_000);
    let connections = numbers.get(1).copied().unwrap_or(50);
    println!("{rows} rows, {connections} connections; rows a second");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for database in ["sqlite", "postgres"] {
        let url = std::env::var("TIDINGS_POSTGRES").unwrap_or_default();
        if database == "postgres" && url.is_empty() {
            println!("PostgreSQL passed over: TIDINGS_POSTGRES is not set");
            continue;
        }
        let bench = Bench { rows, connections, postgres: (database == "postgres").then_some(url) };
        let nothing = runtime.block_on(bench.outbox("sms", Arc::new(Nothing)));
        println!("{database}: through the outbox to nowhere {nothing:.0}");
        bench.mail(&runtime, database);
        bench.http(&runtime, database);
    }
}

struct Bench {
    rows: usize,
    connections: usize,
    postgres: Option<String>,
}

impl Bench {
    /// Beside `smtp-source`, first the one and then the other, to the same `smtp-sink`.
    fn mail(&self, runtime: &tokio::runtime::Runtime, database: &str) {
        let port = free_port();
        let sink = Command::new("/usr/sbin/smtp-sink")
            .args(["-u", "nobody", &format!("127.0.0.1:{port}"), "1000"])
            .stderr(Stdio::null())
            .spawn();
        let Ok(sink) = sink.map(Ended) else { return println!("smtp-sink is not installed (postfix)") };
        listening(port);
        let folder = tempfile::tempdir().unwrap();
        let carrier = self.carrier(folder.path(), &format!(
            "{{kind: smtp, host: 127.0.0.1, port: {port}, tls: none, from: shop@shop.example, connections: {}}}",
            self.connections
        ), "email");
        let size = carrier.prepare(&sending(), None).unwrap().len();
        let start = Instant::now();
        let source = Command::new("/usr/sbin/smtp-source")
            .args([
                "-s",
                &self.connections.to_string(),
                "-m",
                &self.rows.to_string(),
                "-l",
                &size.to_string(),
            ])
            .args(["-f", "shop@shop.example", "-t", "ann@shop.example", &format!("127.0.0.1:{port}")])
            .status();
        assert!(source.unwrap().success());
        let source = self.rows as f64 / start.elapsed().as_secs_f64();
        let ours = runtime.block_on(self.outbox("email", carrier));
        println!(
            "{database}: mails of {size} bytes {ours:.0}, smtp-source {source:.0}: {:.2}",
            ours / source
        );
        drop(sink);
    }

    /// Beside `wrk`, to the same server.
    fn http(&self, runtime: &tokio::runtime::Runtime, database: &str) {
        let port = free_port();
        let mut server = Command::new(std::env::current_exe().unwrap());
        let server = Ended(server.args(["--server", &port.to_string()]).spawn().unwrap());
        listening(port);
        let folder = tempfile::tempdir().unwrap();
        let url = format!("http://127.0.0.1:{port}/");
        let carrier = self.carrier(
            folder.path(),
            &format!("{{kind: http, url: \"{url}\", connections: {}}}", self.connections),
            "sms",
        );
        let body = carrier.prepare(&sending(), None).unwrap();
        let script = folder.path().join("post.lua");
        let lua = format!(
            "wrk.method = \"POST\"\nwrk.headers[\"Content-Type\"] = \"application/json\"\nwrk.body = [=[{body}]=]\n"
        );
        fs::write(&script, lua).unwrap();
        let wrk = Command::new("wrk")
            .args(["-t2", &format!("-c{}", self.connections), "-d5s", "-s"])
            .arg(&script)
            .arg(&url)
            .output();
        let Ok(wrk) = wrk else { return println!("wrk is not installed") };
        let said = String::from_utf8_lossy(&wrk.stdout).into_owned();
        let line = said.lines().find_map(|l| l.trim().strip_prefix("Requests/sec:")).unwrap();
        let wrk: f64 = line.trim().parse().unwrap();
        let ours = runtime.block_on(self.outbox("sms", carrier));
        println!("{database}: requests of {} bytes {ours:.0}, wrk {wrk:.0}: {:.2}", body.len(), ours / wrk);
        drop(server);
    }

    fn carrier(&self, folder: &Path, channel: &str, name: &str) -> Arc<dyn Carrier> {
        let text = "Your coupon waits for you until the end of the month. ".repeat(12);
        fs::write(folder.join("hello.email.liquid"), format!("subject: Hello\n---\n<p>{text}</p>\n"))
            .unwrap();
        fs::write(folder.join("hello.sms.liquid"), "Your coupon waits for you.").unwrap();
        let mut delivery = Delivery::default();
        delivery.channels.insert(name.to_owned(), serde_yaml::from_str(channel).unwrap());
        let (templates, errors) = Templates::load(folder);
        assert_eq!(errors, []);
        let place = Surroundings {
            folder: folder.to_owned(),
            sandbox: folder.to_owned(),
            zone: chrono_tz::UTC,
            clock: Arc::new(|| chrono::Utc::now().timestamp_micros()),
        };
        let carriers = Carriers::build(&delivery, Arc::new(templates), false, &place).unwrap();
        carriers.get(Kind::Message, name, "hello").unwrap().clone()
    }

    /// Rows a second from a full outbox until all of them are written down as sent.
    async fn outbox(&self, channel: &str, carrier: Arc<dyn Carrier>) -> f64 {
        let folder = tempfile::tempdir().unwrap();
        let own = format!("sqlite:{}", folder.path().join("state.db").display());
        let state = State::open(self.postgres.as_ref().unwrap_or(&own)).await.unwrap();
        let run = state.start_run(0, "bench", "").await.unwrap();
        for page in (0..self.rows).collect::<Vec<_>>().chunks(1_000) {
            let intents = page.iter().map(|i| intent(channel, *i, run.0)).collect();
            state.enqueue(run, &Page { intents, ..Page::default() }).await.unwrap();
        }
        let outlet = Outlet { kind: Kind::Message, channel: channel.to_owned() };
        let mut dispatcher = Dispatcher::new(state.clone(), BTreeMap::from([(outlet, carrier)]), "bench");
        dispatcher.door = door();
        let start = Instant::now();
        dispatcher.drain(|_| {}).await.unwrap();
        let took = start.elapsed();
        let counts = state.outbox_counts(Some(run)).await.unwrap();
        assert!(counts.len() == 1 && counts[0].status == tidings_plan::Status::Sent, "{counts:?}");
        state.close().await;
        self.rows as f64 / took.as_secs_f64()
    }
}

fn intent(channel: &str, i: usize, run: i64) -> Intent {
    let sending = sending();
    Intent {
        key: Key::new(b"secret", "bench", "hello", channel, &i.to_string(), &run.to_string()),
        rule: sending.rule,
        step: "send hello".to_owned(),
        customer: i.to_string(),
        occasion: run.to_string(),
        kind: Kind::Message,
        channel: channel.to_owned(),
        subject: sending.subject,
        address: Some(match channel {
            "email" => format!("customer-{i}@shop.example"),
            _ => format!("+8613800{:06}", i % 1_000_000),
        }),
        values: sending.values,
        after: None,
        priority: 0,
        at: sending.at,
        expires: None,
        zone: None,
        worth: None,
        fallback: Vec::new(),
    }
}

fn sending() -> Sending {
    Sending {
        key: Key([7; 16]),
        kind: Kind::Message,
        channel: "email".to_owned(),
        subject: "hello".to_owned(),
        address: Some("ann@shop.example".to_owned()),
        customer: "1".to_owned(),
        rule: "hello".to_owned(),
        values: r#"{"customer": {"id": "1"}, "rule": {"name": "hello"}, "shop": {}}"#.to_owned(),
        at: 1_795_255_200_000_000,
    }
}

/// A policy such as shops have: the caps are looked at for every row.
fn door() -> Door {
    let text = "policy at most 3 messages per day end rule hello then send hello email end";
    let vocabulary = checked::vocabulary(SCHEMA, chrono_tz::UTC, Currency::CNY);
    let world = World { templates: [("hello".to_owned(), "email".to_owned())].into(), ..World::default() };
    Door::new(&checked::program(text, &vocabulary, &world), "bench")
}

/// A carrier that takes everything at once.
struct Nothing;

impl Carrier for Nothing {
    fn prepare(&self, sending: &Sending, _: Option<&Grant>) -> Result<String, String> {
        Ok(sending.values.clone())
    }

    fn deliver<'a>(&'a self, _: &'a Sending, _: &'a str) -> Answer<'a, Outcome> {
        Box::pin(async { Outcome::Sent { provider_id: None, code: None } })
    }

    fn ask(&self, _: Key) -> Answer<'_, Asked> {
        Box::pin(async { Asked::DidNot })
    }

    fn on_unknown(&self) -> OnUnknown {
        OnUnknown::Leave
    }

    fn concurrency(&self) -> usize {
        200
    }

    fn batch(&self) -> usize {
        200
    }
}

/// A server that answers every request with an id.
fn serve(port: u16) {
    tokio::runtime::Runtime::new().unwrap().block_on(async move {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let router = Router::new().route("/", post(|| async { r#"{"id": "1"}"# }));
        axum::serve(listener, router).await.unwrap();
    });
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn listening(port: u16) {
    for _ in 0..500 {
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("nothing listens on port {port}");
}

/// A process that ends with this value.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
