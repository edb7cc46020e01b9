//! Several dispatchers on one file.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dispatchers_share_the_work_without_repeating_any_and_without_getting_in_each_other_s_way() {
    let folder = tempfile::tempdir().unwrap();
    // More than two can hold at a time.
    start(&open(folder.path()).await, 240).await;
    let (mut workers, ready) = (Vec::new(), Arc::new(tokio::sync::Barrier::new(3)));
    for _ in 0..3 {
        let (path, ready) = (folder.path().to_owned(), ready.clone());
        workers.push(tokio::spawn(async move {
            let state = open(&path).await;
            let mut receiver = Receiver::new(&path, "shop", OnUnknown::Retry(86_400));
            receiver.meets = Some(ready);
            let outlet = Outlet { kind: Kind::Coupon, channel: "shop".into() };
            let mut carriers = receivers(&path);
            carriers.insert(outlet, Arc::new(receiver));
            let drained = dispatcher_with(&state, carriers).drain(|_| {}).await.unwrap();
            assert_eq!(drained.moves.stale, 0);
            drained.moves.to.values().sum::<u64>()
        }));
    }
    let mut shares = Vec::new();
    for worker in workers {
        shares.push(worker.await.unwrap());
    }
    let state = open(folder.path()).await;
    drain_to_the_end(&state, folder.path()).await;
    assert!(shares.iter().all(|share| *share > 0), "{shares:?}");
    assert_eq!(count(&state, |s| s == Status::Sent).await, 960);
    for channel in ["shop", "email", "crm", "team"] {
        assert_eq!(witness::Log::read(folder.path(), channel).len(), 240, "{channel}");
    }
    hold_against_the_witnesses(&state, folder.path(), 240).await;
}
