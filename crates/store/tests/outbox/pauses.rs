//! What is paused stays, and a state that was copied sends nothing.

use super::*;
use tidings_store::Pause;

fn change(rule: &str, customer: &str) -> Intent {
    Intent {
        kind: Kind::Change,
        channel: "state".into(),
        rule: rule.into(),
        address: None,
        values: r#"{"set": 1}"#.into(),
        ..mail(customer)
    }
}

#[tokio::test]
async fn the_kill_switch_stops_claims_and_what_is_claimed_and_loses_nothing() {
    for f in Fresh::each().await {
        f.enqueue(vec![mail("ann"), change("wake-up", "bob")]).await;
        let claim = f.claim(Kind::Message, "email").await;
        f.state.pause(&Scope::All, "wrong price").await.unwrap();
        let error = gate_of(&f.state, &claim).await.unwrap_err();
        assert!(matches!(&error, StateError::Stopped(why) if why == "wrong price"), "{error}");
        assert_eq!(f.states("ann").await, [Status::Pending]);
        f.state.claim("worker", &outlet(Kind::Message, "email"), 1, LEASE, None).await.unwrap_err();
        f.state.apply_changes().await.unwrap_err();
        assert!(f.state.resume(&Scope::All).await.unwrap());
        f.carry(Kind::Message, "email", sent(None)).await;
        assert_eq!(f.states("ann").await, [Status::Sent]);
    }
}

/// Beside a paused rule, the others' rows are found rule by rule.
#[tokio::test]
async fn the_urgent_of_all_other_rules_go_first_and_the_struck_alone() {
    for f in Fresh::each().await {
        let of = |rule: &str, customer: &str, priority| Intent {
            rule: rule.into(),
            priority,
            ..mail(&format!("{customer} {rule}"))
        };
        let many = |rule: &'static str, priority| (0..50).map(move |n| of(rule, &n.to_string(), priority));
        let rows = many("b paused", 9).chain(many("a", 0)).chain(many("d", 2)).chain(many("c paused", 9));
        f.enqueue(rows.collect()).await;
        for rule in ["b paused", "c paused"] {
            f.state.pause(&Scope::Rule(rule.into()), "test").await.unwrap();
        }
        let email = outlet(Kind::Message, "email");
        let other = f.again().await;
        assert_eq!(f.state.next_due(&email, None).await.unwrap(), Some(Duration::ZERO));
        let [one, two] = [&f.state, &other].map(|state| state.claim("w", &email, 40, LEASE, None));
        let (one, two) = tokio::join!(one, two);
        let mut claimed = [one.unwrap().rows, two.unwrap().rows].concat();
        assert_eq!(claimed.len(), 80, "nobody takes another's, nor less for it");
        claimed.sort_by(|a, b| a.sending.rule.cmp(&b.sending.rule));
        let rules: Vec<&str> = claimed.iter().map(|row| row.sending.rule.as_str()).collect();
        assert_eq!(rules, [vec!["a"; 30], vec!["d"; 50]].concat());
        let rest = f.state.claim("lost", &email, 40, LEASE, None).await.unwrap().rows;
        assert_eq!(rest.len(), 20);
        f.advance(LEASE * 2);
        assert_eq!(f.state.recover().await.unwrap().returned, 100);
        assert_eq!(f.state.claim("w", &email, 40, LEASE, None).await.unwrap().rows.len(), 1);
        for rule in ["b paused", "c paused"] {
            f.state.resume(&Scope::Rule(rule.into())).await.unwrap();
        }
        let claim = f.state.claim("w", &email, 40, LEASE, None).await.unwrap();
        assert!(claim.rows.iter().all(|row| row.sending.rule.ends_with("paused")));
    }
}

#[tokio::test]
async fn a_paused_rule_and_a_paused_channel_wait_and_the_others_do_not() {
    for f in Fresh::each().await {
        let other = |customer: &str| Intent { rule: "other".into(), ..mail(customer) };
        let sms = |customer: &str| Intent { channel: "sms".into(), ..mail(customer) };
        f.enqueue(vec![mail("ann"), other("bob"), sms("eve")]).await;
        let email = f.claim(Kind::Message, "email").await;
        let by_sms = f.claim(Kind::Message, "sms").await;
        let rule = Scope::Rule("wake-up".into());
        let channel = Scope::Channel("sms".into());
        f.state.pause(&rule, "wrong price").await.unwrap();
        f.state.pause(&channel, "the provider is down").await.unwrap();
        let gated = f.gate(&email).await;
        assert_eq!((gated.open, gated.refused.to[&Status::Pending]), (vec![other("bob").key], 1));
        assert!(f.gate(&by_sms).await.open.is_empty());
        for channel in ["email", "sms"] {
            assert!(f.claim(Kind::Message, channel).await.rows.is_empty(), "{channel}");
        }
        f.state.settle(email.token, &[(other("bob").key, sent(None))]).await.unwrap();
        assert_eq!(
            f.state.next_due(&outlet(Kind::Message, "email"), None).await.unwrap(),
            None,
            "nobody need wait"
        );
        assert_eq!(f.state.next_due(&outlet(Kind::Message, "sms"), None).await.unwrap(), None);
        let scopes: Vec<Scope> =
            f.state.pauses().await.unwrap().into_iter().map(|p: Pause| p.scope).collect();
        assert_eq!(scopes, [channel.clone(), rule.clone()]);
        assert!(f.state.resume(&rule).await.unwrap() && f.state.resume(&channel).await.unwrap());
        assert!(!f.state.resume(&rule).await.unwrap(), "it was resumed already");
        f.carry(Kind::Message, "email", sent(None)).await;
        f.carry(Kind::Message, "sms", sent(None)).await;
        assert_eq!([f.states("ann").await, f.states("eve").await].concat(), [Status::Sent; 2]);
    }
}

#[tokio::test]
async fn what_is_paused_is_not_late() {
    for f in Fresh::each().await {
        let hour = Duration::from_secs(3600);
        let late = async |f: &Fresh| {
            let oldest = f.state.oldest_due().await.unwrap().into_iter();
            oldest.map(|(of, age)| (of.channel, age.as_secs() / 3600)).collect::<Vec<_>>()
        };
        f.enqueue(vec![mail("ann")]).await;
        f.advance(hour * 2);
        let by_sms = Intent { channel: "sms".into(), ..mail("eve") };
        f.enqueue(vec![Intent { rule: "other".into(), ..mail("bob") }, by_sms]).await;
        f.advance(hour);
        assert_eq!(late(&f).await, [("email".to_owned(), 3), ("sms".to_owned(), 1)]);
        f.state.pause(&Scope::Channel("sms".into()), "the provider is down").await.unwrap();
        assert_eq!(late(&f).await, [("email".to_owned(), 3)]);
        f.state.pause(&Scope::Rule("wake-up".into()), "wrong price").await.unwrap();
        assert_eq!(late(&f).await, [("email".to_owned(), 1)]);
        f.state.pause(&Scope::Rule("other".into()), "wrong price").await.unwrap();
        assert_eq!(late(&f).await, []);
        for paused in f.state.pauses().await.unwrap() {
            f.state.resume(&paused.scope).await.unwrap();
        }
        f.state.pause(&Scope::All, "wrong price").await.unwrap();
        assert_eq!(late(&f).await, []);
    }
}

#[tokio::test]
async fn changes_of_a_paused_rule_wait() {
    for f in Fresh::each().await {
        f.enqueue(vec![change("paused", "ann"), change("other", "bob")]).await;
        let paused = Scope::Rule("paused".into());
        f.state.pause(&paused, "wrong value").await.unwrap();
        assert_eq!(f.state.apply_changes().await.unwrap().to[&Status::Sent], 1);
        assert_eq!([f.states("ann").await, f.states("bob").await], [[Status::Pending], [Status::Sent]]);
        f.state.resume(&paused).await.unwrap();
        assert_eq!(f.state.apply_changes().await.unwrap().to[&Status::Sent], 1);
    }
}

/// The later run has the last word, and in a run the lower priority, also where all of them waited.
#[tokio::test]
async fn changes_that_waited_are_made_run_by_run() {
    for f in Fresh::each().await {
        let set = |at, priority, value: &str| Intent {
            at,
            priority,
            subject: "note".into(),
            values: format!(r#"{{"set": "{value}"}}"#),
            customer: "ann".into(),
            ..change("wake-up", value)
        };
        f.enqueue(vec![set(AT, 1, "a"), set(AT, 0, "b"), set(AT + 1, 3, "c"), set(AT + 1, 2, "d")]).await;
        f.state.apply_changes().await.unwrap();
        let kept = f.state.engine_rows(&tidings_store::Asked::default()).await.unwrap().kept;
        assert_eq!(kept.iter().map(|row| row.value.as_str()).collect::<Vec<_>>(), ["d"]);
    }
}

#[tokio::test]
async fn a_copy_sends_nothing_until_it_is_adopted() {
    for f in Fresh::each().await {
        f.enqueue(vec![mail("ann")]).await;
        let claim = f.claim(Kind::Message, "email").await;
        let copy = match &f.folder {
            Some(folder) => {
                f.state.close().await;
                let other = folder.path().join("copy.db");
                std::fs::copy(folder.path().join("state.db"), &other).unwrap();
                State::open_file(&other).await.unwrap()
            }
            None => {
                f.by_hand("UPDATE tidings_meta SET home = 'another server'").await.unwrap();
                f.again().await
            }
        };
        let copied = |error: StateError| assert!(matches!(error, StateError::Copied { .. }), "{error:?}");
        let email = outlet(Kind::Message, "email");
        copied(copy.claim("w", &email, 1, LEASE, None).await.unwrap_err());
        copied(copy.start_run(AT, "test", "").await.unwrap_err());
        copied(copy.apply_changes().await.unwrap_err());
        copied(gate_of(&copy, &claim).await.unwrap_err());
        assert_eq!(copy.ledger("ann").await.unwrap().len(), 1, "it can be looked at");
        assert_eq!(copy.oldest_due().await.unwrap(), []);
        copy.adopt().await.unwrap();
        assert_eq!(gate_of(&copy, &claim).await.unwrap().open.len(), 1);
    }
}
