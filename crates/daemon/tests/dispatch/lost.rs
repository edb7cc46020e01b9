//! Answers to commits are lost, whether the commits came through or not: nobody knows what is written down, and nothing
//! leaves twice for it.

#[path = "../../../../tests/witness/postgres.rs"]
#[allow(dead_code, reason = "this test uses some of it")]
mod postgres;

use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use tidings_store::StateError;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};

/// Starts a listener before a server that hangs up instead of handing back the answer to each `nth` COMMIT, of which it
/// hands on every other one. Returns its port, and how many answers it has kept.
async fn forgetful(server: u16, nth: usize) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (commits, lost) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let kept = lost.clone();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (commits, lost) = (commits.clone(), lost.clone());
            tokio::spawn(async move {
                let server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
                let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
                    (client.into_split(), server.into_split());
                let back = tokio::spawn(async move {
                    let _ = copy(&mut from_server, &mut to_client).await;
                    (from_server, to_client)
                });
                let mut bytes = vec![0; 1 << 16];
                while let Ok(n @ 1..) = from_client.read(&mut bytes).await {
                    let commit = bytes[..n].windows(7).any(|w| w == b"COMMIT\0");
                    if commit && commits.fetch_add(1, Ordering::Relaxed) % nth == nth - 1 {
                        back.abort();
                        if lost.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
                            // It is seen through before both sides are hung up on.
                            let _ = to_server.write_all(&bytes[..n]).await;
                            tokio::time::sleep(Duration::from_millis(20)).await;
                        }
                        return;
                    }
                    if to_server.write_all(&bytes[..n]).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (port, kept)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_whose_answers_are_lost_lose_and_double_nothing() {
    let Some(url) = postgres::database("lost") else { return };
    let (head, rest) = url.split_once("localhost:").unwrap();
    let (port, rest) = rest.split_once('/').unwrap();
    let name = rest.split('?').next().unwrap();
    let straight = State::open(&url).await.unwrap();
    let run = straight.start_run(AT, "test", "").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (mut ahead, mut written, mut lost) = (0, false, 0);
    for nth in [1, 2, 3, 4, 5, 7, 6, 5, 4, 3] {
        let (port, kept) = forgetful(port.parse().unwrap(), nth).await;
        // To make a connection takes a commit; the next one may be lost.
        let Ok(state) = State::open(&format!("{head}127.0.0.1:{port}/{name}")).await else { continue };
        state.advance(ahead);
        match state.enqueue(run, &page(0..40)).await {
            Ok(_) => written = true,
            Err(error) => assert!(matches!(error, StateError::Unreachable { .. }), "{error:?}"),
        }
        let mut dispatcher = dispatcher(&state, folder.path());
        dispatcher.patience = Duration::from_secs(1);
        if let Err(error) = dispatcher.drain(|_| {}).await {
            assert!(matches!(error, StateError::Unreachable { .. }), "{error:?}");
        }
        lost += kept.load(Ordering::Relaxed);
        ahead += 40_000_000;
    }
    assert!(lost >= 20, "{lost} answers were lost");
    assert!(written || straight.enqueue(run, &page(0..40)).await.is_ok());
    straight.advance(ahead);
    drain_to_the_end(&straight, folder.path()).await;
    hold_against_the_witnesses(&straight, folder.path(), 40).await;
}
