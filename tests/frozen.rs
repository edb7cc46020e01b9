//! A worker is frozen (SIGSTOP) while its sends are under way, for longer than its lease. Others take over what it
//! held; when it wakes up, nothing that it still wants to write down changes anything.
//!
//! The long version: `TIDINGS_LONG=1 cargo test --test frozen` (200 times).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod project;
mod witness;

use project::Project;
use std::process::{Child, Command};
use std::time::Duration;
use witness::postgres::databases;
use witness::{Log, mail_server, tally};

const CUSTOMERS: usize = 12;

#[tokio::test(flavor = "multi_thread")]
async fn whoever_wakes_up_late_changes_nothing() {
    let trials = if std::env::var_os("TIDINGS_LONG").is_some() { 200 } else { 6 };
    for state in databases("frozen") {
        // Each mail takes long enough for a freeze to find some under way.
        let (port, mails) = mail_server(Duration::from_millis(300)).await;
        let project = project(port, &state);
        let (mut taken_over, mut woken) = (0, 0);
        for trial in 0..trials {
            let at = format!("2026-11-11T{:02}:{:02}", trial / 30, trial % 30 * 2);
            let run = ["run", "--at", &at, "--lease", "1"];
            let before = mails.lock().unwrap().len();
            let mut worker = project.start(&run);
            while mails.lock().unwrap().len() == before && worker.try_wait().unwrap().is_none() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            // Not in the middle of a commit, which the database would make everybody wait for.
            tokio::time::sleep(Duration::from_millis(60)).await;
            signal(&worker, "STOP");
            tokio::time::sleep(Duration::from_millis(1_300)).await;
            // The other one takes over: what may have left is left alone and said, the rest goes out. Where the
            // first was frozen inside a transaction, the database makes the other wait, and there is nothing to see.
            let ended = ends_within(project.start(&run), Duration::from_secs(20)).await;
            let settled = ended.then(|| states(&project));
            signal(&worker, "CONT");
            woken += usize::from(worker.try_wait().unwrap().is_none());
            worker.wait().unwrap();
            let Some(settled) = settled else {
                tokio::task::block_in_place(|| project.output(&run));
                continue;
            };
            let after = states(&project);
            assert_eq!(
                after, settled,
                "{state}: trial {trial}: the frozen worker changed what others had settled"
            );
            taken_over +=
                after.iter().filter(|(s, _)| s == "unconfirmed").map(|(_, n)| n).sum::<u64>().min(1);
        }
        let twice = tally(&mails).values().filter(|n| **n > 1).count();
        assert_eq!(twice, 0, "{state}: no mail came twice");
        assert!(
            woken * 2 >= trials && taken_over > 0,
            "{woken} woke up, {taken_over} found something under way"
        );
        assert_sums(&project, &mails, trials);
    }
}

/// Each key that the server has is `sent`, or `unconfirmed` since its worker was lost; every row has ended.
fn assert_sums(project: &Project, mails: &Log, trials: usize) {
    let rows = states(project);
    let of = |state: &str| rows.iter().filter(|(s, _)| s == state).map(|(_, n)| n).sum::<u64>();
    assert_eq!(of("sent") + of("unconfirmed"), (trials * CUSTOMERS) as u64, "{rows:?}");
    let arrived = mails.lock().unwrap().len() as u64;
    assert!((of("sent")..=of("sent") + of("unconfirmed")).contains(&arrived), "{arrived} arrived: {rows:?}");
}

fn states(project: &Project) -> Vec<(String, u64)> {
    tokio::task::block_in_place(|| project.states())
}

/// Whether a process ends by itself; otherwise it is killed.
async fn ends_within(mut child: Child, limit: Duration) -> bool {
    let start = tokio::time::Instant::now();
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > limit {
            child.kill().unwrap();
            child.wait().unwrap();
            return false;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    true
}

fn signal(child: &Child, name: &str) {
    Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap();
}

fn project(port: u16, state: &str) -> Project {
    let project = Project::new();
    project.write(
        "tidings.yaml",
        &format!(
            "name: frozen\nstore: sqlite:shop.db\nstate: {state}\ntime_zone: UTC\ncurrency: USD\nchannels:\n  \
             email: {{kind: smtp, host: 127.0.0.1, port: {port}, tls: none, from: shop@example.com, connections: 4, on_unknown: leave}}\n"
        ),
    );
    project.write(
        "rules/hello.tidings",
        "rule hello\n  cron \"* * * * *\"\n  if email is known\n  then\n    send hello email\n  repeat at most once per 1 minutes\nend\n",
    );
    project.write("templates/hello.email.liquid", "subject: Hello\n---\n<p>Hello</p>\n");
    project.mail_customers(CUSTOMERS);
    project
}
