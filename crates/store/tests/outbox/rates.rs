//! How fast things leave, by the database's clock.

use super::*;
use std::collections::BTreeMap;
use tidings_plan::{Door, Rate};

const SECOND: Duration = Duration::from_secs(1);

fn many(n: usize) -> Vec<Intent> {
    (0..n).map(|i| mail(&format!("c{i}"))).collect()
}

#[tokio::test]
async fn claims_of_all_workers_together_keep_to_the_rate() {
    for f in Fresh::each().await {
        f.enqueue(many(200)).await;
        // In simulated time, in which next to none passes by itself.
        let rate = Some(Rate { count: 20, per: Duration::from_secs(200) });
        let other = f.again().await;
        let mut claimed = 0;
        for second in 0..300 {
            for state in [&f.state, &other, &f.state] {
                let claim =
                    state.claim("w", &outlet(Kind::Message, "email"), 100, LEASE, rate).await.unwrap();
                claimed += claim.rows.len();
            }
            assert!(claimed <= 2 + second / 10, "{claimed} in {second} seconds");
            f.advance(SECOND);
            other.advance(1_000_000);
        }
        assert!(claimed >= 29, "{claimed}");
        let wait = f.state.next_due(&outlet(Kind::Message, "email"), rate).await.unwrap().unwrap();
        assert!(wait <= Duration::from_secs(10), "{wait:?}");
    }
}

#[tokio::test]
async fn six_hours_down_are_no_excuse_for_a_flood() {
    for f in Fresh::each().await {
        f.enqueue(many(300)).await;
        let rate = Some(Rate { count: 50, per: SECOND });
        let outlet = outlet(Kind::Message, "email");
        f.state.claim("w", &outlet, 1, LEASE, rate).await.unwrap();
        f.advance(Duration::from_secs(6 * 3_600));
        let claim = f.state.claim("w", &outlet, 300, LEASE, rate).await.unwrap();
        assert_eq!(claim.rows.len(), 5, "a tenth of a second's worth");
        let wait = f.state.next_due(&outlet, rate).await.unwrap().unwrap();
        assert!(wait <= Duration::from_millis(100), "{wait:?}");
    }
}

#[tokio::test]
async fn a_clock_that_steps_back_does_not_stop_an_outlet() {
    for f in Fresh::each().await {
        f.enqueue(many(2)).await;
        let rate = Some(Rate { count: 1, per: SECOND });
        let outlet = outlet(Kind::Message, "email");
        f.advance(SECOND * 3_600);
        f.by_hand("UPDATE tidings_outbox SET due_at = 0").await.unwrap();
        assert_eq!(f.state.claim("w", &outlet, 5, LEASE, rate).await.unwrap().rows.len(), 1);
        f.state.advance(-3_600_000_000);
        let wait = f.state.next_due(&outlet, rate).await.unwrap().unwrap();
        assert!(wait <= SECOND, "{wait:?}");
        f.state.claim("w", &outlet, 5, LEASE, rate).await.unwrap();
        f.advance(SECOND);
        assert_eq!(f.state.claim("w", &outlet, 5, LEASE, rate).await.unwrap().rows.len(), 1);
    }
}

#[tokio::test]
async fn a_domain_takes_only_so_many_and_the_others_do_not_wait_for_it() {
    for f in Fresh::each().await {
        let to = |i: usize, domain: &str| Intent {
            address: Some(format!("c{i}@{domain}")),
            ..mail(&format!("c{i}"))
        };
        let rows: Vec<_> =
            (0..40).map(|i| to(i, if i % 2 == 0 { "big.example" } else { "small.example" })).collect();
        f.enqueue(rows).await;
        let rates = [("big.example".to_owned(), Rate { count: 1, per: Duration::from_secs(60) })];
        let mut open: BTreeMap<usize, usize> = BTreeMap::new();
        for minute in 0..25 {
            let claim = f.claim(Kind::Message, "email").await;
            let prepared = prepared(&claim);
            let door = Door::default();
            let gate = f.state.gate(claim.token, &prepared, OnUnknown::Leave, LEASE, &door, &rates);
            let gated = gate.await.unwrap();
            open.insert(minute, gated.open.len());
            f.advance(Duration::from_secs(61));
        }
        assert_eq!(open[&0], 21);
        assert!(open.values().skip(1).all(|n| *n <= 1), "{open:?}");
        assert_eq!(open.values().sum::<usize>(), 40, "none is lost: {open:?}");
        let attempts: u32 =
            f.state.outbox_rows(&RowFilter::default(), 100).await.unwrap().iter().map(|r| r.attempts).sum();
        assert_eq!(attempts, 40, "waiting is no attempt");
    }
}
