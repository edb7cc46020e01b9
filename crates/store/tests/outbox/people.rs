//! What customers, receivers and the people who run the engine say.

use super::*;
use sqlx::{Connection, Executor};
use tidings_store::{Consent, Feedback, FeedbackKind};

#[tokio::test]
async fn an_import_does_not_bring_a_withdrawn_consent_back_and_every_word_is_kept() {
    for f in Fresh::each().await {
        assert!(f.state.grant_consent("ann", "email", "sign-up form").await.unwrap());
        f.state.withdraw_consent("ann", "email", "link in mail").await.unwrap();
        assert!(!f.state.grant_consent("ann", "email", "import").await.unwrap());
        assert!(f.state.withdrawn("email").await.unwrap().contains("ann"));
        let holding: Vec<Consent> = f.state.consents("ann").await.unwrap();
        assert_eq!((holding.len(), holding[0].given, holding[0].source.as_str()), (1, false, "link in mail"));
        let log = f.state.consent_log("ann").await.unwrap();
        let words: Vec<_> = log.iter().map(|word| (word.given, word.source.as_str())).collect();
        assert_eq!(words, [(true, "sign-up form"), (false, "link in mail"), (true, "import")]);
        f.by_hand("UPDATE tidings_consent_words SET withdrawn = 0").await.unwrap_err();
    }
}

#[tokio::test]
async fn a_later_yes_lifts_a_withdrawal_and_no_suppression() {
    for f in Fresh::each().await {
        f.state.withdraw_consent("ann", "email", "link in mail").await.unwrap();
        f.state.suppress("email", "ann@shop.example", "complaint", "test").await.unwrap();
        let no = f.state.consents("ann").await.unwrap()[0].at;
        for before in [no - 1, no] {
            assert!(!f.state.renew_consent("ann", "email", "form 6", before).await.unwrap());
        }
        assert!(f.state.withdrawn("email").await.unwrap().contains("ann"));
        f.advance(Duration::from_secs(60));
        // What is still to come has not been said.
        assert!(f.state.renew_consent("ann", "email", "form 7", i64::MAX).await.unwrap());
        assert!(f.state.withdrawn("email").await.unwrap().is_empty());
        let holding = f.state.consents("ann").await.unwrap();
        assert!(holding[0].given && holding[0].at < no + 120_000_000 && holding[0].source == "form 7");
        assert_eq!(f.state.consent_log("ann").await.unwrap().len(), 4);
        f.enqueue(vec![mail("ann")]).await;
        f.carry(Kind::Message, "email", sent(None)).await;
        assert_eq!(f.states("ann").await, [Status::Suppressed]);
        f.state.withdraw_consent("ann", "email", "link in mail").await.unwrap();
        assert!(f.state.withdrawn("email").await.unwrap().contains("ann"));
        // It has to be later than the last no, not than the first.
        f.advance(Duration::from_secs(60));
        let between = f.state.consents("ann").await.unwrap()[0].at + 1;
        f.state.withdraw_consent("ann", "email", "by telephone").await.unwrap();
        assert!(!f.state.renew_consent("ann", "email", "form 8", between).await.unwrap());
    }
}

#[tokio::test]
async fn a_hard_bounce_and_a_complaint_suppress_the_address_and_a_full_mailbox_does_not() {
    for f in Fresh::each().await {
        for (customer, kind, suppressed) in [
            ("hard", FeedbackKind::Hard, true),
            ("spam", FeedbackKind::Complaint, true),
            ("full", FeedbackKind::Soft, false),
        ] {
            f.enqueue(vec![mail(customer)]).await;
            f.carry(Kind::Message, "email", sent(None)).await;
            let feedback = Feedback { kind, detail: "5.1.1 no such user".into() };
            assert!(f.state.feedback(mail(customer).key, &feedback).await.unwrap());
            assert!(!f.state.feedback(key("unheard of", customer), &feedback).await.unwrap());
            let again = Intent { key: key("again", customer), ..mail(customer) };
            f.enqueue(vec![again]).await;
            f.carry(Kind::Message, "email", sent(None)).await;
            let expected = if suppressed { Status::Suppressed } else { Status::Sent };
            assert_eq!(f.states(customer).await[1], expected, "{customer}");
        }
    }
}

#[tokio::test]
async fn a_no_to_an_address_holds_for_everybody_who_has_it() {
    for f in Fresh::each().await {
        let at = |customer: &str, address: &str| Intent { address: Some(address.into()), ..mail(customer) };
        f.enqueue(vec![at("ann", "Home@shop.example"), at("bob", " home@SHOP.example "), mail("eve")]).await;
        let claim = f.claim(Kind::Message, "email").await;
        f.state.suppress("email", "home@shop.example", "asked to", "by hand").await.unwrap();
        assert_eq!(f.gate(&claim).await.open, [mail("eve").key]);
        f.state.unsuppress("email", "HOME@shop.example").await.unwrap();
        let again = |customer: &str, step: &str| Intent {
            key: key(step, customer),
            step: step.into(),
            ..at(customer, "home@shop.example")
        };
        f.enqueue(vec![again("ann", "second")]).await;
        f.carry(Kind::Message, "email", sent(None)).await;
        let bounce = Feedback { kind: FeedbackKind::Hard, detail: "5.1.1".into() };
        f.state.feedback(key("second", "ann"), &bounce).await.unwrap();
        f.enqueue(vec![again("bob", "third")]).await;
        f.carry(Kind::Message, "email", sent(None)).await;
        assert_eq!(f.states("bob").await, [Status::Suppressed, Status::Suppressed]);
    }
}

#[tokio::test]
async fn a_customer_who_is_erased_while_queued_gets_nothing_and_leaves_no_trace_but_their_no() {
    for f in Fresh::each().await {
        let step = |step: &str, intent| Intent { key: key(step, "ann"), step: step.into(), ..intent };
        let values = r#"{"customer": {"name": "Ann Lee"}}"#;
        let sms = tidings_plan::Fallback {
            key: key("sms", "ann"),
            step: "sms".into(),
            channel: "sms".into(),
            address: "+15550100".into(),
            values: values.into(),
        };
        let named = Intent { values: values.into(), zone: Some("Asia/Tokyo".into()), ..mail("ann") };
        let to_sms = |name: &str| Intent {
            fallback: vec![sms.clone()],
            channel: name.into(),
            ..step(name, named.clone())
        };
        f.enqueue(vec![
            to_sms("done"),
            to_sms("doubt"),
            to_sms("claimed"),
            to_sms("leaving"),
            to_sms("waits"),
        ])
        .await;
        f.enqueue(vec![coupon("ann"), mail_with_coupon("ann"), mail("bob")]).await;
        f.carry(Kind::Message, "done", Outcome::Rejected("550 no Ann Lee here".into())).await;
        f.carry(Kind::Message, "doubt", Outcome::Unknown("reset after 250 for ann@shop.example".into()))
            .await;
        let claimed = f.claim(Kind::Message, "claimed").await;
        let leaving = f.claim(Kind::Message, "leaving").await;
        f.gate(&leaving).await;
        let change = Intent {
            kind: Kind::Change,
            channel: "state".into(),
            address: None,
            values: r#"{"set": "Ann Lee"}"#.into(),
            ..named.clone()
        };
        f.enqueue(vec![step("set", change)]).await;
        f.state.apply_changes().await.unwrap();
        f.state.grant_consent("ann", "email", "form of Ann Lee").await.unwrap();
        f.state.withdraw_consent("ann", "sms", "link").await.unwrap();
        f.state.suppress("email", "ann@shop.example", "asked to", "ann").await.unwrap();
        let bounce = Feedback { kind: FeedbackKind::Soft, detail: "Ann Lee is away".into() };
        f.state.feedback(key("done", "ann"), &bounce).await.unwrap();

        assert!(f.state.erase("ann").await.unwrap() > 0);
        assert!(f.gate(&claimed).await.open.is_empty(), "what was claimed does not leave");
        f.state
            .settle(leaving.token, &[(key("leaving", "ann"), Outcome::Again("busy".into(), None))])
            .await
            .unwrap();
        f.advance(Duration::from_secs(60));
        for channel in ["leaving", "doubt", "waits", "sms", "email"] {
            let claim = f.claim(Kind::Message, channel).await;
            let open = f.gate_with(&claim, OnUnknown::Retry(1_000_000)).await.open;
            assert!(open.iter().all(|key| *key == mail("bob").key), "{channel}");
        }
        for row in f.state.ledger("ann").await.unwrap() {
            assert!(row.status.ended(), "{row:?}");
            let traces = format!("{:?} {:?}", row.address, row.reason);
            assert!(
                !traces.contains("Lee") && !traces.contains("ann@") && !traces.contains("+1555"),
                "{row:?}"
            );
        }
        assert!(f.state.engine_rows(&Asked::default()).await.unwrap().kept.is_empty());
        assert_eq!(f.state.suppressions().await.unwrap().len(), 1, "the no stays");
        let consents = f.state.consents("ann").await.unwrap();
        assert!(matches!(consents.as_slice(), [sms] if !sms.given && sms.channel == "sms"), "{consents:?}");
        assert_eq!(f.state.consent_log("ann").await.unwrap().len(), 1);
        let left = "SELECT 1 / COUNT(*) FROM tidings_outbox WHERE vals LIKE '%Lee%' OR fallback LIKE '%Lee%'";
        let feedback = "SELECT 1 / COUNT(*) FROM tidings_feedback WHERE detail LIKE '%Lee%'";
        if f.folder.is_none() {
            for none in [left, feedback] {
                let error = f.by_hand(none).await.unwrap_err();
                assert!(error.to_string().contains("division by zero"), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn what_was_quarantined_before_it_left_can_be_tried_again_and_nothing_else() {
    for f in Fresh::each().await {
        f.enqueue(vec![mail("ann"), mail("bob")]).await;
        let claim = f.claim(Kind::Message, "email").await;
        let broken =
            |key: Key| (key, if key == mail("ann").key { Err("no subject".into()) } else { Ok("p".into()) });
        let prepared: Vec<_> = claim.rows.iter().map(|r| broken(r.sending.key)).collect();
        let door = Door::default();
        f.state.gate(claim.token, &prepared, OnUnknown::Leave, LEASE, &door, &[]).await.unwrap();
        f.state.settle(claim.token, &[(mail("bob").key, sent(None))]).await.unwrap();
        let moves = f.state.retry(&[mail("ann").key, mail("bob").key]).await.unwrap();
        assert_eq!((moves.to[&Status::Pending], moves.stale), (1, 1));
        f.carry(Kind::Message, "email", sent(None)).await;
        assert_eq!(f.states("ann").await, [Status::Sent]);
    }
}

#[tokio::test]
async fn the_message_of_a_coupon_that_is_tried_again_waits_for_it_again() {
    for f in Fresh::each().await {
        f.enqueue(vec![coupon("ann"), mail_with_coupon("ann")]).await;
        let claim = f.claim(Kind::Coupon, "shop").await;
        let broken = [(coupon("ann").key, Err("no value".into()))];
        f.state.gate(claim.token, &broken, OnUnknown::Leave, LEASE, &Door::default(), &[]).await.unwrap();
        assert_eq!(f.states("ann").await, [Status::Quarantined, Status::Cancelled]);
        assert_eq!(f.state.retry(&[coupon("ann").key]).await.unwrap().to[&Status::Pending], 1);
        assert!(f.claim(Kind::Message, "email").await.rows.is_empty(), "it waits");
        f.carry(Kind::Coupon, "shop", sent(Some("C"))).await;
        f.carry(Kind::Message, "email", sent(None)).await;
        assert_eq!(f.states("ann").await, [Status::Sent; 2]);
    }
}

#[tokio::test]
async fn a_run_that_is_under_way_does_not_bring_an_erased_customer_back() {
    for f in Fresh::each().await {
        f.enqueue(vec![mail("bob")]).await;
        f.state.erase("ann").await.unwrap();
        let with = |intent| Intent { values: NAMED.into(), ..intent };
        f.enqueue(vec![with(coupon("ann")), with(mail_with_coupon("ann"))]).await;
        assert_eq!(f.states("ann").await, [Status::Cancelled; 2], "they count");
        let row = &f.state.ledger("ann").await.unwrap()[1];
        assert_eq!(
            (row.address.as_deref(), row.reason.as_deref()),
            (Some(""), Some("the customer was erased"))
        );
        nothing_has_their_name(&f).await;
        let next = f.state.start_run(i64::MAX / 4, "test", "").await.unwrap();
        let again = Intent { key: key("again", "ann"), ..mail("ann") };
        f.state.enqueue(next, &page(vec![again.clone()])).await.unwrap();
        let claim = f.claim(Kind::Message, "email").await;
        assert!(f.gate(&claim).await.open.contains(&again.key), "who comes back is written to");
    }
}

const NAMED: &str = r#"{"name": "Ann Lee"}"#;

/// Fails where a row still has their name.
async fn nothing_has_their_name(f: &Fresh) {
    let named = "INSERT INTO tidings_meta (id) SELECT 2 FROM tidings_outbox \
                 WHERE vals LIKE '%Lee%' OR fallback LIKE '%Lee%'";
    f.by_hand(named).await.expect("no row has their name");
}

/// A file has one writer anyway.
#[tokio::test]
async fn what_is_written_down_or_handed_on_during_an_erasure_is_forgotten_too() {
    let Some(f) = Fresh::server().await else { return };
    let named =
        |step: &str| Intent { key: key(step, "ann"), step: step.into(), values: NAMED.into(), ..mail("ann") };
    let erase = || {
        let state = f.state.clone();
        tokio::spawn(async move { state.erase("ann").await.unwrap() })
    };
    let mut other = sqlx::PgConnection::connect(&f.url).await.unwrap();

    // A page has its turn, and cannot go on for a while.
    other.execute("BEGIN; LOCK TABLE tidings_holds IN EXCLUSIVE MODE").await.unwrap();
    let hold = Some(tidings_plan::Hold { rule: "wake-up".into(), reason: "many".into(), customers: 1 });
    let (state, run, held) = (f.state.clone(), f.run, Page { hold, ..page(vec![named("written")]) });
    let writing = tokio::spawn(async move { state.enqueue(run, &held).await.unwrap() });
    f.until_waiting(1, || ()).await;
    let erasing = erase();
    f.until_waiting(2, || assert!(!erasing.is_finished(), "it was done before the page was")).await;
    other.execute("COMMIT").await.unwrap();
    writing.await.unwrap();
    erasing.await.unwrap();
    nothing_has_their_name(&f).await;

    // As a refusal gives a message to its next channel.
    let later = f.state.start_run(i64::MAX / 4, "test", "").await.unwrap();
    f.state.enqueue(later, &page(vec![named("refused")])).await.unwrap();
    let claim = f.claim(Kind::Message, "email").await;
    assert_eq!(f.gate(&claim).await.open.len(), 1);
    let next = r#"{"id": 1000001, "key": "\\x000102030405060708090a0b0c0d0e0f", "state": "pending", "dispatched_at": null,
                   "payload": null, "settled_at": null, "reason": null}"#;
    let hand_on = format!(
        "BEGIN; UPDATE tidings_outbox SET state = 'rejected', reason = 'no', settled_at = 1, token = NULL, worker = NULL, \
             leased_until = NULL WHERE state = 'dispatching'; \
         INSERT INTO tidings_outbox OVERRIDING SYSTEM VALUE \
             SELECT (jsonb_populate_record(o, '{next}')).* FROM tidings_outbox o WHERE state = 'rejected'"
    );
    other.execute(sqlx::AssertSqlSafe(hand_on)).await.unwrap();
    let erasing = erase();
    f.until_waiting(1, || ()).await;
    other.execute("COMMIT").await.unwrap();
    erasing.await.unwrap();
    nothing_has_their_name(&f).await;
    assert_eq!(f.states("ann").await, [Status::Cancelled, Status::Rejected, Status::Cancelled]);
}

#[tokio::test]
async fn a_change_that_is_called_off_while_changes_are_made_is_not_made() {
    let Some(f) = Fresh::server().await else { return };
    let change = Intent {
        kind: Kind::Change,
        channel: "state".into(),
        address: None,
        values: r#"{"set": 1}"#.into(),
        ..mail("ann")
    };
    f.enqueue(vec![change]).await;
    let mut erasing = sqlx::PgConnection::connect(&f.url).await.unwrap();
    erasing.execute("BEGIN").await.unwrap();
    let call_off = "UPDATE tidings_outbox SET state = 'cancelled', reason = 'erased', settled_at = 1";
    erasing.execute(call_off).await.unwrap();
    let making = tokio::spawn({
        let state = f.state.clone();
        async move { state.apply_changes().await }
    });
    f.until_waiting(1, || ()).await;
    erasing.execute("COMMIT").await.unwrap();
    making.await.unwrap().unwrap();
    assert!(f.state.engine_rows(&Asked::default()).await.unwrap().kept.is_empty());
    assert_eq!(f.states("ann").await, [Status::Cancelled]);
}

#[tokio::test]
async fn what_was_written_down_before_an_erasure_does_not_leave_after_it() {
    for f in Fresh::each().await {
        f.enqueue(vec![mail("ann"), mail("bob")]).await;
        f.by_hand(&format!("INSERT INTO tidings_erasures (customer, at) VALUES ('ann', {})", i64::MAX / 4))
            .await
            .unwrap();
        let claim = f.claim(Kind::Message, "email").await;
        assert_eq!(f.gate(&claim).await.open, [mail("bob").key]);
        assert_eq!(f.states("ann").await, [Status::Cancelled]);
    }
}

#[tokio::test]
async fn rows_are_found_by_what_is_asked_for_the_newest_first() {
    for f in Fresh::each().await {
        let other = Intent { rule: "other".into(), channel: "sms".into(), ..mail("eve") };
        f.enqueue(vec![mail("ann"), mail("bob"), other]).await;
        f.carry(Kind::Message, "email", sent(None)).await;
        let found = async |filter: RowFilter| {
            let rows = f.state.outbox_rows(&filter, 2).await.unwrap();
            rows.into_iter().map(|row| row.customer).collect::<Vec<_>>()
        };
        let any = RowFilter::default;
        assert_eq!(found(any()).await, ["eve", "bob"]);
        assert_eq!(found(RowFilter { rule: Some("wake-up".into()), ..any() }).await, ["bob", "ann"]);
        assert_eq!(found(RowFilter { status: Some(Status::Pending), ..any() }).await, ["eve"]);
        assert_eq!(found(RowFilter { channel: Some("sms".into()), ..any() }).await, ["eve"]);
        let ann = RowFilter { customer: Some("ann".into()), status: Some(Status::Sent), ..any() };
        assert_eq!(found(ann).await, ["ann"]);
    }
}

#[tokio::test]
async fn a_budget_counts_coupons_that_were_or_may_be_granted() {
    for f in Fresh::each().await {
        for (customer, outcome) in [
            ("granted", sent(Some("C"))),
            ("unknown", Outcome::Unknown("reset".into())),
            ("refused", Outcome::Rejected("no".into())),
        ] {
            f.enqueue(vec![Intent { worth: Some(2_000), ..coupon(customer) }]).await;
            f.carry(Kind::Coupon, "shop", outcome).await;
        }
        f.enqueue(vec![Intent { worth: Some(500), at: AT + 1, ..coupon("waits") }]).await;
        f.enqueue(vec![Intent { worth: Some(500), at: AT - 1, ..coupon("before") }, coupon("worthless")])
            .await;
        let mut spent = f.state.spent(AT).await.unwrap()["wake-up"].clone();
        spent.sort_unstable();
        assert_eq!(spent, [(AT, 2_000), (AT, 2_000), (AT + 1, 500)]);
    }
}
