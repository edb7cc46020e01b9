//! What ran is known again: rules by what they meant last, and a daemon's program by its files.

use super::*;
use tidings_plan::{Occasion, Ran};

fn ran(rule: &str, name: &str, core: &str, reached: bool) -> Ran {
    Ran { identity: rule.into(), name: name.into(), core: core.into(), reached }
}

#[tokio::test]
async fn rules_are_known_by_what_they_were_last_and_whether_they_reached_anybody() {
    for f in Fresh::each().await {
        assert_eq!(f.state.ran().await.unwrap(), []);
        let many: Vec<Ran> = (0..250).map(|n| ran(&format!("rule {n:03}"), "old", "core", false)).collect();
        f.state.note_rules(&many).await.unwrap();
        let occasion =
            Occasion { rule: "rule 007".into(), customer: "ann".into(), occasion: "once".into(), at: AT };
        let page = Page { occasions: vec![occasion], ..Page::default() };
        f.state.enqueue(f.run, &page).await.unwrap();
        f.state
            .note_rules(&[ran("rule 007", "new", "other", false), ran("rule 250", "new", "core", true)])
            .await
            .unwrap();
        let known = f.state.ran().await.unwrap();
        assert_eq!(known.len(), 251);
        assert_eq!(known[7], ran("rule 007", "new", "other", true));
        assert_eq!(known[8], many[8]);
        assert_eq!(
            known[250],
            ran("rule 250", "new", "core", false),
            "that it reached somebody is for the state to know"
        );
    }
}

#[tokio::test]
async fn a_daemon_s_files_take_the_place_of_those_before() {
    for f in Fresh::each().await {
        let file = |n: usize| (format!("rules/{n:03}.tidings"), format!("# {n}\nrule r{n} 'ü' $1 end"));
        for files in [(0..230).map(file).collect::<Vec<_>>(), (5..7).map(file).collect(), Vec::new()] {
            f.state.note_running(&files).await.unwrap();
            assert_eq!(f.state.running().await.unwrap(), files);
        }
        let [one, two] = [vec![file(1), file(2)], vec![file(2), file(3)]];
        let other = f.again().await;
        let (a, b) = tokio::join!(f.state.note_running(&one), other.note_running(&two));
        a.unwrap();
        b.unwrap();
        let running = f.state.running().await.unwrap();
        assert!(running == one || running == two, "never a mixture: {running:?}");
    }
}
