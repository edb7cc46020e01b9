//! Whoever writes an occurrence down runs it.

use super::*;
use tidings_plan::schedule::Occurrence;
use tidings_store::OccurrenceState;

fn day(n: i64) -> Occurrence {
    Occurrence { at: AT + n * 86_400_000_000, name: format!("day {n}") }
}

async fn begin(state: &State, worker: &str, rule: &str, occurrence: &Occurrence) -> bool {
    !state.begin_occurrences(worker, LEASE, &[(rule, occurrence)]).await.unwrap().is_empty()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_daemons_one_runs_all_that_is_due_at_a_moment() {
    for f in Fresh::each().await {
        let mut daemons = Vec::new();
        for d in 0..6 {
            let state = f.again().await;
            daemons.push(tokio::spawn(async move {
                // Whatever order their rules are in.
                let mut rules = ["wake-up", "welcome", "birthday", "win-back"];
                rules.rotate_left(d % 4);
                let mut begun = Vec::new();
                for n in 0..20 {
                    let due = day(n);
                    let due = rules.map(|rule| (rule, &due));
                    begun.push(state.begin_occurrences(&format!("d{d}"), LEASE, &due).await.unwrap().len());
                }
                begun
            }));
        }
        let mut begun = [0; 20];
        for daemon in daemons {
            for (sum, n) in begun.iter_mut().zip(daemon.await.unwrap()) {
                assert!(n == 0 || n == 4, "{n} of what is one decision");
                *sum += n;
            }
        }
        assert_eq!(begun, [4; 20]);
        assert_eq!(f.state.schedule_seen(&["wake-up".into()]).await.unwrap()["wake-up"], day(19).at);
    }
}

#[tokio::test]
async fn a_clock_that_steps_back_fires_nothing_again() {
    for f in Fresh::each().await {
        assert!(begin(&f.state, "d", "wake-up", &day(5)).await);
        assert!(f.state.skip_occurrence("wake-up", &day(3), "too late").await.unwrap());
        assert!(
            !f.state.skip_occurrence("wake-up", &day(5), "it still goes").await.unwrap(),
            "by whoever has it"
        );
        assert_eq!(f.state.schedule_seen(&["wake-up".into()]).await.unwrap()["wake-up"], day(5).at);
        assert!(!begin(&f.state, "d", "wake-up", &day(3)).await, "skipped is dealt with");
        let states: Vec<_> = f.state.occurrences(9).await.unwrap().into_iter().map(|o| o.state).collect();
        assert_eq!(states, [OccurrenceState::Begun(None), OccurrenceState::Skipped("too late".into())]);
    }
}

#[tokio::test]
async fn a_rule_that_is_new_owes_nothing() {
    for f in Fresh::each().await {
        let rules = ["old".to_owned(), "new".to_owned()];
        let first = f.state.schedule_seen(&rules[..1]).await.unwrap()["old"];
        f.advance(Duration::from_secs(3600));
        let seen = f.state.schedule_seen(&rules).await.unwrap();
        assert_eq!(seen["old"], first);
        assert!(seen["new"] >= first + 3_600_000_000);
    }
}

#[tokio::test]
async fn what_a_lost_daemon_had_begun_is_taken_over_by_one() {
    for f in Fresh::each().await {
        for n in 0..3 {
            begin(&f.state, "lost", "wake-up", &day(n)).await;
        }
        f.state.finish_occurrence("wake-up", &day(0), Some(f.run)).await.unwrap();
        f.advance(LEASE / 2);
        assert_eq!(f.state.hold_occurrences("lost", LEASE).await.unwrap(), 2);
        f.advance(LEASE * 2 / 3);
        assert!(f.state.orphans("other", LEASE).await.unwrap().is_empty(), "it was held");
        f.advance(LEASE);
        let orphans = f.state.orphans("other", LEASE).await.unwrap();
        assert!(orphans.iter().all(|o| (LEASE * 2 / 3..LEASE).contains(&o.unheld)), "{orphans:?}");
        let mut of: Vec<_> = orphans.into_iter().map(|o| (o.rule, o.occurrence, o.waits)).collect();
        of.sort();
        assert_eq!(of, [("wake-up".to_owned(), day(1), None), ("wake-up".to_owned(), day(2), None)]);
        assert!(f.state.orphans("third", LEASE).await.unwrap().is_empty());
        assert!(f.state.under_way("wake-up").await.unwrap().is_some());
        for n in 1..3 {
            f.state.finish_occurrence("wake-up", &day(n), Some(f.run)).await.unwrap();
        }
        assert!(f.state.under_way("wake-up").await.unwrap().is_none());
        assert!(f.state.occurrences(9).await.unwrap().iter().all(|o| o.run == Some(f.run)));
    }
}

#[tokio::test]
async fn what_waits_says_why_and_is_taken_up_again() {
    for f in Fresh::each().await {
        assert!(begin(&f.state, "d", "wake-up", &day(1)).await);
        let why = Some("the data is of last week".to_owned());
        f.state.delay_occurrences("d", LEASE, "the data is of last week").await.unwrap();
        assert_eq!(f.state.under_way("wake-up").await.unwrap(), Some(OccurrenceState::Begun(why.clone())));
        assert!(f.state.orphans("d", LEASE).await.unwrap().is_empty(), "it has its while");
        f.advance(LEASE * 2);
        let orphans = f.state.orphans("d", LEASE).await.unwrap();
        assert_eq!(orphans.iter().map(|o| &o.waits).collect::<Vec<_>>(), [&why]);
        f.state.finish_occurrence("wake-up", &day(1), Some(f.run)).await.unwrap();
        assert_eq!(f.state.occurrences(9).await.unwrap()[0].state, OccurrenceState::Finished);
    }
}

#[tokio::test]
async fn what_came_to_nothing_is_forgotten_after_an_hour_and_nothing_else_is() {
    for f in Fresh::each().await {
        let minute = |n: i64| Occurrence { at: AT + n * 60_000_000, name: format!("{n}") };
        for n in 0..300 {
            assert!(begin(&f.state, "d", "welcome", &minute(n)).await);
            let run = (n == 7).then_some(f.run);
            f.state.finish_occurrence("welcome", &minute(n), run).await.unwrap();
            f.advance(Duration::from_secs(60));
        }
        f.state.skip_occurrence("welcome", &minute(300), "too late").await.unwrap();
        f.advance(Duration::from_secs(86_400));
        assert!(begin(&f.state, "d", "welcome", &minute(301)).await);
        f.state.finish_occurrence("welcome", &minute(301), None).await.unwrap();
        let left: Vec<_> =
            f.state.occurrences(999).await.unwrap().into_iter().map(|o| o.occurrence).collect();
        assert_eq!(left, [minute(301), minute(300), minute(7)]);
        assert_eq!(f.state.schedule_seen(&["welcome".into()]).await.unwrap()["welcome"], minute(301).at);
    }
}
