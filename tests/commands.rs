//! The commands around a daemon, each from outside.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod project;

use project::Project;

fn shop() -> Project {
    let project = Project::new();
    project.write(
        "tidings.yaml",
        "name: commands\nstore: sqlite:shop.db\nstate: sqlite:state.db\ntime_zone: Europe/Berlin\ncurrency: USD\n",
    );
    project.write(
        "schema.yaml",
        "customer:\n  table: customers\n  key: id\n  attributes:\n    email: text\n    phone: text\n    name: text\n    \
         consent: yes/no\ncontact:\n  email: {address: email, consent: consent}\n  sms: {address: phone, consent: consent}\n",
    );
    project.write(
        "rules/hello.tidings",
        "rule hello\n  every day at 02:30\n  if name = \"Ada\"\n  then\n    send welcome coupon\n    send hello email or sms\n\
         end\n\nrule weekly\n  every monday at 09:00\n  then\n    send weekly email\n  expires 2026-11-01\nend\n",
    );
    project.write(
        "templates/hello.email.liquid",
        "subject: Hello {{ customer.name }}\n---\n<p>{{ coupon.code }}</p><a href=\"{{ unsubscribe_url }}\">no more</a>\n",
    );
    project.write("templates/weekly.email.liquid", "subject: News\n---\n<p>News</p>\n");
    project.write("templates/hello.sms.liquid", "Hello {{ customer.name }}: {{ coupon.code }}\n");
    project.write(
        "customers.csv",
        "id,email,phone,name,consent\n1,ada@example.com,+4915112345678,Ada,yes\n2,,,Bob,no\n",
    );
    project.run(&["import", "customers.csv"]);
    project
}

#[test]
fn next_lists_what_runs_through_a_change_of_clocks() {
    let project = shop();
    let next = project.json(&["next", "--at", "2026-10-24", "--count", "5", "--format", "json"]);
    let runs: Vec<(&str, &str)> = next["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| (r["at"].as_str().unwrap(), r["rule"].as_str().unwrap()))
        .collect();
    let expected = [
        ("2026-10-24T02:30:00+02:00", "hello"),
        ("2026-10-25T02:30:00+02:00", "hello"),
        ("2026-10-26T02:30:00+01:00", "hello"),
        ("2026-10-26T09:00:00+01:00", "weekly"),
        ("2026-10-27T02:30:00+01:00", "hello"),
    ];
    assert_eq!(runs, expected);
    let later = project.run(&["next", "--at", "2026-11-01", "--count", "10"]);
    assert!(!later.contains("weekly"), "it has expired: {later}");
}

#[test]
fn a_test_shows_the_customers_data_and_uses_nothing_up() {
    let project = shop();
    project.run(&["send-test", "hello", "1", "--to", "me@example.org"]);
    // Bob does not match, has no address and said no: the test is not for him.
    project.run(&["send-test", "hello", "2", "--to", "+4915187654321"]);
    let caught = project.json(&["sandbox", "list", "--format", "json"]);
    let mut seen: Vec<(&str, &str)> = caught
        .as_array()
        .unwrap()
        .iter()
        .map(|c| (c["to"].as_str().unwrap(), c["subject"].as_str().unwrap()))
        .collect();
    seen.sort_unstable();
    assert_eq!(
        seen,
        [("+4915187654321", "[Test] Hello Bob: SAMPLE-CODE"), ("me@example.org", "[Test] Hello Ada")]
    );
    assert_eq!(project.json(&["outbox", "--format", "json"]), serde_json::json!([]), "no row, no grant");
    let run = project.json(&["run", "--rule", "hello", "--format", "json"]);
    assert_eq!(run["new"], 2, "the real coupon and the real mail: {run:#}");
    let nobody = project.output(&["send-test", "hello", "3", "--to", "me@example.org"]);
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("there is no customer `3`"));
    let nowhere = project.output(&["send-test", "weekly", "1", "--to", "+4915187654321"]);
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&nowhere.stderr).contains("sends no message"), "email only");
}

#[test]
fn a_pause_holds_everything_and_loses_nothing() {
    let project = shop();
    project.run(&["pause", "--why", "wrong price", "--sandbox"]);
    project.run(&["pause", "--channel", "email", "--sandbox"]);
    let run = project.output(&["run", "--rule", "hello", "--format", "json"]);
    let summary: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(summary["states"], serde_json::json!({"pending": 2}), "{summary:#}");
    assert_eq!(summary["stopped"], "wrong price");
    let said = project.run(&["resume", "--rule", "hello", "--sandbox"]);
    assert!(
        said.contains("not paused") && said.contains("still paused: everything is (wrong price)"),
        "{said}"
    );
    project.run(&["resume", "--channel", "email", "--sandbox"]);
    project.run(&["resume", "--sandbox"]);
    project.run(&["run", "--rule", "hello"]);
    let states = project.json(&["outbox", "--format", "json"]);
    assert!(states.as_array().unwrap().iter().all(|r| r["state"] == "sent"), "{states:#}");
}

#[test]
fn who_withdraws_is_not_planned_for() {
    let project = shop();
    project.run(&["consent", "1", "email", "withdraw", "--sandbox"]);
    project.run(&["consent", "1", "sms", "withdraw", "--sandbox"]);
    let plan = project.json(&["plan", "--rule", "hello", "--format", "json"]);
    assert_eq!(plan["rules"][0]["sends"][1]["held"]["no_consent"], 1, "{plan:#}");
    assert_eq!(project.output(&["consent", "1", "fax", "withdraw"]).status.code(), Some(1));
}
