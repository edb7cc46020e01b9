//! What a drain does when nothing dies.

use super::witness::Moment;
use super::*;
use std::sync::Mutex;
use tidings_daemon::{RunOf, Stop, run};
use tidings_plan::{Fallback, Outcome};

/// The receivers, but one channel's as it is made here.
fn with(
    folder: &Path,
    kind: Kind,
    channel: &str,
    policy: OnUnknown,
    make: impl FnOnce(&mut Receiver),
) -> BTreeMap<Outlet, Arc<dyn Carrier>> {
    let mut receiver = Receiver::new(folder, channel, policy);
    make(&mut receiver);
    let mut all = receivers(folder);
    all.insert(Outlet { kind, channel: channel.into() }, Arc::new(receiver));
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_sends_each_once_and_the_same_run_again_sends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let state = open(folder.path()).await;
    let of = RunOf { at: AT, cause: "by hand", program: "" };
    let seen = Arc::new(Mutex::new(Vec::new()));
    let progress = {
        let seen = seen.clone();
        move |moves: &tidings_store::Moves| seen.lock().unwrap().push(moves.clone())
    };
    let first = run(&dispatcher(&state, folder.path()), of, [page(0..30), page(30..50)], |_| {}, progress)
        .await
        .unwrap();
    assert_eq!(first.states, BTreeMap::from([(Status::Sent, 200)]));
    assert_eq!((first.enqueued.inserted, first.enqueued.known), (200, 0));
    assert_eq!(seen.lock().unwrap().last(), Some(&first.drained.moves));
    hold_against_the_witnesses(&state, folder.path(), 50).await;
    let shown = &witness::Log::read(folder.path(), "email");
    let coupon = Key::new(b"secret", "project", "wake-up", "shop", "c7", "1");
    let mail = Key::new(b"secret", "project", "wake-up", "email", "c7", "1");
    assert!(shown.payloads(mail)[0].contains(&format!("C-{coupon}")), "the mail shows its own coupon");
    let second = run(&dispatcher(&state, folder.path()), of, [page(0..50)], |_| {}, |_| {}).await.unwrap();
    assert_eq!((second.enqueued.inserted, second.enqueued.known), (0, 200));
    assert_eq!(shown.len(), witness::Log::read(folder.path(), "email").len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_is_down_is_left_alone_and_uses_no_attempts_up() {
    let folder = tempfile::tempdir().unwrap();
    let state = open(folder.path()).await;
    start(&state, 200).await;
    let busy = vec![Outcome::Again("busy".into(), None); 1_000];
    let carriers = with(folder.path(), Kind::Notify, "team", OnUnknown::Leave, |r| r.script = busy);
    let drained = dispatcher_with(&state, carriers).drain(|_| {}).await.unwrap();
    assert_eq!(drained.down, [Outlet { kind: Kind::Notify, channel: "team".into() }]);
    let rows = state
        .outbox_rows(&RowFilter { status: Some(Status::Pending), ..RowFilter::default() }, u32::MAX)
        .await
        .unwrap();
    let tries: u32 = rows.iter().map(|r| r.attempts).sum();
    assert_eq!(rows.len(), 200);
    assert!((10..=18).contains(&tries), "ten failures, and what was under way beside them: {tries}");
    assert_eq!(count(&state, |s| s == Status::Sent).await, 600, "the others go on");
    // An hour later it is back.
    state.advance(3_600_000_000);
    drain_to_the_end(&state, folder.path()).await;
    assert_eq!(count(&state, |s| s == Status::Sent).await, 800);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_goes_by_the_next_channel_where_the_first_refuses_it_or_is_down() {
    for (answer, down) in
        [(Outcome::Rejected("no such user".into()), false), (Outcome::Again("busy".into(), None), true)]
    {
        let folder = tempfile::tempdir().unwrap();
        let state = open(folder.path()).await;
        let run = state.start_run(AT, "test", "").await.unwrap();
        let mails = page(0..40).intents.into_iter().filter(|i| i.kind == Kind::Message);
        let by_sms = |mail: &Intent| Fallback {
            key: Key::new(b"secret", "project", "wake-up", "sms", &mail.customer, "1"),
            step: "send by sms".into(),
            channel: "sms".into(),
            address: "+8613800000000".into(),
            values: "{}".into(),
        };
        let mails = mails.map(|mail| Intent { after: None, fallback: vec![by_sms(&mail)], ..mail });
        state.enqueue(run, &Page { intents: mails.collect(), ..Page::default() }).await.unwrap();
        let mut carriers =
            with(folder.path(), Kind::Message, "email", OnUnknown::Leave, |r| r.script = vec![answer; 1_000]);
        let sms = Receiver::new(folder.path(), "sms", OnUnknown::Leave);
        carriers.insert(Outlet { kind: Kind::Message, channel: "sms".into() }, Arc::new(sms));
        let mut dispatcher = dispatcher_with(&state, carriers);
        dispatcher.fall_back_after = Duration::ZERO;
        // What was tried in vain falls back when it would be tried again.
        for _hour in 0..4 {
            dispatcher.drain(|_| {}).await.unwrap();
            state.advance(3_600_000_000);
        }
        let (by_mail, by_sms) =
            (witness::Log::read(folder.path(), "email"), witness::Log::read(folder.path(), "sms"));
        assert_eq!((by_mail.len(), by_sms.len()), (0, 40), "down: {down}");
        let rejected = RowFilter { status: Some(Status::Rejected), ..RowFilter::default() };
        let rows = state.outbox_rows(&rejected, u32::MAX).await.unwrap();
        assert_eq!(rows.len(), 40, "and the mails say why they did not go");
        assert!(rows.iter().any(|r| r.reason.as_deref().is_some_and(|r| r.contains(if down {
            "down"
        } else {
            "user"
        }))));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_outcome_finds_its_state_and_the_sum_holds() {
    let folder = tempfile::tempdir().unwrap();
    let state = open(folder.path()).await;
    let run = start(&state, 20).await;
    let script = vec![
        Outcome::Rejected("budget spent".into()),
        Outcome::Unknown("reset".into()),
        Outcome::Again("busy".into(), None),
        Outcome::Sent { provider_id: None, code: None },
    ];
    let carriers = with(folder.path(), Kind::Coupon, "shop", OnUnknown::Leave, |r| r.script = script);
    dispatcher_with(&state, carriers).drain(|_| {}).await.unwrap();
    let states: BTreeMap<_, _> =
        [Status::Pending, Status::Sent, Status::Rejected, Status::Unconfirmed, Status::Cancelled]
            .map(|s| (s, 0))
            .into();
    let mut found = states;
    for count in state.outbox_counts(Some(run)).await.unwrap() {
        *found.get_mut(&count.status).unwrap() += count.rows;
    }
    let expected = [
        (Status::Pending, 2), // the busy one and its mail
        (Status::Rejected, 1),
        (Status::Unconfirmed, 1),
        (Status::Cancelled, 3), // the mails of the three that brought no code
        (Status::Sent, 80 - 7),
    ];
    assert_eq!(found, expected.into());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_that_panics_is_a_doubt_and_stops_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let state = open(folder.path()).await;
    start(&state, 10).await;
    let carriers =
        with(folder.path(), Kind::Webhook, "crm", OnUnknown::Leave, |r| r.breaks = Some(Moment::Before));
    dispatcher_with(&state, carriers).drain(|_| {}).await.unwrap();
    assert_eq!(count(&state, |s| s == Status::Unconfirmed).await, 1);
    assert_eq!(count(&state, |s| s == Status::Sent).await, 39);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_whose_preparation_breaks_down_is_quarantined_and_stops_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let state = open(folder.path()).await;
    start(&state, 10).await;
    let carriers =
        with(folder.path(), Kind::Webhook, "crm", OnUnknown::Leave, |r| r.breaks = Some(Moment::Preparing));
    dispatcher_with(&state, carriers).drain(|_| {}).await.unwrap();
    assert_eq!(count(&state, |s| s == Status::Quarantined).await, 1);
    assert_eq!(count(&state, |s| s == Status::Sent).await, 39);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_may_outlast_the_lease() {
    let folder = tempfile::tempdir().unwrap();
    let state = open(folder.path()).await;
    start(&state, 1).await;
    let watch = state.clone();
    let carriers = with(folder.path(), Kind::Webhook, "crm", OnUnknown::Leave, |r| r.outlasts = Some(watch));
    let mut dispatcher = dispatcher_with(&state, carriers);
    dispatcher.lease = Duration::from_secs(2);
    dispatcher.drain(|_| {}).await.unwrap();
    assert_eq!(count(&state, |s| s == Status::Sent).await, 4);
}

#[tokio::test]
async fn a_wish_to_stop_sees_through_what_is_leaving_and_gives_the_rest_back() {
    let folder = tempfile::tempdir().unwrap();
    let state = open(folder.path()).await;
    start(&state, 100).await;
    let stop = Stop::default();
    let brings = stop.clone();
    let carriers = with(folder.path(), Kind::Webhook, "crm", OnUnknown::Ask(1), |r| r.stops = Some(brings));
    let mut dispatcher = dispatcher_with(&state, carriers);
    dispatcher.stop = stop;
    dispatcher.drain(|_| {}).await.unwrap();
    assert!((1..=4).contains(&witness::Log::read(folder.path(), "crm").len()), "no more than were under way");
    assert_eq!(count(&state, |s| !s.ended() && s != Status::Pending).await, 0, "no lease is left behind");
    drain_to_the_end(&state, folder.path()).await;
    assert_eq!(count(&state, |s| s == Status::Sent).await, 400, "and nothing was lost by it");
    hold_against_the_witnesses(&state, folder.path(), 100).await;
}

#[tokio::test]
async fn what_the_gate_refuses_never_reaches_the_receiver() {
    let folder = tempfile::tempdir().unwrap();
    let state = open(folder.path()).await;
    start(&state, 10).await;
    state.suppress("email", "c3@shop.example", "complaint", "test").await.unwrap();
    state.withdraw_consent("c4", "email", "link in mail").await.unwrap();
    dispatcher(&state, folder.path()).drain(|_| {}).await.unwrap();
    let log = witness::Log::read(folder.path(), "email");
    assert_eq!(log.len(), 8);
    for customer in ["c3", "c4"] {
        let key = Key::new(b"secret", "project", "wake-up", "email", customer, "1");
        assert!(log.payloads(key).is_empty(), "{customer}");
    }
}

#[tokio::test]
async fn what_waited_too_long_after_the_gate_does_not_leave() {
    let folder = tempfile::tempdir().unwrap();
    let state = open(folder.path()).await;
    start(&state, 3).await;
    let mut d = dispatcher(&state, folder.path());
    d.first_byte = Duration::ZERO;
    let stop = d.stop.clone();
    d.drain(move |_| stop.now()).await.unwrap();
    assert_eq!(count(&state, |s| s == Status::Pending).await, 12);
    assert_eq!(witness::Log::read(folder.path(), "shop").len(), 0);
}

#[tokio::test]
async fn the_kill_switch_ends_a_drain_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let state = open(folder.path()).await;
    start(&state, 3).await;
    state.pause(&tidings_store::Scope::All, "wrong price").await.unwrap();
    let drained = dispatcher(&state, folder.path()).drain(|_| {}).await.unwrap();
    assert_eq!(drained.stopped.as_deref(), Some("wrong price"));
    assert_eq!(count(&state, |s| s == Status::Pending).await, 12);
}

#[tokio::test]
async fn rows_without_a_carrier_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let state = open(folder.path()).await;
    start(&state, 3).await;
    let mut carriers = receivers(folder.path());
    carriers.remove(&Outlet { kind: Kind::Notify, channel: "team".into() });
    let drained = dispatcher_with(&state, carriers).drain(|_| {}).await.unwrap();
    assert_eq!(drained.unserved, [Outlet { kind: Kind::Notify, channel: "team".into() }]);
}

#[tokio::test]
async fn a_wish_is_kept_for_those_who_come_late() {
    let stop = Stop::default();
    assert!(!stop.wanted());
    stop.clone().now();
    stop.wait().await;
    assert!(stop.wanted());
}
