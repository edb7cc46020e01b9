//! Customers say no at random moments while their messages leave: none is let out after their no was committed.
//!
//! The long version: `TIDINGS_LONG=1 cargo test -p tidings-store --test outbox optouts` (2,000 of 5,000 say no).

use super::*;
use rand::seq::SliceRandom;
use sqlx::{Connection, Executor};
use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use tidings_plan::Rate;
use tokio::sync::Barrier;

const WORKERS: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_let_out_after_a_no_was_committed() {
    let (queued, noes) = if std::env::var_os("TIDINGS_LONG").is_some() { (5_000, 2_000) } else { (600, 300) };
    for f in Fresh::each().await {
        let mut customers: Vec<String> = (0..queued).map(|n| format!("c{n}")).collect();
        f.enqueue(customers.iter().map(|customer| mail(customer)).collect()).await;
        customers.shuffle(&mut rand::rng());
        customers.truncate(noes);
        // Some say it before anything leaves, the others meanwhile.
        let (before, meanwhile) = customers.split_at(noes / 5);
        let said: Arc<Mutex<HashSet<Key>>> = Arc::default();
        for customer in before {
            say_no(&f.state, customer, &said).await;
        }
        let ready = Arc::new(Barrier::new(WORKERS + 3));
        let workers: Vec<_> =
            (0..WORKERS).map(|_| tokio::spawn(let_out(f.url.clone(), ready.clone(), said.clone()))).collect();
        let sayers = meanwhile.chunks(meanwhile.len().div_ceil(3)).map(|customers| {
            let (customers, url) = (customers.to_vec(), f.url.clone());
            let (ready, said) = (ready.clone(), said.clone());
            tokio::spawn(async move {
                let state = State::open(&url).await.unwrap();
                ready.wait().await;
                for customer in customers {
                    say_no(&state, &customer, &said).await;
                }
            })
        });
        for sayer in sayers.collect::<Vec<_>>() {
            sayer.await.unwrap();
        }
        let mut sends = 0;
        for worker in workers {
            sends += worker.await.unwrap();
        }
        assert!((queued - noes..=queued - noes / 5).contains(&sends), "{sends} of {queued}");
        for customer in &customers {
            let row = f.state.ledger(customer).await.unwrap().remove(0);
            let Some(out) = row.dispatched_at else {
                assert!(matches!(row.status, Status::NoConsent | Status::Suppressed), "{row:?}");
                continue;
            };
            // By the database's own clock.
            for no in f.state.consents(customer).await.unwrap() {
                assert!(out <= no.at, "let out {} µs after the no", out - no.at);
            }
        }
    }
}

/// A file has one writer anyway.
#[tokio::test(flavor = "multi_thread")]
async fn on_a_server_a_no_waits_for_the_gates_before_it() {
    let Some(f) = Fresh::server().await else { return };
    f.enqueue(vec![mail("ann")]).await;
    let claim = f.claim(Kind::Message, "email").await;
    // The gate has seen that ann said nothing, and cannot go on for a while.
    let mut other = sqlx::PgConnection::connect(&f.url).await.unwrap();
    other.execute("BEGIN; LOCK TABLE tidings_rates IN EXCLUSIVE MODE").await.unwrap();
    let mut watch = sqlx::PgConnection::connect(&f.url).await.unwrap();
    let mut waiting = async || -> i64 {
        let waiting = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        sqlx::query_scalar(waiting).fetch_one(&mut watch).await.unwrap()
    };
    let (state, prepared, token) = (f.again().await, prepared(&claim), claim.token);
    let gate = tokio::spawn(async move {
        let rates = [("shop.example".to_owned(), Rate { count: 1, per: Duration::from_secs(1) })];
        state.gate(token, &prepared, OnUnknown::Leave, LEASE, &Door::default(), &rates).await.unwrap()
    });
    while waiting().await < 1 {
        tokio::task::yield_now().await;
    }
    let state = f.again().await;
    let no = tokio::spawn(async move { state.withdraw_consent("ann", "email", "link").await.unwrap() });
    while waiting().await < 2 {
        assert!(!no.is_finished(), "it was committed while the gate let ann's mail out");
        tokio::task::yield_now().await;
    }
    other.execute("COMMIT").await.unwrap();
    no.await.unwrap();
    assert_eq!(gate.await.unwrap().open, [mail("ann").key]);
}

/// A worker that sees everything through, and holds each gate against what was said before it.
async fn let_out(url: String, ready: Arc<Barrier>, said: Arc<Mutex<HashSet<Key>>>) -> usize {
    let state = State::open(&url).await.unwrap();
    ready.wait().await;
    let mut sends = 0;
    loop {
        let claim = state.claim("w", &outlet(Kind::Message, "email"), 7, LEASE, None).await.unwrap();
        if claim.rows.is_empty() {
            return sends;
        }
        let before = said.lock().unwrap().clone();
        let open = gate_of(&state, &claim).await.unwrap().open;
        assert!(open.iter().all(|key| !before.contains(key)), "it was let out after the no");
        sends += open.len();
        let outcomes: Vec<_> = open.into_iter().map(|key| (key, sent(None))).collect();
        state.settle(claim.token, &outcomes).await.unwrap();
    }
}

async fn say_no(state: &State, customer: &str, said: &Mutex<HashSet<Key>>) {
    let mail = mail(customer);
    if customer.ends_with(['0', '1', '2']) {
        state.suppress("email", &mail.address.unwrap(), "asked to", "by hand").await.unwrap();
    } else {
        state.withdraw_consent(customer, "email", "link in mail").await.unwrap();
    }
    said.lock().unwrap().insert(mail.key);
}
