//! The database itself refuses states that cannot be.

use super::*;

#[tokio::test]
async fn impossible_rows_are_refused() {
    for f in Fresh::each().await {
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
            "UPDATE tidings_outbox SET strikes = -1",
            "UPDATE tidings_outbox SET run = 99",
            "UPDATE tidings_outbox SET fallback = 'not json'",
            "UPDATE tidings_outbox SET hold = 1",
            "UPDATE tidings_outbox SET replaced = 1",
            "UPDATE tidings_meta SET secret = x'00'",
            "INSERT INTO tidings_meta (id, project, secret, home) VALUES (2, 'p', zeroblob(32), 'h')",
        ] {
            let error = f.by_hand(impossible).await.expect_err(impossible);
            let constraint = match f.folder {
                Some(_) => error.to_string().contains("constraint failed"),
                // Integrity violations, and texts that are no JSON.
                None => error
                    .as_database_error()
                    .unwrap()
                    .code()
                    .is_some_and(|c| c.starts_with("23") || c == "22P02"),
            };
            assert!(constraint, "{impossible}: {error}");
        }
        f.by_hand(
            "UPDATE tidings_outbox SET state = 'sent', dispatched_at = 1, payload = 'p', settled_at = 1",
        )
        .await
        .unwrap();
    }
}
