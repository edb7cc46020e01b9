//! The outbox's promises, one fault at a time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod away;
mod claims;
mod constraints;
mod door;
mod doubts;
mod fallback;
mod fresh;
mod gate;
mod history;
mod holds;
mod hostile;
mod keys;
mod occurrences;
mod opening;
mod pauses;
mod people;
mod programs;
mod rates;
mod storms;

use fresh::Fresh;
use std::time::Duration;
use tempfile::TempDir;
use tidings_plan::{Door, Intent, Key, Kind, OnUnknown, Outcome, Page, Status};
use tidings_store::{Asked, Claim, Gated, Outlet, RowFilter, RunId, Scope, State, StateError};

const LEASE: Duration = Duration::from_secs(30);
const AT: i64 = 1_780_000_000_000_000;

impl Fresh {
    async fn enqueue(&self, intents: Vec<Intent>) {
        self.state.enqueue(self.run, &page(intents)).await.unwrap();
    }

    async fn claim(&self, kind: Kind, channel: &str) -> Claim {
        self.state.claim("worker", &outlet(kind, channel), 100, LEASE, None).await.unwrap()
    }

    async fn gate(&self, claim: &Claim) -> Gated {
        self.gate_with(claim, OnUnknown::Leave).await
    }

    async fn gate_with(&self, claim: &Claim, policy: OnUnknown) -> Gated {
        self.gate_at(claim, policy, &Door::default()).await
    }

    async fn gate_at(&self, claim: &Claim, policy: OnUnknown, door: &Door) -> Gated {
        self.state.gate(claim.token, &prepared(claim), policy, LEASE, door, &[]).await.unwrap()
    }

    /// Claims, lets out and settles all that is due in an outlet with one outcome.
    async fn carry(&self, kind: Kind, channel: &str, outcome: Outcome) {
        let claim = self.claim(kind, channel).await;
        let open = self.gate(&claim).await.open;
        let outcomes: Vec<_> = open.into_iter().map(|key| (key, outcome.clone())).collect();
        self.state.settle(claim.token, &outcomes).await.unwrap();
    }

    /// The states of a customer's rows, in the order in which they were written down.
    async fn states(&self, customer: &str) -> Vec<Status> {
        self.state.ledger(customer).await.unwrap().into_iter().map(|row| row.status).collect()
    }

    fn advance(&self, by: Duration) {
        self.state.advance(i64::try_from(by.as_micros()).unwrap());
    }
}

fn prepared(claim: &Claim) -> Vec<(Key, Result<String, String>)> {
    claim.rows.iter().map(|row| (row.sending.key, Ok("payload".to_owned()))).collect()
}

/// The gate of a policy that holds nothing.
async fn gate_of(state: &State, claim: &Claim) -> Result<Gated, StateError> {
    state.gate(claim.token, &prepared(claim), OnUnknown::Leave, LEASE, &Door::default(), &[]).await
}

fn outlet(kind: Kind, channel: &str) -> Outlet {
    Outlet { kind, channel: channel.into() }
}

fn page(intents: Vec<Intent>) -> Page {
    Page { intents, cursor: "1".into(), ..Page::default() }
}

fn sent(code: Option<&str>) -> Outcome {
    Outcome::Sent { provider_id: Some("p-1".into()), code: code.map(Into::into) }
}

fn key(step: &str, customer: &str) -> Key {
    Key::new(b"secret", "project", "wake-up", step, customer, "1")
}

/// An email to a customer.
fn mail(customer: &str) -> Intent {
    Intent {
        key: key("send wake-up", customer),
        rule: "wake-up".into(),
        step: "send wake-up".into(),
        customer: customer.into(),
        occasion: "1".into(),
        kind: Kind::Message,
        channel: "email".into(),
        subject: "wake-up".into(),
        address: Some(format!("{customer}@shop.example")),
        values: r#"{"customer": {}}"#.into(),
        after: None,
        priority: 0,
        at: AT,
        expires: None,
        zone: None,
        worth: None,
        fallback: Vec::new(),
    }
}

/// A coupon for a customer.
fn coupon(customer: &str) -> Intent {
    Intent {
        key: key("coupon wake-up", customer),
        step: "coupon wake-up".into(),
        kind: Kind::Coupon,
        channel: "shop".into(),
        address: None,
        values: r#"{"coupon": {"value": "20 CNY", "label": "Welcome back", "expires": 1790000000000000}}"#
            .into(),
        ..mail(customer)
    }
}

/// An email that shows the customer's coupon.
fn mail_with_coupon(customer: &str) -> Intent {
    Intent { after: Some(coupon(customer).key), ..mail(customer) }
}
