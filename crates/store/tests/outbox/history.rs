//! What plans look back at, and the attributes that rules change.

use super::*;
use tidings_plan::{Entry, Occasion};
use tidings_store::{GrantRow, KeptRow, SendRow};

#[tokio::test]
async fn occasions_are_counted_by_rule_and_customer() {
    for f in Fresh::each().await {
        let occasion = |name: &str, at| Occasion {
            rule: "wake-up".into(),
            customer: "ann".into(),
            occasion: name.into(),
            at,
        };
        let occasions = vec![occasion("1", AT), occasion("2", AT + 7), occasion("2", AT + 9)];
        f.state.enqueue(f.run, &Page { occasions, ..Page::default() }).await.unwrap();
        let history = f.state.history(&Asked { messages: 0..=i64::MAX, ..Asked::default() }).await.unwrap();
        let ann = &history.rules["wake-up"].reached["ann"];
        assert_eq!((ann.occasions, ann.last_at), (2, AT + 7));
        assert!(ann.has("1") && ann.has("2") && !ann.has("3"));
    }
}

#[tokio::test]
async fn what_is_asked_about_some_rules_and_customers_costs_no_more_than_them() {
    for f in Fresh::each().await {
        let (rules, customers) = (["wake-up", "other"], ["ann", "bob"]);
        let each = || rules.iter().flat_map(|rule| customers.iter().map(move |customer| (*rule, *customer)));
        let occasions = each().map(|(rule, customer)| Occasion {
            rule: rule.into(),
            customer: customer.into(),
            occasion: "1".into(),
            at: AT,
        });
        let entry = Entry { ordinal: 1, inside: true };
        let entries = each().map(|(rule, customer)| (rule.into(), customer.into(), entry)).collect();
        let page = Page { occasions: occasions.collect(), entries, ..Page::default() };
        f.state.enqueue(f.run, &page).await.unwrap();
        f.enqueue(vec![mail("ann"), mail("bob")]).await;
        f.carry(Kind::Message, "email", sent(None)).await;
        for (asked, of) in [
            (None, [2, 2, 2, 2, 2]),
            (Some(&["ann", "nobody"][..]), [1, 1, 2, 1, 1]),
            (Some(&[]), [1, 0, 2, 0, 0]),
        ] {
            let asked = Asked {
                rules: asked.map(|_| &["wake-up", "gone"][..]),
                customers: asked,
                messages: 0..=AT,
                ..Asked::default()
            };
            let history = f.state.history(&asked).await.unwrap();
            let sends = f.state.engine_rows(&asked).await.unwrap().sends;
            let rule = &history.rules["wake-up"];
            let found = [history.rules.len(), rule.reached.len(), rule.entries.len()];
            assert_eq!([&found[..], &[history.messages.len(), sends.len()]].concat(), of, "{asked:?}");
        }
    }
}

#[tokio::test]
async fn a_cap_counts_all_but_a_definite_no() {
    for f in Fresh::each().await {
        for (customer, outcome) in [
            ("sent", sent(None)),
            ("unknown", Outcome::Unknown("reset".into())),
            ("again", Outcome::Again("busy".into(), None)),
            ("rejected", Outcome::Rejected("no".into())),
        ] {
            f.enqueue(vec![mail(customer)]).await;
            f.carry(Kind::Message, "email", outcome).await;
        }
        f.enqueue(vec![Intent { at: AT - 1, ..mail("before") }]).await;
        let history = f.state.history(&Asked { messages: AT..=i64::MAX, ..Asked::default() }).await.unwrap();
        let mut capped: Vec<_> = history.messages.keys().map(String::as_str).collect();
        capped.sort_unstable();
        assert_eq!(capped, ["again", "sent", "unknown"]);
        assert_eq!(&*history.messages["sent"][0].channel, "email");
    }
}

#[tokio::test]
async fn rules_see_what_reached_or_may_have_reached_a_customer() {
    for f in Fresh::each().await {
        f.enqueue(vec![coupon("ann"), mail("ann")]).await;
        f.carry(Kind::Coupon, "shop", sent(Some("C"))).await;
        f.carry(Kind::Message, "email", Outcome::Unknown("reset".into())).await;
        f.enqueue(vec![mail("bob")]).await;
        let rows = f.state.engine_rows(&Asked::default()).await.unwrap();
        let text = |s: &str| s.to_owned();
        let send = SendRow {
            customer: text("ann"),
            template: text("wake-up"),
            channel: text("email"),
            rule: text("wake-up"),
            at: AT,
        };
        assert_eq!(rows.sends, [send]);
        let grant = GrantRow {
            customer: text("ann"),
            coupon: text("wake-up"),
            rule: text("wake-up"),
            at: AT,
            expires: Some(1_790_000_000_000_000),
        };
        assert_eq!(rows.grants, [grant]);
    }
}

#[tokio::test]
async fn changes_are_made_once_and_in_order() {
    for f in Fresh::each().await {
        let change = |step: &str, subject: &str, values: &str| Intent {
            key: key(step, "ann"),
            step: step.into(),
            kind: Kind::Change,
            channel: "state".into(),
            subject: subject.into(),
            address: None,
            values: values.into(),
            ..mail("ann")
        };
        let changes = vec![
            change("1", "labels", r#"{"add": "vip"}"#),
            change("2", "labels", r#"{"add": "asleep"}"#),
            change("3", "labels", r#"{"add": "vip"}"#),
            change("4", "labels", r#"{"remove": "asleep"}"#),
            change("5", "tier", r#"{"set": "gold"}"#),
            change("6", "asked", r#"{"set": true}"#),
            change("7", "score", r#"{"set": 4.5}"#),
            Intent { expires: Some(AT), ..change("8", "tier", r#"{"set": "late"}"#) },
        ];
        f.enqueue(changes.clone()).await;
        f.state.apply_changes().await.unwrap();
        f.enqueue(changes).await;
        assert!(f.state.apply_changes().await.unwrap().to.is_empty());
        let kept = |attribute: &str, value: &str| KeptRow {
            customer: "ann".into(),
            attribute: attribute.into(),
            value: value.into(),
        };
        let expected =
            [kept("asked", "true"), kept("labels", r#"["vip"]"#), kept("score", "4.5"), kept("tier", "gold")];
        assert_eq!(f.state.engine_rows(&Asked::default()).await.unwrap().kept, expected);
        assert_eq!(f.states("ann").await.iter().filter(|s| **s == Status::Expired).count(), 1);
    }
}
