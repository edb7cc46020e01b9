//! `tidings doctor`: all is well where it is, and each thing that is not is named with what to do about it.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod project;

use project::Project;
use serde_json::Value;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

const SETTINGS: &str =
    "name: doctor\nstore: sqlite:shop.db\nstate: sqlite:kept/state.db\ntime_zone: UTC\ncurrency: USD\n";
const SCHEMA: &str = "customer:
  table: customers
  key: id
  updated_at: joined
  attributes:
    email: {type: text, expect: {known: 60%}}
    consent: yes/no
    joined: moment
contact:
  email: {address: email, consent: consent}
";
const RULE: &str = "rule hello\n  every day at 02:30\n  if email is known\n  then\n    send hello email\n  repeat every time\nend\n";

fn shop() -> Project {
    let project = Project::new();
    project.write("tidings.yaml", SETTINGS);
    project.write("schema.yaml", SCHEMA);
    project.write("rules/hello.tidings", RULE);
    project.write(
        "templates/hello.email.liquid",
        "subject: Hello {{ customer.email | default: \"you\" }}\n---\n<p>Hello</p>\n",
    );
    project.write(
        "customers.csv",
        "id,email,consent,joined\n1,one@example.com,yes,2026-01-01\n2,two@example.com,yes,2026-01-02\n3,,no,2026-01-03\n",
    );
    project.run(&["import", "customers.csv"]);
    project
}

/// What the doctor finds: each look with its level.
fn examined(project: &Project, more: &[&str]) -> (bool, Vec<(String, String)>) {
    let output = project.output(&[&["doctor", "--format", "json"], more].concat());
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.success(), found["ok"].as_bool().unwrap());
    let text = |check: &Value, key: &str| check[key].as_str().unwrap_or_default().to_owned();
    let checks = found["checks"].as_array().unwrap().iter().map(|check| {
        assert_eq!(check["mend"].is_null(), check["level"] == "ok", "{check:#}");
        let said = format!("{} {}: {}", text(check, "level"), text(check, "about"), text(check, "said"));
        (said, text(check, "mend"))
    });
    (found["ok"].as_bool().unwrap(), checks.collect())
}

fn assert_named(project: &Project, more: &[&str], level: &str, said: &str, mend: &str) {
    let (ok, checks) = examined(project, more);
    let named = |(what, how): &&(String, String)| {
        what.starts_with(level) && what.contains(said) && how.contains(mend)
    };
    assert!(checks.iter().any(|check| named(&check)), "{level} {said}: {checks:#?}");
    assert_eq!(ok, !checks.iter().any(|(what, _)| what.starts_with("fail")));
    let all = format!("{checks:?}");
    assert!(!all.contains("@example.com") && !all.contains("hunter2"), "{all}");
}

#[test]
fn where_all_is_well_all_is_ok() {
    let project = shop();
    // An index by hand: the import makes none on other columns than the key.
    index(&project);
    for _ in 0..2 {
        let (ok, checks) = examined(&project, &[]);
        assert!(ok && checks.iter().all(|(said, _)| said.starts_with("ok ")), "{checks:#?}");
        for part in ["project", "customers", "expectations", "state", "folder", "channels", "schedules"] {
            assert!(
                checks.iter().any(|(said, _)| said.starts_with(&format!("ok {part}: "))),
                "{part}: {checks:#?}"
            );
        }
        // The same once there is a state and a cache.
        project.run(&["run"]);
    }
    // What a message shows may be its coupon alone.
    project.write("tidings.yaml", &format!("{SETTINGS}coupons:\n  gift: {{value: 5 USD, label: A gift}}\n"));
    project.write("rules/hello.tidings", &RULE.replace("hello email", "hello email with gift coupon"));
    project.write("templates/hello.email.liquid", "subject: {{ coupon.value }}\n---\n{{ coupon.label }}\n");
    assert!(project.run(&["doctor"]).contains("all is well"));
    assert_eq!(
        project.json(&["runs", "--format", "json"])["runs"].as_array().unwrap().len(),
        2,
        "it runs nothing"
    );
}

fn index(project: &Project) {
    let made = std::process::Command::new("python3")
        .current_dir(project.folder())
        .args([
            "-c",
            "import sqlite3; sqlite3.connect('shop.db').execute('CREATE INDEX i ON customers (joined)')",
        ])
        .status();
    assert!(made.unwrap().success());
}

#[test]
fn what_is_wrong_with_files_and_data_is_named() {
    let project = shop();
    assert_named(
        &project,
        &[],
        "warn customers",
        "customers.joined says what changed, and no index",
        "add one",
    );
    project.write("schema.yaml", &SCHEMA.replace("known: 60%", "known: 90%"));
    assert_named(
        &project,
        &[],
        "fail expectations",
        "email: 2 of 3 values are known, 66.66%",
        "bring the data up",
    );
    project
        .write("schema.yaml", &SCHEMA.replace("consent: yes/no", "consent: {type: yes/no, column: joined}"));
    assert_named(
        &project,
        &[],
        "warn customers",
        "3 values in customers.joined are not yes or no",
        "schema.yaml",
    );
    let copied = "CREATE TABLE plain AS SELECT * FROM customers";
    let made = format!("import sqlite3; sqlite3.connect('shop.db').execute('{copied}')");
    let made =
        std::process::Command::new("python3").current_dir(project.folder()).args(["-c", &made]).status();
    assert!(made.unwrap().success());
    project.write("schema.yaml", &SCHEMA.replace("table: customers", "table: plain"));
    let said = "plain.id says whose rows these are, and no index begins with it";
    assert_named(&project, &[], "warn customers", said, "searched for one customer");
    project.write("schema.yaml", &SCHEMA.replace("table: customers", "table: customer"));
    assert_named(&project, &[], "fail customers", "no table or view `customer`", "schema.yaml");
    project.write("schema.yaml", SCHEMA);
    project.write("rules/hello.tidings", &RULE.replace("email is known", "emial is known"));
    assert_named(&project, &[], "fail project", "E201 rules/hello.tidings:3:", "tidings check");
    project.write("rules/hello.tidings", RULE);
    for (rule, day) in [("spring", "2020-06-01"), ("summer", "2021-09-01")] {
        let over = format!("{rule}\n  expires {day}\n");
        project.write(
            &format!("rules/{rule}.tidings"),
            &RULE.replace("hello\n  every", &format!("{over}  every")),
        );
    }
    for said in ["spring is over since 2020-06-01", "summer is over since 2021-09-01"] {
        assert_named(&project, &[], "warn schedules", said, "later `expires`");
    }
    project.write("tidings.yaml", &SETTINGS.replace("shop.db", "gone.db"));
    assert_named(&project, &[], "fail customers", "there is no database at", "`store` in tidings.yaml");
}

#[test]
fn what_is_wrong_with_what_is_kept_is_named() {
    let project = shop();
    project.run(&["run"]);
    // Without a channel there is a sandbox, with a state of its own.
    project.run(&["pause", "--why", "a wrong price"]);
    assert_named(&project, &[], "warn state", "everything is paused: a wrong price", "tidings resume");
    project.run(&["resume"]);
    let cache = project.folder().join(".tidings/customers.cache");
    assert_named(&project, &[], "ok folder", "the cache of customers has 1 MB", "");
    std::fs::set_permissions(&cache, PermissionsExt::from_mode(0o644)).unwrap();
    assert_named(&project, &[], "fail folder", "others than its owner can read", "chmod 600");
    std::fs::remove_file(cache).unwrap();
    let own = project.folder().join(".tidings");
    std::fs::set_permissions(&own, PermissionsExt::from_mode(0o755)).unwrap();
    let kept = own.join("sandbox");
    std::fs::set_permissions(&kept, PermissionsExt::from_mode(0o755)).unwrap();
    assert_named(&project, &[], "ok folder", "MB are free", "");
    let state = kept.join("state.db");
    std::fs::set_permissions(&state, PermissionsExt::from_mode(0o644)).unwrap();
    assert_named(&project, &[], "fail folder", "everybody on this machine can read", "chmod -R o-rwx");
    std::fs::set_permissions(&state, PermissionsExt::from_mode(0o600)).unwrap();
    std::fs::set_permissions(kept, PermissionsExt::from_mode(0o777)).unwrap();
    assert_named(&project, &[], "fail folder", "everybody on this machine can write", "chmod o-w");
    project.write("rules/bounded.tidings", &RULE.replace("hello\n", "bounded\n  limit 1 customers\n"));
    let run = project.output(&["run"]);
    assert_eq!(run.status.code(), Some(3), "{run:?}");
    assert_named(
        &project,
        &[],
        "warn outbox",
        "2 sends of bounded wait for a person",
        "tidings approve 2 bounded",
    );
}

#[test]
fn what_cannot_be_reached_is_named_unless_it_is_not_asked() {
    let project = shop();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let channels = format!(
        "channels:\n  email:\n    kind: smtp\n    host: 127.0.0.1\n    port: {closed}\n    tls: none\n    from: shop@shop.example\n    \
         user: shop\n    password: file:password\n    bounces: {{address: b@shop.example, secret: file:password, mailbox: mail/bounces}}\n\
         webhooks:\n  crm: {{url: \"http://127.0.0.1:{closed}/hunter2\"}}\n"
    );
    project.write("tidings.yaml", &format!("{SETTINGS}{channels}"));
    let missing = "the secret in";
    assert_named(&project, &[], "fail project", missing, "without it nothing is planned");
    assert_named(&project, &[], "ok customers", "3 customers", "");
    project.write("password", "hunter2\n");
    assert_named(
        &project,
        &[],
        "fail channels",
        &format!("port {closed}: cannot be reached"),
        "its sends wait",
    );
    assert_named(
        &project,
        &[],
        "fail channels",
        "webhooks: crm: the service cannot be reached",
        "its sends wait",
    );
    assert_named(&project, &[], "warn channels", "the mailbox", "bounces are not noticed");
    let (ok, checks) = examined(&project, &["--offline"]);
    assert!(ok && checks.iter().any(|(said, _)| said.contains("were not asked")), "{checks:#?}");
}

#[test]
fn what_is_made_is_for_its_owner_alone() {
    let project = shop();
    project.run(&["run"]);
    let mut folders = vec![project.folder().join(".tidings")];
    let mut files = vec![project.folder().join("shop.db")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let kept = if entry.path().is_dir() { &mut folders } else { &mut files };
            kept.push(entry.path());
        }
        files.push(folder);
    }
    // What says that the folder is not versioned is nobody's secret.
    files.retain(|file| !file.ends_with(".gitignore"));
    assert!(files.iter().any(|file| file.extension().is_some_and(|e| e == "eml")), "{files:?}");
    for file in files {
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} has {mode:o}", file.display());
    }
}
