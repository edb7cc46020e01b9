//! What waits for a person's word.

use super::*;
use tidings_plan::Hold;
use tidings_store::HoldState;

fn held(intents: Vec<Intent>) -> Page {
    let hold = Hold { rule: "wake-up".into(), reason: "it would reach 2 of at most 1".into(), customers: 2 };
    Page { hold: Some(hold), ..page(intents) }
}

#[tokio::test]
async fn nothing_that_is_held_leaves_before_it_is_approved_and_then_all_of_it_does() {
    for f in Fresh::each().await {
        f.state.enqueue(f.run, &held(vec![coupon("ann"), mail_with_coupon("ann")])).await.unwrap();
        f.state.enqueue(f.run, &held(vec![mail("bob")])).await.unwrap();
        f.enqueue(vec![mail("free")]).await;
        assert_eq!(f.claim(Kind::Message, "email").await.rows.len(), 1, "what is not held does not wait");
        assert!(f.claim(Kind::Coupon, "shop").await.rows.is_empty());
        assert_eq!(f.state.next_due(&outlet(Kind::Coupon, "shop"), None).await.unwrap(), None);
        let holds = f.state.holds().await.unwrap();
        let [hold] = holds.as_slice() else { panic!("one for a run and a rule: {holds:?}") };
        assert_eq!((hold.rows, hold.customers, hold.state), (3, 2, HoldState::Waiting));
        assert_eq!(f.state.ledger("bob").await.unwrap()[0].reason.as_deref(), Some("waits for a person"));
        assert!(f.state.approve(hold.id, "Ann of marketing").await.unwrap());
        assert!(!f.state.cancel_hold(hold.id, "Bob").await.unwrap(), "it was decided");
        f.carry(Kind::Coupon, "shop", sent(Some("C"))).await;
        f.carry(Kind::Message, "email", sent(None)).await;
        assert_eq!([f.states("ann").await, f.states("bob").await].concat(), [Status::Sent; 3]);
        let hold = &f.state.holds().await.unwrap()[0];
        assert_eq!((hold.state, hold.decided_by.as_deref()), (HoldState::Approved, Some("Ann of marketing")));
    }
}

#[tokio::test]
async fn what_is_called_off_ends_over_the_limit_and_so_does_what_comes_after() {
    for f in Fresh::each().await {
        f.state.enqueue(f.run, &held(vec![coupon("ann"), mail_with_coupon("ann")])).await.unwrap();
        let id = f.state.holds().await.unwrap()[0].id;
        assert!(f.state.cancel_hold(id, "Ann").await.unwrap());
        f.state.enqueue(f.run, &held(vec![mail("late")])).await.unwrap();
        assert_eq!([f.states("ann").await, f.states("late").await].concat(), [Status::OverLimit; 3]);
        let runs = f.state.runs(5).await.unwrap();
        assert_eq!(runs[0].states.get(&Status::OverLimit), Some(&3), "{runs:?}");
    }
}

#[tokio::test]
async fn what_nobody_lets_go_expires() {
    for f in Fresh::each().await {
        let expiring = |intent| Intent { expires: Some(i64::MAX / 4), ..intent };
        f.state
            .enqueue(f.run, &held(vec![expiring(coupon("ann")), expiring(mail_with_coupon("ann"))]))
            .await
            .unwrap();
        assert_eq!(f.state.recover().await.unwrap().over_limit, 0);
        f.by_hand("UPDATE tidings_outbox SET expires_at = 1").await.unwrap();
        assert_eq!(f.state.recover().await.unwrap().over_limit, 2);
        assert_eq!(f.states("ann").await, [Status::OverLimit; 2]);
    }
}

#[tokio::test]
async fn the_rest_of_a_run_that_was_cut_short_is_known_to_wait_too() {
    for f in Fresh::each().await {
        f.state.enqueue(f.run, &held(vec![mail("ann")])).await.unwrap();
        let is_held = async || f.state.history(&Asked::default()).await.unwrap().held.contains("wake-up");
        assert!(is_held().await, "its run has not ended");
        let first = f.state.holds().await.unwrap()[0].id;
        f.state.cancel_hold(first, "Ann").await.unwrap();
        assert!(is_held().await, "what was called off is not let go by being asked for again");
        let rest = f.state.start_run(AT, "test", "").await.unwrap();
        f.state.enqueue(rest, &held(vec![mail("bob")])).await.unwrap();
        f.state.finish_run(rest).await.unwrap();
        assert!(!is_held().await, "the rest waits under a hold of its own");
    }
}

#[tokio::test]
async fn a_run_that_goes_on_with_one_that_was_cut_short_asks_no_second_time() {
    for f in Fresh::each().await {
        let page = |customer: &str, customers| {
            let mut page = held(vec![mail(customer)]);
            page.hold.as_mut().unwrap().customers = customers;
            page
        };
        f.state.enqueue(f.run, &page("ann", 3)).await.unwrap();
        let rest = f.state.start_run(AT, "test", "").await.unwrap();
        for customer in ["bob", "cleo"] {
            f.state.enqueue(rest, &page(customer, 2)).await.unwrap();
        }
        f.state.finish_run(rest).await.unwrap();
        let holds = f.state.holds().await.unwrap();
        let hold = &holds[0];
        assert_eq!((holds.len(), hold.run, hold.rows, hold.customers), (1, rest, 3, 3));
        let held = f.state.history(&Asked::default()).await.unwrap().held;
        assert!(held.is_empty(), "nothing is left of it");
        assert!(f.state.approve(hold.id, "Ann").await.unwrap());
        f.carry(Kind::Message, "email", sent(None)).await;
        assert_eq!([f.states("ann").await, f.states("cleo").await].concat(), [Status::Sent; 2]);
        // Another moment is another question, and so is the next time.
        let cut_short = f.state.start_run(AT, "test", "").await.unwrap();
        f.state.enqueue(cut_short, &page("emil", 1)).await.unwrap();
        let later = f.state.start_run(AT + 1, "test", "").await.unwrap();
        f.state.enqueue(later, &page("fred", 1)).await.unwrap();
        assert_eq!(f.state.holds().await.unwrap().len(), 3);
        let next = f.state.start_run(AT, "test", "").await.unwrap();
        f.state.finish_run(cut_short).await.unwrap();
        f.state.enqueue(next, &page("dora", 1)).await.unwrap();
        assert_eq!(f.state.holds().await.unwrap().len(), 4);
    }
}
