//! The next channel of a message.

use super::*;
use tidings_plan::Fallback;

fn by_sms(customer: &str) -> Fallback {
    Fallback {
        key: key("send wake-up by sms", customer),
        step: "send wake-up by sms".into(),
        channel: "sms".into(),
        address: "+15550100".into(),
        values: r#"{"short": true}"#.into(),
    }
}

fn with_fallback(customer: &str) -> Intent {
    let push = Fallback { key: key("by push", customer), channel: "push".into(), ..by_sms(customer) };
    Intent {
        fallback: vec![by_sms(customer), push],
        expires: Some(i64::MAX / 4),
        ..mail_with_coupon(customer)
    }
}

#[tokio::test]
async fn a_refused_message_goes_by_its_next_channel_and_counts_once() {
    for f in Fresh::each().await {
        f.enqueue(vec![coupon("ann"), with_fallback("ann")]).await;
        f.carry(Kind::Coupon, "shop", sent(Some("C"))).await;
        f.carry(Kind::Message, "email", Outcome::Rejected("no such mailbox".into())).await;
        assert_eq!(f.states("ann").await, [Status::Sent, Status::Rejected, Status::Pending]);
        let claim = f.claim(Kind::Message, "sms").await;
        let row = &claim.rows[0];
        assert_eq!(row.sending.address.as_deref(), Some("+15550100"));
        assert_eq!(row.sending.values, r#"{"short": true}"#);
        assert_eq!(row.grant.as_ref().unwrap().code, "C", "the same coupon");
        f.gate(&claim).await;
        f.state
            .settle(claim.token, &[(row.sending.key, Outcome::Rejected("not a mobile".into()))])
            .await
            .unwrap();
        f.carry(Kind::Message, "push", Outcome::Rejected("no device".into())).await;
        assert_eq!(f.states("ann").await[1..], [Status::Rejected; 3], "and then it is over");
        let counts = f.state.outbox_counts(Some(f.run)).await.unwrap();
        assert_eq!(counts.iter().map(|c| c.rows).sum::<u64>(), 2, "as many as were decided: {counts:?}");
    }
}

#[tokio::test]
async fn what_may_have_left_has_no_next_channel() {
    for f in Fresh::each().await {
        f.enqueue(vec![Intent { after: None, ..with_fallback("ann") }]).await;
        f.carry(Kind::Message, "email", Outcome::Unknown("reset".into())).await;
        let policy = OnUnknown::Retry(1_000_000);
        f.state.resolve(&outlet(Kind::Message, "email"), policy).await.unwrap();
        assert_eq!(f.state.fall_back(&outlet(Kind::Message, "email"), 10).await.unwrap().to.len(), 0);
        f.advance(Duration::from_secs(10));
        let claim = f.claim(Kind::Message, "email").await;
        f.gate_with(&claim, policy).await;
        f.state.settle(claim.token, &[(mail("ann").key, Outcome::Rejected("no".into()))]).await.unwrap();
        assert_eq!(f.states("ann").await, [Status::Rejected]);
    }
}

#[tokio::test]
async fn while_a_channel_is_down_the_next_one_takes_over_what_waits() {
    for f in Fresh::each().await {
        f.enqueue(vec![Intent { after: None, ..with_fallback("ann") }, mail("bob")]).await;
        let moves = f.state.fall_back(&outlet(Kind::Message, "email"), 10).await.unwrap();
        assert_eq!(moves.to[&Status::Rejected], 1);
        let row = &f.state.ledger("ann").await.unwrap()[0];
        assert_eq!(row.reason.as_deref(), Some("the channel is down"));
        f.carry(Kind::Message, "sms", sent(None)).await;
        assert_eq!(f.states("ann").await, [Status::Rejected, Status::Sent]);
        assert_eq!(f.states("bob").await, [Status::Pending], "what has no other channel waits for this one");
    }
}

#[tokio::test]
async fn what_is_paused_or_not_due_does_not_fall_back() {
    for f in Fresh::each().await {
        let email = outlet(Kind::Message, "email");
        let rule = |rule: &str, who| Intent { rule: rule.into(), after: None, ..with_fallback(who) };
        f.enqueue(vec![rule("paused", "ann"), rule("other", "bob")]).await;
        let claim = f.claim(Kind::Message, "email").await;
        f.gate(&claim).await;
        let busy = |who| (mail(who).key, Outcome::Again("busy".into(), None));
        f.state.settle(claim.token, &[busy("ann"), busy("bob")]).await.unwrap();
        assert_eq!(f.state.fall_back(&email, 10).await.unwrap().to.len(), 0, "they are not due");
        f.advance(Duration::from_secs(10));
        for scope in [Scope::All, Scope::Channel("email".into())] {
            f.state.pause(&scope, "wrong price").await.unwrap();
            assert_eq!(f.state.fall_back(&email, 10).await.unwrap().to.len(), 0, "{scope:?}");
            f.state.resume(&scope).await.unwrap();
        }
        f.state.pause(&Scope::Rule("paused".into()), "wrong price").await.unwrap();
        f.state.fall_back(&email, 10).await.unwrap();
        assert_eq!(f.states("ann").await, [Status::Pending]);
        assert_eq!(f.states("bob").await, [Status::Rejected, Status::Pending]);
    }
}
