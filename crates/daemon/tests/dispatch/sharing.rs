//! Several dispatchers on one file.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dispatchers_share_the_work_without_repeating_any_and_without_getting_in_each_other_s_way() {
    let folder = tempfile::tempdir().unwrap();
    start(&open(folder.path()).await, 150).await;
    let (mut workers, ready) = (Vec::new(), Arc::new(tokio::sync::Barrier::new(3)));
    for _ in 0..3 {
        let (path, ready) = (folder.path().to_owned(), ready.clone());
        workers.push(tokio::spawn(async move {
            let state = open(&path).await;
            ready.wait().await;
            let drained = dispatcher(&state, &path).drain(|_| {}).await.unwrap();
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
    // On a busy machine the work may be done before the third has begun.
    assert!(shares.iter().filter(|n| **n > 0).count() >= 2, "{shares:?}");
    assert_eq!(count(&state, |s| s == Status::Sent).await, 600);
    for channel in ["shop", "email", "crm", "team"] {
        assert_eq!(witness::Log::read(folder.path(), channel).len(), 150, "{channel}");
    }
    hold_against_the_witnesses(&state, folder.path(), 150).await;
}
