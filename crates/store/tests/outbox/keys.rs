//! A key is written down once.

use super::*;
use tidings_plan::{Entry, Occasion};
use tidings_store::Enqueued;

#[tokio::test]
async fn a_page_that_comes_twice_changes_nothing() {
    for f in Fresh::each().await {
        let mut page = page(vec![coupon("ann"), mail_with_coupon("ann"), mail("bob")]);
        page.occasions =
            vec![Occasion { rule: "wake-up".into(), customer: "ann".into(), occasion: "1".into(), at: AT }];
        page.entries = vec![("wake-up".into(), "ann".into(), Entry { ordinal: 1, inside: true })];
        let first = f.state.enqueue(f.run, &page).await.unwrap();
        assert_eq!(first, Enqueued { inserted: 3, known: 0 });
        f.carry(Kind::Message, "email", sent(None)).await;
        let rerun = f.state.start_run(AT + 1, "test", "edited rules").await.unwrap();
        let second = f.state.enqueue(rerun, &page).await.unwrap();
        assert_eq!(second, Enqueued { inserted: 0, known: 3 });
        assert_eq!(f.states("bob").await, [Status::Sent]);
        assert!(f.state.outbox_counts(Some(rerun)).await.unwrap().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_runs_at_once_each_key_is_written_by_one() {
    for f in Fresh::each().await {
        let customers: Vec<String> = (0..300).map(|i| format!("c{i}")).collect();
        let pages: Vec<Page> =
            customers.chunks(30).map(|cs| page(cs.iter().map(|c| mail(c)).collect())).collect();
        let mut runs = Vec::new();
        for _ in 0..4 {
            let state = f.again().await;
            let pages = pages.clone();
            runs.push(tokio::spawn(async move {
                let run = state.start_run(AT, "test", "").await.unwrap();
                let mut total = Enqueued::default();
                for page in &pages {
                    let done = state.enqueue(run, page).await.unwrap();
                    total.inserted += done.inserted;
                    total.known += done.known;
                }
                total
            }));
        }
        let mut inserted = 0;
        for run in runs {
            let total = run.await.unwrap();
            assert_eq!(total.inserted + total.known, 300);
            inserted += total.inserted;
        }
        assert_eq!(inserted, 300);
    }
}

#[tokio::test]
async fn a_page_is_written_whole_or_not_at_all() {
    for f in Fresh::each().await {
        let orphan = Intent { after: Some(key("coupon", "nobody")), ..mail("bob") };
        f.state.enqueue(f.run, &page(vec![mail("ann"), orphan])).await.unwrap_err();
        assert!(f.states("ann").await.is_empty());
    }
}

#[tokio::test]
async fn an_older_view_of_entries_does_not_overwrite_a_newer() {
    for f in Fresh::each().await {
        for (ordinal, inside) in [(2, true), (1, false)] {
            let entry = ("wake-up".into(), "ann".into(), Entry { ordinal, inside });
            f.state.enqueue(f.run, &Page { entries: vec![entry], ..Page::default() }).await.unwrap();
        }
        let history = f.state.history(&Asked { messages: 0..=i64::MAX, ..Asked::default() }).await.unwrap();
        assert_eq!(history.rules["wake-up"].entries["ann"], Entry { ordinal: 2, inside: true });
    }
}
