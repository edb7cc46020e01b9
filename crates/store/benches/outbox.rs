//! Rows a second through the outbox, and how long questions about it take when it is full.
//!
//! `cargo bench -p tidings-store --bench outbox [ROWS]`: on a file, and on the server that TIDINGS_POSTGRES names (a
//! database of its own, dropped afterwards). Every number includes its commits; SQLite with `synchronous=FULL`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use std::time::{Duration, Instant};
use tidings_plan::{Door, Intent, Key, Kind, OnUnknown, Outcome, Page, Status};
use tidings_store::{Outlet, RowFilter, Scope, State};

const LEASE: Duration = Duration::from_secs(600);

#[tokio::main]
async fn main() {
    let full: usize = std::env::args().filter_map(|a| a.parse().ok()).next().unwrap_or(1_000_000);
    let folder = tempfile::tempdir().unwrap();
    measure("SQLite", &format!("sqlite:{}/state.db", folder.path().display()), full).await;
    if let Ok(server) = std::env::var("TIDINGS_POSTGRES") {
        let name = format!("bench{}", hex::encode(rand::random::<[u8; 6]>()));
        let admin = async |sql: String| {
            PgConnection::connect(&server).await.unwrap().execute(AssertSqlSafe(sql)).await.unwrap();
        };
        admin(format!("CREATE DATABASE {name}")).await;
        let mut url = url::Url::parse(&server).unwrap();
        url.set_path(&name);
        measure("PostgreSQL", url.as_str(), full).await;
        admin(format!("DROP DATABASE {name} WITH (FORCE)")).await;
    }
}

async fn measure(name: &str, url: &str, full: usize) {
    let state = State::open(url).await.unwrap();
    let rows = 40_000;
    let mut at = 0;
    for (batch, workers) in [(100, 1), (200, 1), (1_000, 1), (200, 2), (200, 4)] {
        let start = Instant::now();
        fill(&state, at, rows).await;
        let enqueued = start.elapsed();
        at += rows;
        let start = Instant::now();
        let mut running = Vec::new();
        for _ in 0..workers {
            let state = state.clone();
            running.push(tokio::spawn(async move { drain(&state, batch).await }));
        }
        let mut drained = 0;
        for worker in running {
            drained += worker.await.unwrap();
        }
        assert_eq!(drained, rows);
        let rate = |took: Duration| rows as f64 / took.as_secs_f64();
        println!(
            "{name}: {workers} workers, batches of {batch}: {:.0} rows/s enqueued, {:.0} rows/s claimed, let out and settled",
            rate(enqueued),
            rate(start.elapsed())
        );
    }
    fill(&state, at, full.saturating_sub(at).max(1_000)).await;
    let start = Instant::now();
    let counts = state.outbox_counts(None).await.unwrap();
    println!("{name}: counts of {} rows: {:?}", counts.iter().map(|c| c.rows).sum::<u64>(), start.elapsed());
    let any = RowFilter::default;
    for (what, filter) in [
        ("the newest", any()),
        ("in a state that many are in", RowFilter { status: Some(Status::Sent), ..any() }),
        ("in a state that none is in", RowFilter { status: Some(Status::Rejected), ..any() }),
        ("of a rule that there is not", RowFilter { rule: Some("none".into()), ..any() }),
        ("of a channel that there is not", RowFilter { channel: Some("none".into()), ..any() }),
    ] {
        let start = Instant::now();
        state.outbox_rows(&filter, 100).await.unwrap();
        println!("{name}: rows {what}: {:?}", start.elapsed());
    }
    let start = Instant::now();
    state.ledger("customer 17").await.unwrap();
    println!("{name}: a customer's ledger: {:?}", start.elapsed());
    let email = Outlet { kind: Kind::Message, channel: "email".into() };
    for (what, limit) in [("a claim of 200", 200), ("another", 200)] {
        let start = Instant::now();
        assert_eq!(state.claim("w", &email, limit, LEASE, None).await.unwrap().rows.len(), limit as usize);
        println!("{name}: {what}: {:?}", start.elapsed());
    }
    let start = Instant::now();
    state.next_due(&email, None).await.unwrap();
    println!("{name}: when something is due next: {:?}", start.elapsed());
    paused(name, &state).await;
}

/// Ten free rows behind very many of a rule that is paused.
async fn paused(name: &str, state: &State) {
    let sms = |n: usize, rule: &str, priority: i32| Intent {
        key: Key::new(b"secret", "benchmark", rule, "send", &n.to_string(), "sms"),
        rule: rule.to_owned(),
        channel: "sms".into(),
        priority,
        ..intent(n)
    };
    let run = state.start_run(0, "benchmark", "").await.unwrap();
    let held = |n: usize| if n.is_multiple_of(2) { sms(n, "paused", 1) } else { sms(n, "paused too", 0) };
    let rows = (0..300_000).map(held).chain((0..10).map(|n| sms(n, "free", 0)));
    for page in rows.collect::<Vec<_>>().chunks(2_000) {
        let page = Page { intents: page.to_vec(), ..Page::default() };
        state.enqueue(run, &page).await.unwrap();
    }
    for rule in ["paused", "paused too"] {
        state.pause(&Scope::Rule(rule.into()), "benchmark").await.unwrap();
    }
    let outlet = Outlet { kind: Kind::Message, channel: "sms".into() };
    for rows in [10, 0] {
        let start = Instant::now();
        assert_eq!(state.claim("w", &outlet, 200, LEASE, None).await.unwrap().rows.len(), rows);
        println!("{name}: a claim of {rows} behind 300000 of paused rules: {:?}", start.elapsed());
        let start = Instant::now();
        state.next_due(&outlet, None).await.unwrap();
        println!("{name}: when something is due next behind them: {:?}", start.elapsed());
    }
}

async fn fill(state: &State, from: usize, rows: usize) {
    let run = state.start_run(0, "benchmark", "").await.unwrap();
    let all: Vec<usize> = (from..from + rows).collect();
    for page in all.chunks(2_000) {
        let page = Page { intents: page.iter().map(|n| intent(*n)).collect(), ..Page::default() };
        state.enqueue(run, &page).await.unwrap();
    }
}

async fn drain(state: &State, batch: u32) -> usize {
    let (email, door) = (Outlet { kind: Kind::Message, channel: "email".into() }, Door::default());
    let mut drained = 0;
    loop {
        let claim = state.claim("worker", &email, batch, LEASE, None).await.unwrap();
        if claim.rows.is_empty() {
            return drained;
        }
        let text = |_| Ok("x".repeat(2_000));
        let prepared: Vec<_> = claim.rows.iter().map(|row| (row.sending.key, text(()))).collect();
        let gated = state.gate(claim.token, &prepared, OnUnknown::Leave, LEASE, &door, &[]).await.unwrap();
        let sent = Outcome::Sent { provider_id: Some("250 queued as 4XyZ".into()), code: None };
        let outcomes: Vec<_> = gated.open.into_iter().map(|key| (key, sent.clone())).collect();
        drained += outcomes.len();
        state.settle(claim.token, &outcomes).await.unwrap();
    }
}

fn intent(n: usize) -> Intent {
    let customer = format!("customer {n}");
    Intent {
        key: Key::new(b"secret", "benchmark", "wake-up", "send", &customer, "1"),
        rule: format!("rule {}", n % 20),
        step: "send wake-up".into(),
        occasion: "1".into(),
        kind: Kind::Message,
        channel: "email".into(),
        subject: "wake-up".into(),
        address: Some(format!("customer{n}@shop.example")),
        values: format!(
            r#"{{"customer": {{"name": "Customer {n}", "points": {n}}}, "shop": {{"name": "The shop"}}}}"#
        ),
        after: None,
        priority: 0,
        at: 0,
        expires: None,
        zone: Some("Asia/Shanghai".into()),
        worth: None,
        fallback: Vec::new(),
        customer,
    }
}
