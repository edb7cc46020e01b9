//! What an earlier run left behind goes out with the next, once, whatever was edited meanwhile, but not to somebody
//! who has said no meanwhile.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod project;
mod witness;

use project::Project;
use std::time::Duration;
use witness::mail_server;

#[tokio::test(flavor = "multi_thread")]
async fn who_says_no_in_between_gets_nothing() {
    let project = Project::new();
    let settings = |port: u16| {
        format!(
            "name: left\nstore: sqlite:shop.db\nstate: sqlite:state.db\ntime_zone: UTC\ncurrency: USD\nchannels:\n  \
             email: {{kind: smtp, host: 127.0.0.1, port: {port}, tls: none, from: shop@example.com}}\n"
        )
    };
    project.write("rules/hello.tidings", "if email is known then send hello email\n");
    project.write("templates/hello.email.liquid", "subject: Hello\n---\n<p>Hello</p>\n");
    project.write("tidings.yaml", &settings(1));
    project.customers("1,one@example.com,yes\n2,two@example.com,yes\n3,three@example.com,yes\n");
    // A pause lets a run write its sends down and none of them leave.
    project.run(&["pause"]);
    project.output(&["run", "--lease", "1"]);
    project.run(&["resume"]);

    project.customers("1,one@example.com,yes\n2,two@example.com,no\n3,three@example.com,\n");
    let (port, mails) = mail_server(Duration::ZERO).await;
    project.write("tidings.yaml", &settings(port));
    tokio::task::block_in_place(|| project.run(&["run", "--lease", "1"]));
    assert_eq!(mails.lock().unwrap().len(), 1, "only the one who still says yes");
    assert_eq!(project.states(), [("no_consent".to_owned(), 2), ("sent".to_owned(), 1)]);
}

const RULE: &str =
    "rule hello\n  if email is known\n  then\n    send welcome coupon\n    send hello email\nend\n";

/// A shop whose sends are caught, with a decision that was made and waits.
fn decided() -> Project {
    let project = Project::new();
    project.write(
        "tidings.yaml",
        "name: left\nstore: sqlite:shop.db\nstate: sqlite:state.db\ntime_zone: UTC\ncurrency: USD\n",
    );
    project.write("rules/hello.tidings", RULE);
    project.write("templates/hello.email.liquid", "subject: Hello\n---\n<p>{{ coupon.code }}</p>\n");
    project.customers("1,one@example.com,yes\n2,two@example.com,yes\n' OR 1=1--,home@example.com,yes\n");
    project.run(&["pause", "--sandbox"]);
    project.output(&["run"]);
    project
}

/// What was caught: to whom, and the subjects of mails.
fn caught(project: &Project) -> Vec<(String, String)> {
    let caught = project.json(&["sandbox", "list", "--format", "json"]);
    let of = |c: &serde_json::Value| {
        let text = |name: &str| c[name].as_str().unwrap_or_default().to_owned();
        (text("to"), text("subject"))
    };
    let mut caught: Vec<_> = caught.as_array().unwrap().iter().map(of).collect();
    caught.sort();
    caught
}

#[test]
fn a_rule_that_is_edited_in_between_sends_nothing_twice() {
    let project = decided();
    // Another condition and priority, other words around it; the name and the steps are the same.
    project.write(
        "rules/hello.tidings",
        &RULE
            .replace("rule hello", "rule hello \"Hello again\"\n  priority 5")
            .replace("email is known", "email is known or consent"),
    );
    project.write("templates/hello.email.liquid", "subject: Hello again\n---\n<p>{{ coupon.code }}</p>\n");
    project.run(&["resume", "--sandbox"]);
    let run = project.json(&["run", "--format", "json"]);
    assert_eq!((&run["new"], &run["dispatched"]["sent"]), (&0.into(), &6.into()), "{run:#}");
    project.run(&["run"]);
    let caught = caught(&project);
    assert_eq!(caught.len(), 6, "a coupon and a mail each: {caught:?}");
    let mails = caught.iter().filter(|(_, subject)| subject == "Hello again").count();
    assert_eq!(mails, 3, "in the words of now: {caught:?}");
}

#[test]
fn an_import_brings_nobody_back_who_withdrew() {
    let project = decided();
    project.run(&["consent", "' OR 1=1--", "email", "withdraw", "--sandbox"]);
    project.run(&["import", "customers.csv"]);
    project.run(&["resume", "--sandbox"]);
    project.run(&["run"]);
    let to: Vec<String> =
        caught(&project).into_iter().map(|(to, _)| to).filter(|to| to.contains('@')).collect();
    assert_eq!(to, ["one@example.com", "two@example.com"]);
    let plan = project.json(&["plan", "--format", "json"]);
    assert_eq!(plan["rules"][0]["matched"], 3, "the shop's own data says yes again: {plan:#}");
}
