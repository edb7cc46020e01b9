//! The file itself.

use super::*;
use std::collections::HashSet;
use tidings_store::StateError;

#[tokio::test(flavor = "multi_thread")]
async fn a_new_file_opened_by_many_at_once_has_one_secret() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("made/on/demand/state.db").display());
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

#[tokio::test]
async fn the_secret_and_the_rows_outlive_the_process() {
    let f = Fresh::new().await;
    f.enqueue(vec![mail("ann")]).await;
    let secret = f.state.secret().to_owned();
    f.state.close().await;
    let again = State::open(&url(&f.folder)).await.unwrap();
    assert_eq!(again.secret(), secret);
    assert_eq!(again.ledger("ann").await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_shops_own_tables_stay_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let f = Fresh { state: State::open(&url(&folder)).await.unwrap(), folder, run: RunId(0) };
    f.by_hand("CREATE TABLE _sqlx_migrations (mine TEXT)").await.unwrap();
    f.by_hand("CREATE TABLE runs (mine TEXT)").await.unwrap();
    f.state.close().await;
    State::open(&url(&f.folder)).await.unwrap();
}

#[tokio::test]
async fn a_file_that_cannot_be_written_says_so_and_loses_nothing() {
    let f = Fresh::new().await;
    f.enqueue(vec![mail("ann")]).await;
    let error = State::open(&(url(&f.folder) + "?mode=ro")).await.unwrap_err();
    assert!(matches!(error, StateError::ReadOnly { .. }), "{error:?}");
    let error =
        State::open(&format!("sqlite:{}/state.db/inside", f.folder.path().display())).await.unwrap_err();
    assert!(error.to_string().contains("cannot be written"), "{error}");
    assert_eq!(f.states("ann").await, [Status::Pending]);
}

#[tokio::test]
async fn a_newer_version_s_file_is_refused() {
    let f = Fresh::new().await;
    f.by_hand("INSERT INTO tidings_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'later', 1, x'00', 0)")
        .await
        .unwrap();
    let error = State::open(&url(&f.folder)).await.unwrap_err();
    assert!(matches!(error, StateError::Version { .. }), "{error:?}");
}
