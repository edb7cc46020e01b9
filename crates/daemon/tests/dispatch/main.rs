//! Sends that leave while everything breaks. The witness is outside: the receivers keep their own log files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod crashes;
mod downtime;
mod lost;
mod sending;
mod sharing;
mod witness;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tidings_daemon::Dispatcher;
use tidings_plan::{Carrier, Intent, Key, Kind, OnUnknown, Page, Status};
use tidings_store::{Outlet, RowFilter, RunId, State};
use witness::Receiver;

const AT: i64 = 1_780_000_000_000_000;

/// Customers, each with a coupon, a mail that shows it, a webhook call and a notice.
fn page(customers: std::ops::Range<u32>) -> Page {
    let intents = customers.flat_map(|n| {
        let customer = format!("c{n}");
        let intent = |kind: Kind, channel: &str| Intent {
            key: Key::new(b"secret", "project", "wake-up", channel, &customer, "1"),
            rule: "wake-up".into(),
            step: format!("step {channel}"),
            customer: customer.clone(),
            occasion: "1".into(),
            kind,
            channel: channel.into(),
            subject: "wake-up".into(),
            address: (kind == Kind::Message).then(|| format!("{customer}@shop.example")),
            values: r#"{"coupon": {"value": "20 CNY"}}"#.into(),
            after: None,
            priority: 0,
            at: AT,
            expires: None,
            zone: None,
            worth: None,
            fallback: Vec::new(),
        };
        let coupon = intent(Kind::Coupon, "shop");
        let mail = Intent { after: Some(coupon.key), ..intent(Kind::Message, "email") };
        [coupon, mail, intent(Kind::Webhook, "crm"), intent(Kind::Notify, "team")]
    });
    Page { intents: intents.collect(), cursor: "end".into(), ..Page::default() }
}

/// Coupons by key, mail at most once, webhooks asked about, notices at most once.
fn receivers(folder: &Path) -> BTreeMap<Outlet, Arc<dyn Carrier>> {
    let receiver = |kind, channel: &str, policy| {
        let outlet = Outlet { kind, channel: channel.into() };
        (outlet, Arc::new(Receiver::new(folder, channel, policy)) as Arc<dyn Carrier>)
    };
    BTreeMap::from([
        receiver(Kind::Coupon, "shop", OnUnknown::Retry(86_400)),
        receiver(Kind::Message, "email", OnUnknown::Leave),
        receiver(Kind::Webhook, "crm", OnUnknown::Ask(1)),
        receiver(Kind::Notify, "team", OnUnknown::Leave),
    ])
}

async fn open(folder: &Path) -> State {
    State::open(&format!("sqlite:{}", folder.join("state.db").display())).await.unwrap()
}

async fn start(state: &State, customers: u32) -> RunId {
    let run = state.start_run(AT, "test", "").await.unwrap();
    state.enqueue(run, &page(0..customers)).await.unwrap();
    run
}

fn dispatcher(state: &State, folder: &Path) -> Dispatcher {
    dispatcher_with(state, receivers(folder))
}

fn dispatcher_with(state: &State, carriers: BTreeMap<Outlet, Arc<dyn Carrier>>) -> Dispatcher {
    let mut dispatcher = Dispatcher::new(state.clone(), carriers, "worker");
    dispatcher.patience = Duration::ZERO;
    dispatcher
}

/// Hours go by until nothing is left to do.
async fn drain_to_the_end(state: &State, folder: &Path) {
    for _hour in 0..50 {
        dispatcher(state, folder).drain(|_| {}).await.unwrap();
        if count(state, |s| !s.ended()).await == 0 {
            return;
        }
        state.advance(3_600_000_000);
    }
    panic!("something never ends: {:?}", state.outbox_counts(None).await);
}

async fn count(state: &State, of: impl Fn(Status) -> bool) -> u64 {
    state.outbox_counts(None).await.unwrap().iter().filter(|c| of(c.status)).map(|c| c.rows).sum()
}

/// What the witnesses and the ledger must agree on, whatever happened.
async fn hold_against_the_witnesses(state: &State, folder: &Path, customers: u32) {
    let rows = state.outbox_rows(&RowFilter::default(), u32::MAX).await.unwrap();
    assert_eq!(rows.len() as u32, customers * 4, "matched = sum over all states");
    for (channel, retries) in [("shop", true), ("email", false), ("crm", false), ("team", false)] {
        let log = witness::Log::read(folder, channel);
        for row in rows.iter().filter(|r| r.channel == channel) {
            let (times, payloads) = log.of(row.key);
            assert!(times <= 1 || retries, "{channel} got {} {times} times", row.key);
            assert!(payloads <= 1, "{channel} got different bytes for one key");
            match row.status {
                Status::Sent => {
                    assert!(times >= 1, "{channel} never got {}, which is marked as sent", row.key)
                }
                Status::Unconfirmed if channel == "email" || channel == "team" => {}
                other => panic!("{channel}: {} ended {other:?} for {:?}", row.key, row.reason),
            }
        }
    }
}
