//! Coupons by three workers that are killed again and again, from a service that loses a tenth of its answers and
//! fails after one grant in twenty: each customer gets one coupon, and nobody gets none. On both databases.
//!
//! The long version: `TIDINGS_LONG=1 cargo test --test grants` (5,000 coupons, a kill every 0.5 to 3 seconds).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod project;
mod witness;

use project::Project;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use witness::postgres::databases;
use witness::provider::{Faults, Grants, provider};

const WORKERS: u64 = 3;
const RUN: [&str; 5] = ["run", "--at", "2026-11-11T10:00", "--lease", "2"];

/// How many coupons, and the pauses between a worker's deaths in milliseconds.
fn size() -> (usize, std::ops::Range<u64>) {
    if std::env::var_os("TIDINGS_LONG").is_some() { (5_000, 500..3_000) } else { (300, 400..1_500) }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_customer_gets_one_coupon_whatever_crashes() {
    for (i, state) in databases("grants").into_iter().enumerate() {
        let (customers, pauses) = size();
        let faults = Faults { lost: 0.10, failed: 0.05, pause: Duration::from_millis(50) };
        let (port, grants, requests) = provider(faults, i as u64).await;
        let project = Arc::new(project(port, &state, customers));
        let kills = Arc::new(AtomicUsize::new(0));
        let workers = (0..WORKERS).map(|worker| {
            let (project, grants, kills, pauses) =
                (project.clone(), grants.clone(), kills.clone(), pauses.clone());
            tokio::spawn(async move { work(&project, worker, &grants, customers, pauses, &kills).await })
        });
        for worker in workers.collect::<Vec<_>>() {
            worker.await.unwrap();
        }
        tokio::task::block_in_place(|| settle(&project));

        let granted = grants.lock().unwrap().clone();
        let keys: BTreeSet<_> = granted.iter().map(|(key, _)| key).collect();
        let reached: BTreeSet<_> = granted.iter().map(|(_, customer)| customer).collect();
        assert_eq!(
            (granted.len(), keys.len(), reached.len()),
            (customers, customers, customers),
            "{state}: grants that took effect, keys, customers"
        );
        let rows = tokio::task::block_in_place(|| project.states());
        if rows != [("sent".to_owned(), customers as u64)] {
            let left = project.output(&["outbox", "--state", "pending", "--format", "json"]);
            panic!("{state}: {rows:?}\n{}", String::from_utf8_lossy(&left.stdout));
        }
        let (kills, requests) = (kills.load(Ordering::Relaxed), requests.lock().unwrap().len());
        eprintln!("{state}: {customers} coupons, {kills} kills, {requests} requests");
        assert!(kills >= 2 && requests > customers, "{kills} kills and {requests} requests prove nothing");
    }
}

/// A worker that is started and killed until everybody has a coupon.
async fn work(
    project: &Project,
    seed: u64,
    grants: &Grants,
    customers: usize,
    pauses: std::ops::Range<u64>,
    kills: &AtomicUsize,
) {
    let mut draw = StdRng::seed_from_u64(seed);
    while grants.lock().unwrap().len() < customers {
        let mut child = project.start(&RUN);
        tokio::time::sleep(Duration::from_millis(draw.random_range(pauses.clone()))).await;
        if child.try_wait().unwrap().is_none() {
            kills.fetch_add(1, Ordering::Relaxed);
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

/// Runs until what the killed workers left behind is written down. A row that they failed with time and again is
/// tried after minutes.
fn settle(project: &Project) {
    let patience = Instant::now() + Duration::from_mins(10);
    while Instant::now() < patience {
        let output = project.output(&RUN);
        if project.states().iter().all(|(state, _)| state == "sent") {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            return;
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}

fn project(port: u16, state: &str, customers: usize) -> Project {
    let project = Project::new();
    project.write(
        "tidings.yaml",
        &format!(
            "name: grants\nstore: sqlite:shop.db\nstate: {state}\ntime_zone: UTC\ncurrency: USD\n\
             channels:\n  email: {{kind: sandbox}}\n\
             coupons:\n  wake-up: {{provider: api, value: 5 USD}}\n\
             providers:\n  api: {{kind: http, url: \"http://127.0.0.1:{port}/coupons\", connections: 8, \
             body: {{for: \"{{{{ customer_key }}}}\"}}, keys_remembered_for: 24 hours}}\n"
        ),
    );
    project.write(
        "schema.yaml",
        "customer:\n  table: customers\n  key: id\n  attributes:\n    points: number\n",
    );
    project.write("rules/hello.tidings", "if points > 0 then send wake-up coupon\n");
    let rows = (0..customers).map(|i| format!("{i:05},1\n"));
    project.write("customers.csv", &format!("id,points\n{}", rows.collect::<String>()));
    project.run(&["import", "customers.csv"]);
    project
}
