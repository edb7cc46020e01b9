//! Whatever names and values are, they are names and values: nothing else is read, changed or ended by them.

use super::*;
use tidings_plan::schedule::Occurrence;
use tidings_plan::{Fallback, Hold, Occasion};
use tidings_store::{Feedback, FeedbackKind, HoldState};

const NAMES: [&str; 6] = [
    "' OR 1=1--",
    "'; DROP TABLE tidings_outbox; --",
    "\\' OR ''='",
    "%",
    "$1 ?1 :a {{7*7}} \u{202e}\r\n\"",
    "1e400",
];

#[tokio::test]
async fn names_that_look_like_sql_are_names() {
    for f in Fresh::each().await {
        for (n, name) in NAMES.into_iter().enumerate() {
            let bob = format!("bob {n}");
            let evil = Intent {
                key: key(name, name),
                rule: name.into(),
                step: name.into(),
                customer: name.into(),
                occasion: name.into(),
                channel: name.into(),
                subject: name.into(),
                address: Some(name.into()),
                values: serde_json::json!({ "name": name }).to_string(),
                zone: Some(name.into()),
                fallback: vec![Fallback {
                    key: key("next", name),
                    step: name.into(),
                    channel: format!("{name} 2"),
                    address: name.into(),
                    values: "{}".into(),
                }],
                ..mail(name)
            };
            let occasion =
                Occasion { rule: name.into(), customer: name.into(), occasion: name.into(), at: AT };
            let hold = Hold { rule: name.into(), reason: name.into(), customers: 1 };
            let evil =
                Page { occasions: vec![occasion], cursor: name.into(), hold: Some(hold), ..page(vec![evil]) };
            f.enqueue(vec![mail(&bob)]).await;
            f.state.enqueue(f.run, &evil).await.unwrap();
            let held = f.state.holds().await.unwrap();
            let [held] = &held.iter().filter(|h| h.state == HoldState::Waiting).collect::<Vec<_>>()[..]
            else {
                panic!("{held:?}")
            };
            assert_eq!((held.rule.as_str(), held.reason.as_str()), (name, name));
            assert!(f.state.approve(held.id, name).await.unwrap());

            let scope = Scope::Rule(name.into());
            f.state.pause(&scope, name).await.unwrap();
            f.state.pause(&Scope::Channel(name.into()), name).await.unwrap();
            assert_eq!(f.state.pauses().await.unwrap().len(), 2);
            assert!(f.claim(Kind::Message, name).await.rows.is_empty());
            assert!(f.state.resume(&scope).await.unwrap());
            assert!(f.state.resume(&Scope::Channel(name.into())).await.unwrap());

            f.carry(Kind::Message, name, Outcome::Rejected(name.into())).await;
            let claim =
                f.state.claim(name, &outlet(Kind::Message, &format!("{name} 2")), 9, LEASE, None).await;
            let claim = claim.unwrap();
            assert_eq!(claim.rows[0].sending.customer, name);
            assert_eq!(f.gate(&claim).await.open, [key("next", name)]);
            let sent = Outcome::Sent { provider_id: Some(name.into()), code: Some(name.into()) };
            f.state.settle(claim.token, &[(key("next", name), sent)]).await.unwrap();
            let rows = f.state.ledger(name).await.unwrap();
            let ended: Vec<_> = rows.iter().map(|row| (row.customer.as_str(), row.status)).collect();
            assert_eq!(ended, [(name, Status::Rejected), (name, Status::Sent)]);
            assert_eq!((rows[0].reason.as_deref(), rows[1].provider_id.as_deref()), (Some(name), Some(name)));
            let of_rule = RowFilter { rule: Some(name.into()), ..RowFilter::default() };
            assert_eq!(f.state.outbox_rows(&of_rule, 9).await.unwrap().len(), 2);
            let history =
                f.state.history(&Asked { messages: 0..=i64::MAX, ..Asked::default() }).await.unwrap();
            assert_eq!(history.rules[name].reached.keys().collect::<Vec<_>>(), [name]);

            let due = Occurrence { at: AT, name: name.into() };
            assert!(f.state.begin_occurrences(name, LEASE, &[(name, &due)]).await.unwrap().len() == 1);
            f.state.finish_occurrence(name, &due, Some(f.run)).await.unwrap();
            f.state.withdraw_consent(name, name, name).await.unwrap();
            f.state.suppress(name, name, name, name).await.unwrap();
            f.state.cancel(Some(&outlet(Kind::Message, name)), name).await.unwrap();
            let bounce = Feedback { kind: FeedbackKind::Complaint, detail: name.into() };
            f.state.feedback(key("next", name), &bounce).await.unwrap();
            assert_eq!(f.state.erase(name).await.unwrap(), 2);

            assert_eq!(f.states(&bob).await, [Status::Pending], "{name}");
            f.carry(Kind::Message, "email", super::sent(None)).await;
            assert_eq!(f.states(&bob).await, [Status::Sent], "{name}");
        }
        assert_eq!(f.state.outbox_rows(&RowFilter::default(), 99).await.unwrap().len(), NAMES.len() * 3);
    }
}

/// PostgreSQL's texts cannot hold it.
#[tokio::test]
async fn a_nul_stops_nothing() {
    for f in Fresh::each().await {
        let nul = "a\0b";
        f.enqueue(vec![Intent { subject: nul.into(), ..mail(nul) }, mail("bob")]).await;
        f.state.withdraw_consent(nul, nul, nul).await.unwrap();
        f.carry(Kind::Message, "email", Outcome::Rejected("550 \0".into())).await;
        assert_eq!(f.states(nul).await, [Status::Rejected]);
        assert_eq!(f.states("bob").await, [Status::Rejected]);
    }
}
