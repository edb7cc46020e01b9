//! Rules under other names.

use crate::daemon::Daemon;
use crate::{HELLO, against, compared, copy, shop, told};
use serde_json::Value;

#[test]
fn a_rule_under_another_name_says_so_or_does_not_run() {
    let project = shop(HELLO);
    let before = copy(&project);
    assert_eq!(project.json(&["run", "--format", "json"])["new"], 20);

    project.write("rules/all.tidings", &HELLO.replace("rule hello", "rule greet"));
    for args in [&["run"][..], &["plan"]] {
        let output = project.output(args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{said}");
        let words = "rules/all.tidings:3:6: rule `greet` is what `hello` was, and would reach everybody once more: write `was hello`";
        assert!(said.contains(words), "{said}");
    }
    let (changes, code) = against(&project, &before);
    assert_eq!(code, 1, "it is found without what ran, too");
    assert!(changes["refused"][0].as_str().unwrap().contains("write `was hello`"));

    // With another meaning it is another rule: nobody is kept from running it, but what it may have been is said.
    let edited = HELLO.replace("rule hello", "rule greet").replace("email is known", "email contains \"1\"");
    project.write("rules/all.tidings", &edited);
    project.run(&["plan"]);
    let hint = "rule `greet` may be what `hello` was, under another name and edited, since both do the same: if so, write `was hello`";
    let (changes, code) = against(&project, &before);
    assert_eq!((code, changes["hints"].as_array().unwrap().len()), (2, 1), "{changes}");
    assert!(changes["hints"][0].as_str().unwrap().starts_with(hint), "{changes}");
    for text in told(&project, before.path(), &["--days", "0"]) {
        assert!(text.contains(hint), "{text}");
    }
    let another = HELLO.replace("rule hello", "rule greet").replace("send hello email", "send gift coupon");
    project.write("rules/all.tidings", &another);
    let (changes, _) = against(&project, &before);
    assert!(
        changes["hints"][0].as_str().unwrap().contains("since both are for the same customers"),
        "{changes}"
    );
    // Where two may be it, nobody can guess.
    let second = edited
        .replace("define willing = consent\n", "")
        .replace("greet", "welcome")
        .replace("\"1\"", "\"2\"");
    for rules in [edited.clone() + &second, edited.replace("rule greet", "rule greet was greet")] {
        project.write("rules/all.tidings", &rules);
        let (changes, _) = against(&project, &before);
        assert_eq!(
            (&changes["rules"][0]["change"], &changes["hints"]),
            (&"new".into(), &Value::Array(Vec::new())),
            "{changes}"
        );
    }

    project.write("rules/all.tidings", &HELLO.replace("rule hello", "rule greet was hello"));
    let (changes, code) = against(&project, &before);
    assert_eq!(code, 2);
    assert_eq!(
        (&changes["rules"][0]["renamed_from"], &changes["rules"][0]["reached"]),
        (&"hello".into(), &20.into())
    );
    assert_eq!(project.json(&["run", "--format", "json"])["new"], 0, "it is sent to nobody again");

    // Its next name has to name the first one.
    project.write("rules/all.tidings", &HELLO.replace("rule hello", "rule welcome was greet"));
    let said = project.refused(&["run"]);
    assert!(said.contains("write `was hello`"), "{said}");

    // Its own name says that everybody is to get it once more.
    project.write("rules/all.tidings", &HELLO.replace("rule hello", "rule welcome was welcome"));
    assert_eq!(project.json(&["run", "--format", "json"])["new"], 20);
}

#[test]
fn a_daemon_goes_on_with_the_rules_that_it_has_and_says_what_it_runs() {
    let project = shop(HELLO);
    // No text, which is not kept, and so not compared.
    std::fs::write(project.folder().join("templates/logo.png"), [0x89, 0xff, 0]).unwrap();
    assert_eq!(project.json(&["run", "--format", "json"])["new"], 20);
    let rules = |name: &str| project.write("rules/all.tidings", &HELLO.replace("rule hello", name));
    let mut daemon = Daemon::start(&project, &[], &[]);
    daemon.until("/readyz", |status, _| status == 200);

    rules("rule greet");
    let (_, why) = daemon.until("/readyz", |status, _| status == 503);
    assert!(why.contains("rules/all.tidings:3:6: rule `greet` is what `hello` was"), "{why}");
    let (changes, code) = compared(&project, "running");
    assert_eq!((code, changes["refused"].as_array().unwrap().len()), (1, 1), "{changes}");

    rules("rule greet was hello");
    daemon.until("/readyz", |status, _| status == 200);
    let (changes, code) = compared(&project, "running");
    assert_eq!((code, &changes["changed"]), (0, &false.into()), "{changes}");
    project.write(
        "rules/all.tidings",
        &HELLO
            .replace("rule hello", "rule greet was hello")
            .replace("email is known", "email contains \"1\""),
    );
    daemon.until("/metrics", |_, metrics| metrics.contains("\ntidings_reloads_total 2\n"));
    rules("rule greet was hello");
    daemon.until("/metrics", |_, metrics| metrics.contains("\ntidings_reloads_total 3\n"));
    daemon.signal("TERM");
    assert_eq!(daemon.wait(), Some(0));

    // From the start, too, nothing is decided by such rules.
    rules("rule welcome");
    let daemon = Daemon::start(&project, &[], &[]);
    let (_, why) = daemon.until("/readyz", |status, why| status == 503 && why.contains("`welcome`"));
    assert!(why.contains("write `was hello`"), "{why}");
    assert!(daemon.get("/metrics").1.contains("\ntidings_project_sound 0\n"));
    rules("rule welcome was hello");
    daemon.until("/readyz", |status, _| status == 200);
}
