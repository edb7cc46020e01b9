//! The database itself refuses states that cannot be.

use super::*;

#[tokio::test]
async fn impossible_rows_are_refused() {
    let f = Fresh::new().await;
    f.enqueue(vec![mail("ann")]).await;
    for impossible in [
        "UPDATE tidings_outbox SET state = 'lost'",
        "UPDATE tidings_outbox SET state = 'leased'",
        "UPDATE tidings_outbox SET token = zeroblob(16), worker = 'w', leased_until = 1, attempts = 1",
        "UPDATE tidings_outbox SET state = 'leased', token = zeroblob(16), worker = 'w', leased_until = 1",
        "UPDATE tidings_outbox SET state = 'leased', token = zeroblob(16), worker = 'w', attempts = 1",
        "UPDATE tidings_outbox SET state = 'dispatching', token = zeroblob(16), worker = 'w', leased_until = 1, attempts = 1",
        "UPDATE tidings_outbox SET state = 'dispatching', token = zeroblob(16), worker = 'w', leased_until = 1, attempts = 1, dispatched_at = 1",
        "UPDATE tidings_outbox SET state = 'sent', settled_at = 1",
        "UPDATE tidings_outbox SET state = 'sent', dispatched_at = 1, payload = 'p'",
        "UPDATE tidings_outbox SET state = 'unknown', dispatched_at = 1, payload = 'p', reason = 'r'",
        "UPDATE tidings_outbox SET state = 'suppressed', settled_at = 1",
        "UPDATE tidings_outbox SET state = 'suppressed', settled_at = 1, reason = 'r', dispatched_at = 1, payload = 'p', doubted_at = 1",
        "UPDATE tidings_outbox SET settled_at = 1",
        "UPDATE tidings_outbox SET code = 'C'",
        "UPDATE tidings_outbox SET address = NULL, address_hash = NULL",
        "UPDATE tidings_outbox SET vals = 'not json'",
        "UPDATE tidings_outbox SET waits = 1",
        "UPDATE tidings_outbox SET strikes = 1",
        "UPDATE tidings_outbox SET run = 99",
        "UPDATE tidings_meta SET secret = x'00'",
        "INSERT INTO tidings_meta (id, project, secret) VALUES (2, 'p', zeroblob(32))",
    ] {
        let error = f.by_hand(impossible).await.expect_err(impossible);
        assert!(error.to_string().contains("constraint failed"), "{impossible}: {error}");
    }
    f.by_hand("UPDATE tidings_outbox SET state = 'sent', dispatched_at = 1, payload = 'p', settled_at = 1")
        .await
        .unwrap();
}
