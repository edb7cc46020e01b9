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
    let refused = |rule: &str, customer: &str, to: &str, why: &str| {
        let said = project.refused(&["send-test", rule, customer, "--to", to]);
        assert!(said.contains(why), "{said}");
    };
    refused("hello", "3", "me@example.org", "there is no customer `3`");
    refused("weekly", "1", "+4915187654321", "sends no message");
    project.run(&["suppress", "add", "email", "me@example.org"]);
    refused("hello", "1", "me@example.org", "suppressed");
    project.run(&["pause"]);
    refused("hello", "1", "me@example.org", "paused");
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
    // Only a yes that came after it, with a proof, lifts it.
    let give = ["consent", "1", "email", "give", "--sandbox"];
    let refused = |more: &[&str], why: &str| {
        let said = project.refused(&[&give, more].concat());
        assert!(said.contains(why), "{said}");
    };
    refused(&[], "needs a proof");
    refused(&["--source", "form 7", "--at", "2020-01-01"], "stands; `tidings ledger 1` shows it");
    refused(&["--source", "form 7", "--at", "9000-01-01"], "still to come");
    project.run(&[&give[..], &["--source", "form 7"]].concat());
    let plan = project.json(&["plan", "--rule", "hello", "--format", "json"]);
    assert_eq!(plan["rules"][0]["sends"][1]["held"]["no_consent"], serde_json::Value::Null, "{plan:#}");
    let ledger = project.json(&["ledger", "1", "--format", "json", "--sandbox"]);
    assert_eq!(ledger["consents"][0]["source"], "form 7", "{ledger:#}");
}

#[test]
fn what_is_over_its_limit_waits_for_a_word() {
    let project = shop();
    project.run(&["run"]);
    let held = |name: &str| {
        format!(
            "rule {name}\n  then\n    send weekly email\n  limit 0% of customers\n  repeat every time\nend\n"
        )
    };
    project.write("rules/hello.tidings", &held("hello"));
    let run = project.output(&["run", "--format", "json"]);
    assert_eq!(run.status.code(), Some(3));
    let runs = project.json(&["runs", "--format", "json", "--sandbox"]);
    let hold = &runs["holds"][0];
    assert_eq!(
        (&hold["rule"], &hold["state"], &hold["sends"]),
        (&"hello".into(), &"waiting".into(), &1.into()),
        "{runs:#}"
    );
    let said = project.run(&["runs", "--sandbox"]);
    assert!(said.contains("hello of run 2 waits, 1 send to 1 customer: "), "{said}");
    // A number is that of a run, and nothing else.
    let said = project.refused(&["approve", "1", "--sandbox"]);
    assert!(said.contains("what waits is `2 hello`"), "{said}");
    let said = project.run(&["approve", "2", "--by", "Ada", "--sandbox"]);
    assert!(said.contains("hello of run 2, 1 send to 1 customer, is let go"), "{said}");
    let runs = project.json(&["runs", "--format", "json", "--sandbox"]);
    assert_eq!(
        (&runs["holds"][0]["state"], &runs["holds"][0]["decided_by"]),
        (&"approved".into(), &"Ada".into())
    );
    assert_eq!(project.output(&["cancel", "2", "--sandbox"]).status.code(), Some(1), "it has been decided");
    project.write("rules/hello.tidings", &(["hello", "other", "third"].map(held).join("\n")));
    project.output(&["run"]);
    let caught = || project.json(&["sandbox", "list", "--format", "json"]).as_array().unwrap().len();
    let before = caught();
    let said = project.refused(&["approve", "3", "--sandbox"]);
    assert!(said.contains("`3 third`, `3 other`"), "{said}");
    project.run(&["cancel", "3", "other", "--sandbox"]);
    project.run(&["approve", "3", "third", "--sandbox"]);
    project.output(&["run"]);
    assert_eq!(caught(), before + 1);
}

#[test]
fn a_customer_and_the_outbox_can_be_looked_into() {
    let project = shop();
    project.run(&["run", "--rule", "hello"]);
    project.run(&["consent", "1", "email", "withdraw", "--source", "phone call", "--sandbox"]);
    let ledger = project.json(&["ledger", "1", "--format", "json", "--sandbox"]);
    assert_eq!(ledger["sends"].as_array().unwrap().len(), 2, "{ledger:#}");
    assert_eq!(ledger["consents"][0]["source"], "phone call");
    let said = project.run(&["ledger", "1", "--sandbox"]);
    assert!(said.contains("email says no more, since") && said.contains("phone call"), "{said}");
    let of = |args: &[&str]| {
        let rows = project.json(&[&["outbox", "--format", "json", "--sandbox"], args].concat());
        rows.as_array().unwrap().len()
    };
    assert_eq!(of(&["--customer", "1", "--channel", "email"]), 1);
    assert_eq!(of(&["--state", "sent", "--limit", "1"]), 1);
    assert_eq!(of(&["--state", "pending"]), 0);
    assert!(
        project.refused(&["outbox", "--state", "gone", "--sandbox"]).contains("there is no state `gone`")
    );

    project.run(&["erase", "1", "--sandbox"]);
    let ledger = project.json(&["ledger", "1", "--format", "json", "--sandbox"]);
    assert!(!ledger.to_string().contains("ada@example.com"), "{ledger:#}");
    assert_eq!(ledger["consents"][0]["given"], false, "who said no stays so");
}

#[test]
fn what_cannot_be_made_gets_another_try_once_it_is_mended() {
    let project = shop();
    // More than a mail may be long.
    let long = "0123456789".repeat(120);
    project.write(
        "templates/hello.email.liquid",
        &format!("subject: Hello\n---\n{{% for i in (1..1000) %}}<p>{long}</p>{{% endfor %}}\n"),
    );
    assert_eq!(project.output(&["run", "--rule", "hello"]).status.code(), Some(1));
    let rows = project.json(&["outbox", "--state", "quarantined", "--format", "json", "--sandbox"]);
    let key = rows[0]["key"].as_str().unwrap();
    assert_eq!(project.output(&["outbox", "retry", "zz", "--sandbox"]).status.code(), Some(1));
    project.write("templates/hello.email.liquid", "subject: Hello\n---\n<p>Hello</p>\n");
    project.run(&["outbox", "retry", &key[..6], "--sandbox"]);
    project.run(&["run", "--rule", "hello"]);
    let states = project.json(&["outbox", "--format", "json", "--sandbox"]);
    assert!(states.as_array().unwrap().iter().all(|r| r["state"] == "sent"), "{states:#}");
}

#[test]
fn what_the_command_line_keeps_changes_no_answer() {
    let project = Project::example("one-sentence");
    project.run(&["import", "customers.csv"]);
    let plan = |more: &[&str]| {
        let args = [&["plan", "--timings", "--at", "2026-11-11T10:00", "--format", "json"], more].concat();
        let output = project.output(&args);
        let mut plan: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let timings = plan.as_object_mut().unwrap().remove("timings").unwrap();
        (plan, timings["in_memory"]["rows_from_cache"].as_u64().unwrap_or(0))
    };
    let cache = project.folder().join(".tidings/customers.cache");
    let (without, saved) = plan(&["--no-cache"]);
    assert!(!cache.exists() && saved == 0, "{saved}");
    // A file that was just written may be written once more within the same moment.
    std::thread::sleep(std::time::Duration::from_millis(2_100));
    let (cold, saved) = plan(&[]);
    assert!(cache.exists() && saved == 0, "{saved}");
    let (warm, saved) = plan(&[]);
    assert!(saved > 0);
    assert_eq!((&cold, &warm), (&without, &without));

    project.write(".tidings/files/some/store.db", "what a folder of files held");
    project.run(&["erase", "c1"]);
    assert!(!cache.exists(), "whoever is erased is not in it");
    assert!(!project.folder().join(".tidings/files").exists(), "nor there");
    let settings = project.read("tidings.yaml");
    project.write("tidings.yaml", &format!("{settings}\ncache: no\n"));
    assert_eq!(plan(&[]).0, without);
    assert!(!cache.exists());
}

#[test]
#[cfg(target_os = "linux")]
fn what_cannot_be_said_ends_nothing() {
    let project = shop();
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = project.command(&["plan", "--timings"]).stderr(full()).output().unwrap();
    assert!(output.status.success() && !output.stdout.is_empty(), "{output:?}");
    let unheard = project.command(&["completions", "bash"]).stdout(full()).output().unwrap();
    assert_eq!(unheard.status.code(), Some(1), "{unheard:?}");

    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let listen = address.to_string();
    let mut daemon =
        project.command(&["serve", "--sandbox", "--listen", &listen]).stderr(full()).spawn().unwrap();
    let start = std::time::Instant::now();
    while std::net::TcpStream::connect(address).is_err() {
        assert_eq!(daemon.try_wait().unwrap(), None, "it goes on though its log is full");
        assert!(start.elapsed() < std::time::Duration::from_secs(40), "it does not listen");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    daemon.kill().unwrap();
    daemon.wait().unwrap();
}

#[test]
#[cfg(unix)]
fn what_is_laid_out_anew_stays_where_it_is_and_whose_it_is() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let project = shop();
    let (shared, link) =
        (project.folder().join("shared.tidings"), project.folder().join("rules/shared.tidings"));
    std::fs::write(&shared, "rule   shared then send weekly email end").unwrap();
    std::fs::set_permissions(&shared, PermissionsExt::from_mode(0o600)).unwrap();
    symlink("../shared.tidings", &link).unwrap();
    project.run(&["fmt"]);
    assert!(link.is_symlink());
    assert_eq!(shared.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert!(std::fs::read_to_string(&shared).unwrap().starts_with("rule shared\n"));
}

#[test]
fn a_check_of_the_layout_lists_what_would_change_and_changes_nothing() {
    let project = shop();
    project.run(&["fmt"]);
    project.run(&["fmt", "--check"]);
    let (loose, broken) = ("rule   loose then send weekly email end", "rule broken\n");
    project.write("rules/loose.tidings", loose);
    project.write("rules/broken.tidings", broken);
    let path = |file: &str| project.folder().join(file).display().to_string();
    for (args, expected, listed) in [
        (vec!["fmt", "--check"], "3 rule files: 1 would change, 1 with errors", "rules/loose.tidings"),
        (
            vec!["fmt", "--check", &path("rules/hello.tidings"), &path("rules/broken.tidings")],
            "2 rule files: 0 would",
            "",
        ),
    ] {
        let output = project.output(&args);
        let (out, err) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert_eq!(output.status.code(), Some(1), "{err}");
        assert!(err.contains(expected) && out.trim_end().ends_with(listed), "{out}{err}");
    }
    assert_eq!(
        (project.read("rules/loose.tidings").as_str(), project.read("rules/broken.tidings").as_str()),
        (loose, broken)
    );
    project.write("rules/broken.tidings", "");
    assert_eq!(project.output(&["fmt", "--check"]).status.code(), Some(1), "one that would change is enough");
    project.run(&["fmt"]);
    assert!(project.read("rules/loose.tidings").starts_with("rule loose\n"));
    project.run(&["fmt", "--check"]);
}

/// A dry run leaves everything as it is, also beside a store, and says what is in its place where there is none.
#[test]
fn a_dry_run_changes_nothing_and_says_what_is_no_store() {
    let project = Project::new();
    project.write("customers.csv", "id,name\n1,Ada\n");
    let dry = ["import", "--dry-run", "customers.csv"];
    let path = |name: &str| project.folder().join(name);
    let there = || {
        let entries = std::fs::read_dir(project.folder()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    project.write("text.db", "precious");
    project.write("damaged.db", &format!("SQLite format 3\0{}", "precious".repeat(500)));
    std::fs::create_dir(path("folder.db")).unwrap();
    for (store, why) in [
        ("folder.db", "it is a folder"),
        ("text.db", "it is no SQLite database"),
        ("damaged.db", "it is no SQLite database"),
        ("text.db/shop.db", "Not a directory"),
    ] {
        project.write(
            "tidings.yaml",
            &format!("name: own\nstore: sqlite:{store}\ntime_zone: UTC\ncurrency: USD\n"),
        );
        let (names, bytes) = (there(), std::fs::read(path(store)).ok());
        let said = project.refused(&dry);
        let parts = [store, " cannot be imported into: ", why, "Name another file in tidings.yaml"];
        assert!(parts.iter().all(|part| said.contains(part)), "{said}");
        assert!(there() == names && std::fs::read(path(store)).ok() == bytes, "{store}: {:?}", there());
    }
    project.write("tidings.yaml", "name: own\nstore: sqlite:shop.db\ntime_zone: UTC\ncurrency: USD\n");
    project.run(&["import", "customers.csv"]);
    let (names, bytes) = (there(), std::fs::read(path("shop.db")).unwrap());
    let rows: String = (1..=6).map(|id| format!("{id},Ada,more\n")).collect();
    project.write("customers.csv", &format!("id,name\n{rows}"));
    let said = project.output(&dry).stdout;
    let said = String::from_utf8_lossy(&said);
    assert!(said.ends_with("\n  and 1 more\n"), "{said}");
    assert!(there() == names && std::fs::read(path("shop.db")).unwrap() == bytes, "{:?}", there());
}

#[test]
fn a_first_description_names_what_identifies_a_row_and_keeps_data_out_of_version_control() {
    let project = Project::new();
    project.write("customers.csv", "id,email,consent\na,a@example.com,yes\nb,b@example.com,no\n");
    project.write("orders.csv", "order_id,customer_id,placed_at\n1,a,2026-01-05\n2,a,2026-02-05\n");
    project.write("returns.csv", "return_no,customer_id,placed_at\nx,a,2026-01-05\nx,b,2026-02-05\n");
    project.write(
        "visits.csv",
        "id,customer_id,placed_at,updated_at\n1,a,2026-01-05,2026-01-05 10:00:00\n2,b,2026-01-05,2026-01-05 10:00:00\n",
    );
    project.run(&["import", "customers.csv", "orders.csv", "returns.csv", "visits.csv"]);
    let said = project.run(&["init"]);
    assert!(said.contains("orders: order_id identifies a row, because no value of it comes twice"), "{said}");
    let schema = project.read("schema.yaml");
    let of = |name: &str| {
        let begin = schema.find(&format!("  {name}:\n")).unwrap();
        let part: Vec<&str> = schema[begin..].lines().skip(1).take_while(|l| l.starts_with("    ")).collect();
        part.join("\n")
    };
    assert!(of("orders").contains("key: order_id\n    # append_only: order_id "), "{schema}");
    assert!(!of("returns").contains("key:") && !of("returns").contains("append_only"), "{schema}");
    assert!(of("visits").contains("key: id\n    # updated_at: updated_at "), "{schema}");
    assert!(!of("visits").contains("append_only"), "{schema}");
    assert_eq!(project.read(".gitignore"), ".tidings/\n*.rejected.csv\n");

    project.write(".gitignore", "*.rejected.csv\nmine\n");
    let said = project.run(&["init", "--force"]);
    assert!(said.contains(".gitignore: write `.tidings/` into it"), "{said}");
    assert_eq!(project.read(".gitignore"), "*.rejected.csv\nmine\n", "a person's own file stays");
}

#[test]
fn what_is_not_run_is_said_by_check_and_run_and_no_plan_repeats_it() {
    let project = shop();
    let goals = ["one", "two"].map(|rule| {
        format!("rule {rule}\n  then send weekly email\n  goal unsubscribe within 3 days\nend\n")
    });
    let schema = project.read("schema.yaml");
    let visits = "collections:\n  visits:\n    table: visits\n    customer: customer_id\n    time: at\n    fields: {at: moment}\n\
         events: {unsubscribe: visits}\n";
    project.write("schema.yaml", &format!("{schema}{visits}"));
    project.write("visits.csv", "customer_id,at\n1,2026-01-05T10:00:00Z\n");
    project.run(&["import", "visits.csv"]);
    project.write("rules/hello.tidings", &goals.concat());
    let said = |args: &[&str]| String::from_utf8(project.output(args).stderr).unwrap();
    let note = "note: `goal` is checked, but not run yet: in one, two\n";
    assert!(said(&["check"]).contains(note), "{}", said(&["check"]));
    assert!(said(&["run"]).contains(note));
    for args in [&["plan"][..], &["customers"], &["explain", "one", "1"], &["plan", "--against", "."]] {
        assert!(!said(args).contains("goal"), "{}", said(args));
    }
    let checked = project.run(&["check"]);
    assert!(checked.contains("1 rule file: 0 errors"), "{checked}");
}
