//! `tidings run` is killed at 50 random moments while it sends 2,500 coupons and the 2,500 mails that carry them.
//! Then a last run: the servers' own logs have each key once, and the outbox says the same.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod project;
mod witness;

use project::Project;
use rand::{RngExt, SeedableRng};
use std::process::Child;
use std::time::Duration;
use witness::{Log, aiosmtpd, coupon_server, mail_server, tally};

const CUSTOMERS: usize = 2_500;
const KILLS: usize = 50;
const RUN: [&str; 5] = ["run", "--at", "2026-11-11T10:00", "--lease", "1"];
/// What each server takes for one send, so that fifty kills find something to interrupt.
const PAUSE: Duration = Duration::from_millis(40);

#[tokio::test(flavor = "multi_thread")]
async fn each_key_once_whatever_crashes() {
    // With TIDINGS_AIOSMTPD, a Python that has it, the mail server is one that others wrote.
    let (mail_port, mails) = match std::env::var_os("TIDINGS_AIOSMTPD") {
        Some(python) => aiosmtpd(&python, PAUSE).await,
        None => mail_server(PAUSE).await,
    };
    let (coupon_port, coupons) = coupon_server(PAUSE, mails.clone()).await;
    let project = project(mail_port, coupon_port);

    let seed = std::env::var("TIDINGS_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    let mut draw = rand::rngs::StdRng::seed_from_u64(seed);
    let mut interrupted = 0;
    while interrupted < KILLS {
        let before = sends(&mails, &coupons);
        let mut child = project.start(&RUN);
        // Once it is sending, it lives for up to 300 ms more.
        if wait_for(&mut child, || sends(&mails, &coupons) > before).await {
            tokio::time::sleep(Duration::from_micros(draw.random_range(0..300_000))).await;
            if child.try_wait().unwrap().is_none() {
                interrupted += 1;
            }
            child.kill().unwrap();
        }
        child.wait().unwrap();
        assert!(
            sends(&mails, &coupons) < 2 * CUSTOMERS,
            "after {interrupted} kills nothing is left to interrupt"
        );
    }
    project.run(&RUN);

    for (log, what) in [(&mails, "mails"), (&coupons, "coupons")] {
        let counts = tally(log);
        let twice = counts.values().filter(|n| **n > 1).count();
        assert_eq!(
            (counts.len(), twice),
            (CUSTOMERS, 0),
            "{what} with distinct keys, and how many came twice"
        );
    }
    let sent = || ("sent".to_owned(), CUSTOMERS as u64);
    assert_eq!(project.states(), [sent(), sent()], "coupons and mails");
    let again = project.json(&["run", "--at", "2026-11-11T10:00", "--format", "json"]);
    assert_eq!(again["new"], 0);
    assert_eq!(sends(&mails, &coupons), 2 * CUSTOMERS, "running it again sends nothing again");
}

fn sends(mails: &Log, coupons: &Log) -> usize {
    mails.lock().unwrap().len() + coupons.lock().unwrap().len()
}

/// Whether something comes true before a process ends by itself.
async fn wait_for(child: &mut Child, mut comes_true: impl FnMut() -> bool) -> bool {
    while child.try_wait().unwrap().is_none() {
        if comes_true() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    false
}

fn project(mail_port: u16, coupon_port: u16) -> Project {
    let project = Project::new();
    project.write(
        "tidings.yaml",
        &format!(
            "name: kill\nstore: sqlite:shop.db\nstate: sqlite:state.db\ntime_zone: UTC\ncurrency: USD\n\
             channels:\n  email:\n    kind: smtp\n    host: 127.0.0.1\n    port: {mail_port}\n    tls: none\n    \
             from: shop@example.com\n    on_unknown: {{ask: {{url: \"http://127.0.0.1:{coupon_port}/mails/{{{{ key }}}}\", after: 1 seconds}}}}\n\
             coupons:\n  wake-up: {{provider: api, value: 5 USD}}\n\
             providers:\n  api: {{kind: http, url: \"http://127.0.0.1:{coupon_port}/coupons\", body: {{for: \"{{{{ customer_key }}}}\"}}, keys_remembered_for: 24 hours}}\n"
        ),
    );
    project.write(
        "rules/hello.tidings",
        "rule hello\n  then\n    send wake-up coupon\n    send hello email\nend\n",
    );
    project.write("templates/hello.email.liquid", "subject: Hello\n---\n<p>{{ coupon.code }}</p>\n");
    project.mail_customers(CUSTOMERS);
    project
}
