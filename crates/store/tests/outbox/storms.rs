//! Many at once: opt-outs, frozen workers, coupons that end while their messages are written down.

use super::*;
use rand::RngExt;
use rand::seq::SliceRandom;
use std::collections::HashMap;
use tidings_store::{Feedback, FeedbackKind};

/// Claims, lets out and settles until nothing is due.
async fn drain(state: State, batch: u32) {
    loop {
        let claim = state.claim("w", &outlet(Kind::Message, "email"), batch, LEASE, None).await.unwrap();
        if claim.rows.is_empty() {
            return;
        }
        let open = gate_of(&state, &claim).await.unwrap().open;
        let outcomes: Vec<_> = open.into_iter().map(|key| (key, sent(None))).collect();
        state.settle(claim.token, &outcomes).await.unwrap();
    }
}

/// A gate and a no take turns, and each reads the database's clock when it has its turn: so what was let out has an
/// earlier moment than its customer's no, or the gate did not know of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_2000_random_opt_outs_among_5000_queued_none_is_followed_by_a_send() {
    for f in Fresh::each().await {
        let names: Vec<String> = (0..5_000).map(|i| format!("c{i}")).collect();
        for page in names.chunks(1_000) {
            f.enqueue(page.iter().map(|name| mail(name)).collect()).await;
        }
        let mut leaving = names.clone();
        leaving.shuffle(&mut rand::rng());
        let (before, meanwhile) = leaving[..2_000].split_at(200);
        say_no(&f.state, before).await;
        let mut tasks = tokio::task::JoinSet::new();
        for part in meanwhile.chunks(450) {
            let (state, part) = (f.again().await, part.to_vec());
            tasks.spawn(async move { say_no(&state, &part).await });
        }
        for _ in 0..2 {
            tasks.spawn(drain(f.again().await, 5));
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
        drain(f.state.clone(), 100).await;
        let said: HashMap<String, i64> = said_no(&f, &leaving[..2_000]).await;
        assert_eq!(said.len(), 2_000);
        let mut stopped = 0;
        for row in f.state.outbox_rows(&RowFilter::default(), 10_000).await.unwrap() {
            match (row.dispatched_at, said.get(&row.customer)) {
                (Some(left), Some(no)) => {
                    assert!(left <= *no, "{} left {} µs too late", row.customer, left - no)
                }
                (Some(_), None) => assert_eq!(row.status, Status::Sent),
                (None, said) => {
                    assert!(said.is_some() && row.status.ended(), "{row:?}");
                    stopped += 1;
                }
            }
        }
        assert!(stopped > 200, "the opt-outs came too late to show anything: {stopped}");
    }
}

/// In each of the ways.
async fn say_no(state: &State, customers: &[String]) {
    for (n, name) in customers.iter().enumerate() {
        let address = format!("{name}@shop.example");
        match n % 3 {
            0 => state.withdraw_consent(name, "email", "link").await.unwrap(),
            1 => assert!(state.suppress("email", &address, "asked to", "test").await.unwrap()),
            _ => {
                let complaint = Feedback { kind: FeedbackKind::Complaint, detail: String::new() };
                assert!(state.feedback(mail(name).key, &complaint).await.unwrap());
            }
        }
    }
}

/// When each customer said no, by the database's clock.
async fn said_no(f: &Fresh, customers: &[String]) -> HashMap<String, i64> {
    let by_hash: HashMap<String, &String> = customers
        .iter()
        .map(|name| {
            let address = format!("{name}@shop.example");
            (hex::encode(tidings_plan::history::address_hash(f.state.secret(), "email", &address)), name)
        })
        .collect();
    let suppressed = f.state.suppressions().await.unwrap();
    let mut said: HashMap<String, i64> =
        suppressed.into_iter().map(|s| (by_hash[&s.hash].clone(), s.at)).collect();
    for name in customers {
        let words = f.state.consents(name).await.unwrap();
        said.extend(words.first().map(|word| (name.clone(), word.at)));
    }
    said
}

#[tokio::test]
async fn workers_that_were_frozen_past_their_lease_write_nothing() {
    for f in Fresh::each().await {
        for trial in 0..100 {
            let name = format!("c{trial}");
            f.enqueue(vec![mail(&name)]).await;
            let frozen = f.claim(Kind::Message, "email").await;
            let let_out = rand::rng().random_bool(0.5);
            if let_out {
                f.gate(&frozen).await;
            }
            f.advance(LEASE);
            f.state.recover().await.unwrap();
            let other = f.claim(Kind::Message, "email").await;
            assert_eq!(other.rows.is_empty(), let_out, "what may have left is not claimed again");
            if !let_out && rand::rng().random_bool(0.5) {
                f.gate(&other).await;
            }
            let before = f.state.ledger(&name).await.unwrap();
            let key = mail(&name).key;
            let mut stale = f.gate(&frozen).await.refused.stale;
            for outcome in [sent(None), Outcome::Rejected("no".into()), Outcome::Again("busy".into(), None)] {
                stale += f.state.settle(frozen.token, &[(key, outcome)]).await.unwrap().stale;
            }
            stale += f.state.release(frozen.token, &[key]).await.unwrap().stale;
            assert_eq!((stale, f.state.renew(frozen.token, LEASE).await.unwrap()), (5, 0));
            assert_eq!(f.state.ledger(&name).await.unwrap(), before);
            f.state.cancel(None, "the trial is over").await.unwrap();
            f.advance(LEASE);
            f.state.recover().await.unwrap();
            f.state.cancel(None, "the trial is over").await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_written_down_while_its_coupon_ends_neither_waits_for_ever_nor_leaves_without() {
    for f in Fresh::each().await {
        let names: Vec<String> = (0..60).map(|i| format!("c{i}")).collect();
        f.enqueue(names.iter().map(|name| coupon(name)).collect()).await;
        let claim = f.claim(Kind::Coupon, "shop").await;
        let open = f.gate(&claim).await.open;
        let (settling, writing) = (f.again().await, f.again().await);
        let (token, run) = (claim.token, f.run);
        let settle = tokio::spawn(async move {
            for (n, key) in open.into_iter().enumerate() {
                let outcome = if n % 2 == 0 { sent(Some("C")) } else { Outcome::Rejected("no".into()) };
                settling.settle(token, &[(key, outcome)]).await.unwrap();
            }
        });
        let write = tokio::spawn({
            let names = names.clone();
            async move {
                for name in &names {
                    writing.enqueue(run, &page(vec![mail_with_coupon(name)])).await.unwrap();
                }
            }
        });
        settle.await.unwrap();
        write.await.unwrap();
        assert_eq!(f.claim(Kind::Message, "email").await.rows.len(), 30, "each that has its coupon");
        let cancelled = RowFilter { status: Some(Status::Cancelled), ..RowFilter::default() };
        assert_eq!(f.state.outbox_rows(&cancelled, 100).await.unwrap().len(), 30, "and no other waits");
    }
}
