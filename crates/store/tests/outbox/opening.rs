//! The file itself.

use super::*;
use std::collections::HashSet;

#[tokio::test(flavor = "multi_thread")]
async fn a_new_place_opened_by_many_at_once_has_one_secret() {
    for f in Fresh::each().await {
        let url = match &f.folder {
            Some(folder) => format!("sqlite:{}", folder.path().join("made/on/demand/state.db").display()),
            None => {
                f.by_hand("DROP SCHEMA public CASCADE; CREATE SCHEMA public").await.unwrap();
                f.url.clone()
            }
        };
        let opening: Vec<_> = (0..8)
            .map(|_| {
                tokio::spawn({
                    let url = url.clone();
                    async move { State::open(&url).await }
                })
            })
            .collect();
        let mut secrets = HashSet::new();
        for state in opening {
            let state = state.await.unwrap().unwrap();
            assert_eq!(state.secret().len(), 32);
            secrets.insert((state.project().to_owned(), state.secret().to_owned()));
        }
        assert_eq!(secrets.len(), 1);
    }
}

#[tokio::test]
async fn the_secret_and_the_rows_outlive_the_process() {
    for f in Fresh::each().await {
        f.enqueue(vec![mail("ann")]).await;
        let secret = f.state.secret().to_owned();
        f.state.close().await;
        let again = f.again().await;
        assert_eq!(again.secret(), secret);
        assert_eq!(again.ledger("ann").await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn the_shops_own_tables_stay_as_they_are() {
    for f in Fresh::each().await {
        f.by_hand("CREATE TABLE _sqlx_migrations (mine TEXT)").await.unwrap();
        f.by_hand("CREATE TABLE runs (mine TEXT)").await.unwrap();
        f.state.close().await;
        f.again().await;
    }
}

#[tokio::test]
async fn a_server_with_one_connection_is_enough() {
    let Some(f) = Fresh::server().await else { return };
    let mut url = url::Url::parse(&f.url).unwrap();
    url.query_pairs_mut().append_pair("connections", "1");
    let state = State::open(url.as_str()).await.unwrap();
    state.enqueue(f.run, &page((0..100).map(|i| mail(&format!("c{i}"))).collect())).await.unwrap();
    let mut workers = Vec::new();
    for _ in 0..8 {
        let state = state.clone();
        workers.push(tokio::spawn(async move {
            loop {
                let claim = state.claim("w", &outlet(Kind::Message, "email"), 5, LEASE, None).await.unwrap();
                if claim.rows.is_empty() {
                    break;
                }
                let open = gate_of(&state, &claim).await.unwrap().open;
                let outcomes: Vec<_> = open.into_iter().map(|key| (key, sent(None))).collect();
                state.settle(claim.token, &outcomes).await.unwrap();
            }
        }));
    }
    for worker in workers {
        worker.await.unwrap();
    }
    assert_eq!(
        state
            .outbox_rows(&RowFilter { status: Some(Status::Sent), ..RowFilter::default() }, 1_000)
            .await
            .unwrap()
            .len(),
        100
    );
    let error = State::open(&url.as_str().replace("connections=1", "connections=none")).await.unwrap_err();
    assert!(error.to_string().contains("connections=none"), "{error}");
}

#[tokio::test]
async fn a_file_that_cannot_be_written_says_so_and_loses_nothing() {
    let f = Fresh::file().await;
    f.enqueue(vec![mail("ann")]).await;
    let error = State::open(&format!("{}?mode=ro", f.url)).await.unwrap_err();
    assert!(matches!(error, StateError::ReadOnly { .. }), "{error:?}");
    let error = State::open(&format!("{}/inside", f.url)).await.unwrap_err();
    assert!(error.to_string().contains("cannot be written"), "{error}");
    // In a folder where nobody can make files, not even root.
    let error = State::open("sqlite:/proc/state.db").await.unwrap_err();
    assert!(error.to_string().contains("make the file and its folder writable"), "{error}");
    f.state.close().await;
    let beside = f.folder.as_ref().unwrap().path().join("state.db-wal");
    std::fs::create_dir(&beside).unwrap();
    let error = State::open(&f.url).await.unwrap_err();
    assert!(error.to_string().contains("make the file and its folder writable"), "{error}");
    std::fs::remove_dir(beside).unwrap();
    assert_eq!(f.again().await.ledger("ann").await.unwrap()[0].status, Status::Pending);
}

#[tokio::test]
async fn a_server_that_is_not_there_says_so_and_keeps_the_password() {
    let error = State::open("postgres://user:hush@127.0.0.1:1/shop").await.unwrap_err();
    assert!(matches!(error, StateError::Unreachable { .. }), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("hush"), "{error:?}");
    let error = State::open("postgres://user:hush@[half/shop").await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hush"), "{error:?}");
}

#[tokio::test]
async fn a_newer_version_s_state_is_refused() {
    for f in Fresh::each().await {
        f.by_hand("INSERT INTO tidings_migrations (version, hash) VALUES (9999, 'later')").await.unwrap();
        let error = State::open(&f.url).await.unwrap_err();
        assert!(matches!(error, StateError::Version { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn how_a_state_is_set_up_is_told() {
    for f in Fresh::each().await {
        let facts = f.state.facts().await.unwrap();
        assert!(facts.keeps && !facts.copied, "{facts:?}");
        assert!(facts.step >= 3 && facts.now > 0 && !facts.server.is_empty(), "{facts:?}");
    }
}
