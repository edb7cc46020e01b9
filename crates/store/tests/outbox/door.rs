//! What the policy holds against messages at the gate.

#[path = "../../../check/tests/checked/mod.rs"]
mod checked;

use super::*;
use chrono::{TimeZone, Utc};
use std::collections::HashMap;
use tidings_check::World;
use tidings_plan::Door;
use tidings_schema::Currency;

const SCHEMA: &str = "
customer:
  table: customers
  key: id
  attributes: {email: text, phone: text, email_ok: yes/no, sms_ok: yes/no}
contact:
  email: {address: email, consent: email_ok}
  sms: {address: phone, consent: sms_ok}
";

/// The door of a policy, in UTC.
pub fn door(policy: &str) -> Door {
    let vocabulary = checked::vocabulary(SCHEMA, chrono_tz::UTC, Currency::CNY);
    Door::new(&checked::program(policy, &vocabulary, &World::default()), "project")
}

/// A message to a customer, the `n`th, in a channel.
fn nth(customer: &str, n: usize, channel: &str) -> Intent {
    let step = format!("send {n} {channel}");
    Intent { key: key(&step, customer), step, channel: channel.into(), ..mail(customer) }
}

#[tokio::test]
async fn a_cap_counts_what_was_let_out_before_and_beside_and_frees_a_definite_no() {
    for f in Fresh::each().await {
        let door = door("policy at most 2 messages per 7 days\nend");
        f.enqueue((0..3).map(|n| nth("ann", n, "email")).collect()).await;
        f.enqueue(vec![nth("ann", 3, "sms"), nth("bob", 0, "email")]).await;
        let claim = f.claim(Kind::Message, "email").await;
        let gated = f.gate_at(&claim, OnUnknown::Leave, &door).await;
        assert_eq!((gated.open.len(), gated.refused.to[&Status::Pending]), (3, 1), "two of ann's and bob's");
        let waits =
            |rows: Vec<tidings_store::LedgerRow>| rows.into_iter().find(|r| r.reason.is_some()).unwrap();
        let capped = waits(f.state.ledger("ann").await.unwrap());
        assert!(capped.reason.unwrap().starts_with("capped"));
        assert_eq!(capped.attempts, 0, "waiting is no attempt");
        let sms = f.claim(Kind::Message, "sms").await;
        assert!(f.gate_at(&sms, OnUnknown::Leave, &door).await.open.is_empty(), "of all channels together");
        let no = vec![(gated.open[0], Outcome::Rejected("no".into())), (gated.open[1], sent(None))];
        f.state.settle(claim.token, &no).await.unwrap();
        f.advance(Duration::from_secs(7 * 86_400) - LEASE);
        assert!(f.claim(Kind::Message, "sms").await.rows.is_empty(), "not before there is room");
        f.advance(LEASE * 2);
        let sms = f.claim(Kind::Message, "sms").await;
        assert_eq!(f.gate_at(&sms, OnUnknown::Leave, &door).await.open.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gates_at_the_same_time_never_exceed_a_cap_together() {
    for f in Fresh::each().await {
        let customers = 20;
        let rows = (0..customers).flat_map(|c| (0..6).map(move |n| nth(&format!("c{c}"), n, "email")));
        let mut rows: Vec<Intent> = rows.collect();
        rows.sort_by_key(|row| row.key);
        f.enqueue(rows).await;
        let mut workers = Vec::new();
        for _ in 0..6 {
            let (state, door) = (f.again().await, door("policy at most 2 messages per 1 day\nend"));
            workers.push(tokio::spawn(async move {
                let mut open = Vec::new();
                loop {
                    let claim =
                        state.claim("w", &outlet(Kind::Message, "email"), 7, LEASE, None).await.unwrap();
                    if claim.rows.is_empty() {
                        return open;
                    }
                    let prepared = prepared(&claim);
                    let gate = state.gate(claim.token, &prepared, OnUnknown::Leave, LEASE, &door, &[]).await;
                    let gated: Vec<Key> = gate.unwrap().open;
                    let of = claim.rows.iter().filter(|r| gated.contains(&r.sending.key));
                    open.extend(of.map(|r| r.sending.customer.clone()));
                }
            }));
        }
        let mut counts: HashMap<String, usize> = HashMap::new();
        for worker in workers {
            worker.await.unwrap().into_iter().for_each(|customer| *counts.entry(customer).or_default() += 1);
        }
        assert_eq!(counts.len(), customers);
        assert!(counts.values().all(|n| *n == 2), "{counts:?}");
    }
}

#[tokio::test]
async fn in_hours_of_silence_a_message_waits_where_the_customer_is_or_ends_where_it_cannot() {
    for f in Fresh::each().await {
        let now = Utc::now();
        let midnight =
            Utc.from_utc_datetime(&now.date_naive().succ_opt().unwrap().and_hms_opt(0, 0, 0).unwrap());
        f.advance((midnight - now).to_std().unwrap());
        let midnight = midnight.timestamp_micros();
        let expires = |hours: i64| Some(midnight + hours * 3_600_000_000);
        f.enqueue(vec![
            mail("here"),
            Intent { zone: Some("Asia/Tokyo".into()), ..mail("elsewhere") },
            Intent { expires: expires(5), ..mail("late") },
            Intent { kind: Kind::Webhook, channel: "crm".into(), address: None, ..mail("hook") },
        ])
        .await;
        let door = door("policy quiet from 22:00 to 08:00\nend");
        for (kind, channel) in [(Kind::Message, "email"), (Kind::Webhook, "crm")] {
            let claim = f.claim(kind, channel).await;
            f.gate_at(&claim, OnUnknown::Leave, &door).await;
        }
        for (customer, state) in [
            ("here", Status::Pending),
            ("elsewhere", Status::Dispatching),
            ("late", Status::Quiet),
            ("hook", Status::Dispatching),
        ] {
            assert_eq!(f.states(customer).await, [state], "{customer}");
        }
        let due = f.state.ledger("here").await.unwrap()[0].due_at;
        assert_eq!(due, midnight + 8 * 3_600_000_000, "in the morning");
    }
}
