//! What became of a send of which nobody knows.

use super::*;
use tidings_plan::Asked;

async fn in_doubt(f: &Fresh) {
    f.enqueue(vec![mail("ann")]).await;
    f.carry(Kind::Message, "email", Outcome::Unknown("reset after the dot".into())).await;
}

fn email() -> Outlet {
    outlet(Kind::Message, "email")
}

#[tokio::test]
async fn a_doubt_is_never_claimed_and_is_left_where_nobody_can_be_asked() {
    for f in Fresh::each().await {
        in_doubt(&f).await;
        f.advance(Duration::from_secs(1_000_000));
        f.state.recover().await.unwrap();
        assert!(f.claim(Kind::Message, "email").await.rows.is_empty());
        f.state.resolve(&email(), OnUnknown::Leave).await.unwrap();
        assert_eq!(f.states("ann").await, [Status::Unconfirmed]);
        assert!(f.claim(Kind::Message, "email").await.rows.is_empty());
    }
}

#[tokio::test]
async fn a_repeat_is_the_same_bytes_and_only_while_the_provider_remembers() {
    for f in Fresh::each().await {
        let policy = OnUnknown::Retry(1_000);
        in_doubt(&f).await;
        f.advance(Duration::from_secs(700));
        f.state.resolve(&email(), policy).await.unwrap();
        f.advance(Duration::from_secs(10));
        let again = f.claim(Kind::Message, "email").await;
        assert_eq!(again.rows[0].payload.as_deref(), Some("payload"));
        let other = [(mail("ann").key, Ok("other bytes".to_owned()))];
        assert_eq!(
            f.state.gate(again.token, &other, policy, LEASE, &Door::default(), &[]).await.unwrap().open.len(),
            1
        );
        f.state.settle(again.token, &[(mail("ann").key, Outcome::Unknown("reset".into()))]).await.unwrap();
        f.state.resolve(&email(), policy).await.unwrap();
        f.advance(Duration::from_secs(85));
        let last = f.claim(Kind::Message, "email").await;
        assert_eq!(last.rows[0].payload.as_deref(), Some("payload"), "the first bytes stand");
        f.advance(Duration::from_secs(10));
        assert_eq!(
            f.gate_with(&last, policy).await.open.len(),
            0,
            "805 of 1000 seconds have gone since the first"
        );
        assert_eq!(f.states("ann").await, [Status::Unconfirmed]);
    }
}

#[tokio::test]
async fn a_doubt_older_than_the_provider_s_memory_is_left() {
    for f in Fresh::each().await {
        in_doubt(&f).await;
        f.advance(Duration::from_secs(801));
        f.state.resolve(&email(), OnUnknown::Retry(1_000)).await.unwrap();
        assert_eq!(f.states("ann").await, [Status::Unconfirmed]);
    }
}

#[tokio::test]
async fn what_was_to_be_sent_again_is_not_where_its_channel_says_otherwise_by_then() {
    for f in Fresh::each().await {
        for policy in [OnUnknown::Leave, OnUnknown::Ask(60), OnUnknown::TwiceWithCoupon] {
            let name = format!("{policy:?}");
            f.enqueue(vec![mail(&name)]).await;
            f.carry(Kind::Message, "email", Outcome::Unknown("reset after the dot".into())).await;
            f.state.resolve(&email(), OnUnknown::Retry(1_000)).await.unwrap();
            f.advance(Duration::from_secs(10));
            let claim = f.claim(Kind::Message, "email").await;
            assert_eq!((claim.rows.len(), f.gate_with(&claim, policy).await.open.len()), (1, 0), "{name}");
            assert_eq!(f.states(&name).await, [Status::Unconfirmed], "{name}");
        }
    }
}

#[tokio::test]
async fn what_may_have_left_is_never_called_refused() {
    for f in Fresh::each().await {
        in_doubt(&f).await;
        f.state.resolve(&email(), OnUnknown::Retry(1_000)).await.unwrap();
        f.advance(Duration::from_secs(10));
        f.state.suppress("email", "ann@shop.example", "complaint", "test").await.unwrap();
        f.carry(Kind::Message, "email", sent(None)).await;
        let row = &f.state.ledger("ann").await.unwrap()[0];
        assert_eq!(
            (row.status, row.reason.as_deref()),
            (Status::Unconfirmed, Some("the address is suppressed"))
        );
    }
}

#[tokio::test]
async fn the_receiver_is_asked_not_before_its_answer_can_be_trusted() {
    for f in Fresh::each().await {
        in_doubt(&f).await;
        let policy = OnUnknown::Ask(60);
        assert!(f.state.resolve(&email(), policy).await.unwrap().1.is_empty());
        let wait = f.state.next_due(&email(), None).await.unwrap().unwrap();
        assert!(wait > Duration::from_secs(55) && wait <= Duration::from_secs(60), "{wait:?}");
        f.advance(wait);
        let doubts = f.state.resolve(&email(), policy).await.unwrap().1;
        f.state.answered(doubts[0], &Asked::CannotTell("timeout".into())).await.unwrap();
        assert!(f.state.resolve(&email(), policy).await.unwrap().1.is_empty(), "not at once again");
        f.advance(Duration::from_secs(30));
        let doubts = f.state.resolve(&email(), policy).await.unwrap().1;
        f.state.answered(doubts[0], &Asked::Happened { code: None }).await.unwrap();
        assert_eq!(f.states("ann").await, [Status::Sent]);
    }
}

#[tokio::test]
async fn an_answer_about_an_earlier_dispatch_changes_nothing() {
    for f in Fresh::each().await {
        in_doubt(&f).await;
        f.advance(Duration::from_secs(1));
        let old = f.state.resolve(&email(), OnUnknown::Ask(0)).await.unwrap().1[0];
        f.state.answered(old, &Asked::DidNot).await.unwrap();
        assert_eq!(f.states("ann").await, [Status::Pending]);
        f.carry(Kind::Message, "email", Outcome::Unknown("reset".into())).await;
        assert_eq!(f.state.answered(old, &Asked::DidNot).await.unwrap().stale, 1);
        assert_eq!(f.states("ann").await, [Status::Unknown]);
    }
}

#[tokio::test]
async fn a_mail_that_shows_a_coupon_is_sent_twice_at_most_and_any_other_once() {
    for f in Fresh::each().await {
        f.enqueue(vec![coupon("ann"), mail_with_coupon("ann"), mail("bob")]).await;
        f.carry(Kind::Coupon, "shop", sent(Some("C"))).await;
        let policy = OnUnknown::TwiceWithCoupon;
        let mut left = Vec::new();
        for _ in 0..4 {
            let claim = f.claim(Kind::Message, "email").await;
            let open = f.gate_with(&claim, policy).await.open;
            let unknown: Vec<_> = open.iter().map(|key| (*key, Outcome::Unknown("reset".into()))).collect();
            f.state.settle(claim.token, &unknown).await.unwrap();
            left.extend(open);
            f.state.resolve(&email(), policy).await.unwrap();
            f.advance(Duration::from_secs(60));
        }
        left.sort();
        let mut expected = vec![mail("ann").key, mail("ann").key, mail("bob").key];
        expected.sort();
        assert_eq!(left, expected);
        assert_eq!(f.states("ann").await[1], Status::Unconfirmed);
        assert_eq!(f.states("bob").await, [Status::Unconfirmed]);
    }
}
