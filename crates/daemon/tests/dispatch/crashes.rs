//! The process dies, the clock jumps, and another takes up its work.
//!
//! The long version: `TIDINGS_LONG=1 cargo test -p tidings-daemon --test dispatch dropped` (1,000 times).

use super::*;
use proptest::prelude::*;
use std::os::unix::process::ExitStatusExt;
use std::pin::pin;
use std::process::Command;
use std::task::Poll;
use witness::Moment;

const LEASE_AND_MORE: i64 = 40_000_000;
const HOUR: i64 = 3_600_000_000;
/// How the clock is set between two lives.
const JUMPS: [i64; 3] = [LEASE_AND_MORE, -HOUR, 3 * HOUR];

/// Polls a future so many times and then lets go of it.
async fn dropped_after<F: Future>(polls: usize, future: F) {
    let mut future = pin!(future);
    let mut left = polls;
    std::future::poll_fn(|context| {
        if left == 0 || future.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        left -= 1;
        Poll::Pending
    })
    .await;
}

fn cases() -> u32 {
    if std::env::var_os("TIDINGS_LONG").is_some() { 1_000 } else { 32 }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 0, ..ProptestConfig::default() })]

    #[test]
    fn dropped_at_any_moment_each_key_leaves_once_where_the_receiver_helps_and_at_most_once_elsewhere(
        crashes in proptest::collection::vec((0..120_usize, prop::sample::select(&JUMPS[..])), 1..6),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            start(&open(folder.path()).await, 15).await;
            let mut ahead = 0;
            for (polls, jump) in crashes {
                let state = open(folder.path()).await;
                state.advance(ahead);
                dropped_after(polls, dispatcher(&state, folder.path()).drain(|_| {})).await;
                ahead += jump;
            }
            let state = open(folder.path()).await;
            state.advance(ahead);
            drain_to_the_end(&state, folder.path()).await;
            hold_against_the_witnesses(&state, folder.path(), 15).await;
        });
    }
}

/// Not a test of its own: the process that dies.
#[test]
#[ignore = "started by the test below"]
fn victim() {
    let variable = |name: &str| std::env::var(name).unwrap();
    let folder = std::path::PathBuf::from(variable("VICTIM_FOLDER"));
    let moment = match variable("VICTIM_MOMENT").as_str() {
        "preparing" => Moment::Preparing,
        "before" => Moment::Before,
        _ => Moment::After,
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let state = open(&folder).await;
        state.advance(variable("VICTIM_AHEAD").parse().unwrap());
        let (kind, channel, policy) = match variable("VICTIM_CHANNEL").as_str() {
            "shop" => (Kind::Coupon, "shop", OnUnknown::Retry(86_400)),
            "crm" => (Kind::Webhook, "crm", OnUnknown::Ask(1)),
            _ => (Kind::Message, "email", OnUnknown::Leave),
        };
        let mut receiver = Receiver::new(&folder, channel, policy);
        receiver.dies_at = Some((moment, variable("VICTIM_NTH").parse().unwrap()));
        let mut carriers = receivers(&folder);
        carriers.insert(Outlet { kind, channel: channel.into() }, Arc::new(receiver));
        dispatcher_with(&state, carriers).drain(|_| {}).await.unwrap();
    });
}

#[tokio::test]
async fn killed_at_each_step_nothing_is_lost_and_nothing_leaves_twice() {
    let folder = tempfile::tempdir().unwrap();
    let state = open(folder.path()).await;
    let run = start(&state, 0).await;
    let (mut ahead, mut deaths) = (0, 0);
    for nth in [3, 7] {
        for channel in ["shop", "email", "crm"] {
            for moment in ["preparing", "before", "after"] {
                // Each finds new work, so that no row is under way in three deaths and taken for poison.
                state.enqueue(run, &page(deaths * 10..(deaths + 1) * 10)).await.unwrap();
                let victim = Command::new(std::env::current_exe().unwrap())
                    .args(["--ignored", "--exact", "crashes::victim"])
                    .env("VICTIM_FOLDER", folder.path())
                    .env("VICTIM_CHANNEL", channel)
                    .env("VICTIM_MOMENT", moment)
                    .env("VICTIM_NTH", nth.to_string())
                    .env("VICTIM_AHEAD", ahead.to_string())
                    .output()
                    .unwrap();
                assert!(victim.status.signal().is_some(), "{channel} {moment} {nth}: {victim:?}");
                deaths += 1;
                ahead += LEASE_AND_MORE;
            }
        }
    }
    state.advance(ahead);
    drain_to_the_end(&state, folder.path()).await;
    hold_against_the_witnesses(&state, folder.path(), deaths * 10).await;
}

#[tokio::test]
async fn no_more_is_let_out_than_leaves_soon() {
    let folder = tempfile::tempdir().unwrap();
    let state = open(folder.path()).await;
    start(&state, 200).await;
    let mut receiver = Receiver::new(folder.path(), "shop", OnUnknown::Retry(86_400));
    receiver.meets = Some(Arc::new(tokio::sync::Barrier::new(2)));
    let outlet = Outlet { kind: Kind::Coupon, channel: "shop".into() };
    let carriers = BTreeMap::from([(outlet, Arc::new(receiver) as Arc<dyn Carrier>)]);
    let dispatcher = dispatcher_with(&state, carriers);
    let let_out = async { while count(&state, |s| s == Status::Dispatching).await == 0 {} };
    // Its receiver does not answer, and the machine dies.
    tokio::select! {
        _ = dispatcher.drain(|_| {}) => panic!("it waits for another that never comes"),
        () = let_out => {}
    }
    let doubtful = count(&state, |s| matches!(s, Status::Leased | Status::Dispatching)).await;
    assert!(doubtful <= 16, "four batches for four connections, not {doubtful} rows");
}

#[tokio::test]
async fn more_is_let_out_together_once_so_much_has_left_quickly_and_not_for_what_never_leaves() {
    let sizes = async |refused: usize| {
        let folder = tempfile::tempdir().unwrap();
        let state = open(folder.path()).await;
        start(&state, 400).await;
        let mut receiver = Receiver::new(folder.path(), "shop", OnUnknown::Retry(86_400));
        receiver.refuses = refused;
        let (outlet, receiver) = (Outlet { kind: Kind::Coupon, channel: "shop".into() }, Arc::new(receiver));
        let carriers = BTreeMap::from([(outlet, receiver.clone() as Arc<dyn Carrier>)]);
        dispatcher_with(&state, carriers).drain(|_| {}).await.unwrap();
        receiver.batches.lock().unwrap().iter().map(|(_, rows)| *rows).collect::<Vec<_>>()
    };
    let leaving = sizes(0).await;
    assert_eq!((leaving[0], leaving.iter().max()), (4, Some(&25)));
    let refused = sizes(300).await;
    assert_eq!(refused[..76], [4; 76], "the first that leave are as few as at the start");
}
