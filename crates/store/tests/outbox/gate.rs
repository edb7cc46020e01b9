//! What happens between the decision and the wire.

use super::*;
use sqlx::{Connection, Executor};
use tidings_plan::Rate;
use tidings_store::{Feedback, FeedbackKind};

#[tokio::test]
async fn a_no_between_the_claim_and_the_gate_stops_the_send() {
    for f in Fresh::each().await {
        f.enqueue(vec![mail("ann"), mail("bob"), mail("eve"), mail("old"), mail("bad")]).await;
        f.enqueue(vec![Intent { expires: Some(AT), ..mail("late") }]).await;
        let claim = f.claim(Kind::Message, "email").await;
        f.state.suppress("email", " Ann@SHOP.example", "complaint", "test").await.unwrap();
        f.state.withdraw_consent("bob", "email", "link in mail").await.unwrap();
        f.state.suppress("sms", "eve@shop.example", "complaint", "test").await.unwrap();
        f.state.withdraw_consent("eve", "sms", "link in mail").await.unwrap();
        f.state.suppress("email", "old@shop.example", "typed in", "test").await.unwrap();
        f.state.unsuppress("email", "old@shop.example").await.unwrap();
        let payload = |customer: &str| {
            if customer == "bad" { Err("no subject".to_owned()) } else { Ok("payload".to_owned()) }
        };
        let prepared: Vec<_> =
            claim.rows.iter().map(|r| (r.sending.key, payload(&r.sending.customer))).collect();
        let gated = f
            .state
            .gate(claim.token, &prepared, OnUnknown::Leave, LEASE, &Door::default(), &[])
            .await
            .unwrap();
        let mut open = gated.open;
        open.sort();
        let mut expected = [mail("eve").key, mail("old").key];
        expected.sort();
        assert_eq!(open, expected);
        for (customer, state) in [
            ("ann", Status::Suppressed),
            ("bob", Status::NoConsent),
            ("eve", Status::Dispatching),
            ("late", Status::Expired),
            ("bad", Status::Quarantined),
        ] {
            assert_eq!(f.states(customer).await, [state], "{customer}");
        }
    }
}

#[tokio::test]
async fn a_webhook_asks_for_no_consent() {
    for f in Fresh::each().await {
        f.state.withdraw_consent("ann", "crm", "test").await.unwrap();
        f.enqueue(vec![Intent { kind: Kind::Webhook, channel: "crm".into(), address: None, ..mail("ann") }])
            .await;
        f.carry(Kind::Webhook, "crm", sent(None)).await;
        assert_eq!(f.states("ann").await, [Status::Sent]);
    }
}

#[tokio::test]
async fn what_waits_can_be_called_off() {
    for f in Fresh::each().await {
        f.enqueue(vec![mail("ann"), coupon("bob"), mail_with_coupon("bob")]).await;
        assert_eq!(f.state.cancel(Some(&outlet(Kind::Coupon, "shop")), "wrong price").await.unwrap(), 1);
        assert_eq!(f.states("bob").await, [Status::Cancelled, Status::Cancelled]);
        assert_eq!(f.states("ann").await, [Status::Pending]);
    }
}

/// A file has one writer anyway.
#[tokio::test(flavor = "multi_thread")]
async fn on_a_server_a_no_waits_for_the_gates_before_it() {
    let Some(f) = Fresh::server().await else { return };
    for word in ["withdrawn", "suppressed", "complained", "paused", "erased"] {
        let before = Intent { key: key("before", word), step: "before".into(), ..mail(word) };
        f.enqueue(vec![before]).await;
        f.carry(Kind::Message, "email", sent(None)).await;
        f.enqueue(vec![mail(word)]).await;
        let claim = f.claim(Kind::Message, "email").await;
        // The gate has seen that nobody said anything, and cannot go on for a while.
        let mut other = sqlx::PgConnection::connect(&f.url).await.unwrap();
        other.execute("BEGIN; LOCK TABLE tidings_rates IN EXCLUSIVE MODE").await.unwrap();
        let (state, prepared, token) = (f.again().await, prepared(&claim), claim.token);
        let gate = tokio::spawn(async move {
            let rates = [("shop.example".to_owned(), Rate { count: 1_000, per: Duration::from_secs(1) })];
            state.gate(token, &prepared, OnUnknown::Leave, LEASE, &Door::default(), &rates).await.unwrap()
        });
        f.until_waiting(1, || ()).await;
        let state = f.again().await;
        let no = tokio::spawn(async move {
            let complaint = Feedback { kind: FeedbackKind::Complaint, detail: String::new() };
            let address = format!("{word}@shop.example");
            match word {
                "withdrawn" => state.withdraw_consent(word, "email", "link").await.unwrap(),
                "suppressed" => drop(state.suppress("email", &address, "asked to", "test").await.unwrap()),
                "complained" => drop(state.feedback(key("before", word), &complaint).await.unwrap()),
                "paused" => state.pause(&Scope::Channel("email".into()), "test").await.unwrap(),
                _ => drop(state.erase(word).await.unwrap()),
            }
        });
        let early = || assert!(!no.is_finished(), "{word} was committed while the gate let the mail out");
        f.until_waiting(2, early).await;
        other.execute("COMMIT").await.unwrap();
        no.await.unwrap();
        assert_eq!(gate.await.unwrap().open, [mail(word).key]);
        f.state.resume(&Scope::Channel("email".into())).await.unwrap();
    }
}
