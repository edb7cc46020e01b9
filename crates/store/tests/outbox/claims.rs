//! Leases, tokens, poison, and messages that wait for their coupon.

use super::*;
use tidings_plan::Grant;

#[tokio::test]
async fn the_urgent_go_first_then_the_oldest() {
    for f in Fresh::each().await {
        let late = Intent { at: AT + 5, ..mail("late") };
        let urgent = Intent { priority: 5, at: AT + 9, ..mail("urgent") };
        f.enqueue(vec![late, mail("early"), urgent]).await;
        let claim = f.claim(Kind::Message, "email").await;
        let order: Vec<_> = claim.rows.iter().map(|r| r.sending.customer.as_str()).collect();
        assert_eq!(order, ["urgent", "early", "late"]);
        assert!(f.claim(Kind::Message, "email").await.rows.is_empty(), "what is held is not claimed again");
    }
}

#[tokio::test]
async fn the_urgent_go_first_also_of_many_and_what_is_not_due_never() {
    for f in Fresh::each().await {
        let many = |i: usize| mail(&format!("c{i:03}"));
        let urgent = Intent { priority: 5, ..mail("urgent") };
        f.enqueue((0..600).map(many).chain([urgent.clone()]).collect()).await;
        let email = outlet(Kind::Message, "email");
        for first in [urgent.key, many(0).key] {
            let claim = f.state.claim("worker", &email, 1, LEASE, None).await.unwrap();
            assert_eq!(claim.rows[0].sending.key, first);
        }
        f.by_hand("UPDATE tidings_outbox SET due_at = 9000000000000000 WHERE customer > 'c100'")
            .await
            .unwrap();
        assert_eq!(f.claim(Kind::Message, "email").await.rows.len(), 100);
        assert!(f.claim(Kind::Message, "email").await.rows.is_empty());
        let outlets = f.state.outlets().await.unwrap();
        assert_eq!(outlets, [email], "what still has to leave");
    }
}

#[tokio::test]
async fn a_worker_that_slept_past_its_lease_cannot_let_anything_out() {
    for f in Fresh::each().await {
        f.enqueue(vec![mail("ann")]).await;
        let slept = f.claim(Kind::Message, "email").await;
        f.advance(LEASE);
        assert_eq!(f.gate(&slept).await.refused.stale, 1, "also before anybody took the row over");
        assert_eq!(f.state.recover().await.unwrap().returned, 1);
        let other = f.claim(Kind::Message, "email").await;
        assert_eq!(other.rows[0].attempts, 1, "nothing had left, so nothing was tried");
        let gated = f.gate(&slept).await;
        assert_eq!((gated.open.len(), gated.refused.stale), (0, 1));
        assert_eq!(f.state.renew(slept.token, LEASE).await.unwrap(), 0);
        assert_eq!(f.state.release(slept.token, &[mail("ann").key]).await.unwrap().stale, 1);
        assert_eq!(f.gate(&other).await.open.len(), 1);
    }
}

#[tokio::test]
async fn a_worker_that_slept_past_its_lease_cannot_write_an_outcome() {
    for f in Fresh::each().await {
        f.enqueue(vec![mail("ann")]).await;
        let slept = f.claim(Kind::Message, "email").await;
        f.gate(&slept).await;
        f.advance(LEASE);
        assert_eq!(f.state.recover().await.unwrap().unknown, 1);
        for outcome in [sent(None), Outcome::Rejected("no".into()), Outcome::Again("busy".into(), None)] {
            assert_eq!(f.state.settle(slept.token, &[(mail("ann").key, outcome)]).await.unwrap().stale, 1);
        }
        assert_eq!(f.states("ann").await, [Status::Unknown]);
    }
}

#[tokio::test]
async fn a_held_claim_outlasts_its_lease_while_it_is_renewed() {
    for f in Fresh::each().await {
        f.enqueue(vec![mail("ann")]).await;
        let claim = f.claim(Kind::Message, "email").await;
        f.advance(LEASE * 2 / 3);
        f.state.renew(claim.token, LEASE).await.unwrap();
        f.advance(LEASE * 2 / 3);
        assert_eq!(f.state.recover().await.unwrap().returned, 0);
    }
}

#[tokio::test]
async fn what_kills_eight_workers_is_quarantined_and_takes_no_other_with_it() {
    for f in Fresh::each().await {
        f.enqueue(vec![mail("poison"), mail("bystander")]).await;
        assert_eq!(f.claim(Kind::Message, "email").await.rows.len(), 2);
        for _ in 0..7 {
            f.advance(LEASE);
            f.state.recover().await.unwrap();
            let alone = f.claim(Kind::Message, "email").await;
            assert_eq!(alone.rows.len(), 1, "a suspect goes alone");
            if alone.rows[0].sending.customer == "bystander" {
                f.gate(&alone).await;
                f.state.settle(alone.token, &[(mail("bystander").key, sent(None))]).await.unwrap();
                f.claim(Kind::Message, "email").await;
            }
        }
        assert_eq!(f.states("poison").await, [Status::Leased], "seven are not enough");
        f.advance(LEASE);
        f.state.recover().await.unwrap();
        f.carry(Kind::Message, "email", sent(None)).await;
        f.advance(LEASE);
        f.state.recover().await.unwrap();
        f.carry(Kind::Message, "email", sent(None)).await;
        assert_eq!(f.states("bystander").await, [Status::Sent]);
        assert_eq!(f.states("poison").await, [Status::Quarantined]);
    }
}

#[tokio::test]
async fn a_busy_provider_is_no_poison_and_is_asked_later_each_time() {
    for f in Fresh::each().await {
        f.enqueue(vec![mail("ann")]).await;
        let outlet = outlet(Kind::Message, "email");
        for seconds in [5, 10, 20, 40] {
            f.carry(Kind::Message, "email", Outcome::Again("busy".into(), None)).await;
            assert!(f.claim(Kind::Message, "email").await.rows.is_empty());
            let wait = f.state.next_due(&outlet, None).await.unwrap().unwrap();
            let most = Duration::from_secs(seconds);
            assert!((most * 4 / 5 - LEASE / 30..=most).contains(&wait), "{wait:?} of {most:?}");
            f.advance(wait);
        }
        f.carry(Kind::Message, "email", Outcome::Again("come back in a year".into(), Some(31_536_000))).await;
        assert!(f.state.next_due(&outlet, None).await.unwrap().unwrap() <= Duration::from_secs(86_400));
        for _ in 0..20 {
            f.advance(Duration::from_secs(86_400));
            f.carry(Kind::Message, "email", Outcome::Again("busy".into(), None)).await;
        }
        assert_eq!(f.states("ann").await, [Status::Rejected], "twenty times, not for ever");
    }
}

#[tokio::test]
async fn what_failed_together_does_not_come_back_together_nor_before_the_provider_wants_it() {
    for f in Fresh::each().await {
        f.enqueue((0..100).map(|n| mail(&format!("c{n}"))).collect()).await;
        let due = async |wait| {
            f.carry(Kind::Message, "email", Outcome::Again("busy".into(), wait)).await;
            let rows = f.state.outbox_rows(&RowFilter::default(), 100).await.unwrap();
            let due: Vec<i64> = rows.iter().map(|row| row.due_at).collect();
            (*due.iter().min().unwrap(), *due.iter().max().unwrap())
        };
        let (first, last) = due(None).await;
        assert!(last - first > 500_000, "{} µs of five seconds", last - first);
        f.advance(Duration::from_secs(6));
        let (asked, _) = due(Some(600)).await;
        assert!(asked - first >= 600_000_000);
    }
}

#[tokio::test]
async fn a_message_waits_for_its_coupon_and_shows_it() {
    for f in Fresh::each().await {
        f.enqueue(vec![mail_with_coupon("ann"), coupon("ann")]).await;
        assert!(f.claim(Kind::Message, "email").await.rows.is_empty());
        f.carry(Kind::Coupon, "shop", sent(Some("WAKE-1"))).await;
        let claim = f.claim(Kind::Message, "email").await;
        let expected = Grant {
            code: "WAKE-1".into(),
            value: "20 CNY".into(),
            label: Some("Welcome back".into()),
            expires: Some(1_790_000_000_000_000),
        };
        assert_eq!(claim.rows[0].grant, Some(expected));
    }
}

#[tokio::test]
async fn a_message_whose_coupon_failed_is_called_off_whichever_way_it_failed() {
    for outcome in [Outcome::Rejected("budget spent".into()), sent(None), Outcome::Unknown("reset".into())] {
        for f in Fresh::each().await {
            f.enqueue(vec![coupon("ann"), mail_with_coupon("ann")]).await;
            f.carry(Kind::Coupon, "shop", outcome.clone()).await;
            f.state.resolve(&outlet(Kind::Coupon, "shop"), OnUnknown::Leave).await.unwrap();
            assert_eq!(f.states("ann").await[1], Status::Cancelled);
            let reason = f.state.ledger("ann").await.unwrap()[1].reason.clone().unwrap();
            assert!(reason.starts_with("no coupon code"), "{reason}");
        }
    }
}

#[tokio::test]
async fn a_message_that_comes_after_its_coupon_has_ended_does_not_wait_for_ever() {
    for (outcome, state) in
        [(sent(Some("C")), Status::Pending), (Outcome::Rejected("no".into()), Status::Cancelled)]
    {
        for f in Fresh::each().await {
            f.enqueue(vec![coupon("ann")]).await;
            f.carry(Kind::Coupon, "shop", outcome.clone()).await;
            f.enqueue(vec![mail_with_coupon("ann")]).await;
            assert_eq!(f.states("ann").await[1], state);
            assert_eq!(
                f.claim(Kind::Message, "email").await.rows.len(),
                usize::from(state == Status::Pending)
            );
        }
    }
}
