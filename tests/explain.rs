//! What `tidings explain` says beyond the comparisons: what would have to be different, what was sent, every rule.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod project;

use project::Project;
use serde_json::{Value, json};

/// Three customers: one ordered 61 days before 2026-03-04, one never, one has a name that is markup.
fn shop() -> Project {
    let project = Project::new();
    project.write(
        "tidings.yaml",
        "name: explained\nstore: sqlite:shop.db\nstate: sqlite:state.db\ntime_zone: Europe/Berlin\ncurrency: USD\n",
    );
    project.write(
        "schema.yaml",
        "customer:\n  table: customers\n  key: id\n  attributes:\n    email: text\n    name: text\n    city: text\n    consent: \
         yes/no\ncontact:\n  email: {address: email, consent: consent}\ncollections:\n  orders:\n    table: orders\n    customer: \
         customer_id\n    time: placed_at\n    fields: {placed_at: moment}\n",
    );
    project.write(
        "rules/all.tidings",
        "define days_since = days since latest orders.placed_at\n\nrule wake-up\n  every day at 10:00\n  if days_since > 90 and \
         city = \"Rome\"\n  then send hello email\nend\n\nrule silent\n  if name = \"<b>Bo</b>\"\n  then send hello email\n  priority \
         2\nend\n\nrule hello\n  if city in (\"Rome\", \"Bonn\")\n  then send hello email\n  repeat at most once per 60 \
         days\n  priority 1\nend\n",
    );
    project.write("templates/hello.email.liquid", "subject: Hello\n---\n<p>Hello</p>\n");
    project.write(
        "customers.csv",
        "id,email,name,city,consent\n1,ada@example.com,Ada,Rome,yes\n2,,Cy,Oslo,no\n3,bo@example.com,<b>Bo</b>,Bonn,no\n",
    );
    project.write("orders.csv", "customer_id,placed_at\n1,2026-01-02T12:00:00Z\n");
    project.run(&["import", "customers.csv", "orders.csv"]);
    project
}

fn explained(project: &Project, args: &[&str]) -> Value {
    project.json(&[&["explain"], args, &["--at", "2026-03-04T12:00", "--format", "json"]].concat())
}

#[test]
fn the_fewest_comparisons_that_would_have_to_turn_are_told_with_the_day() {
    let project = shop();
    let one = explained(&project, &["wake-up", "1"]);
    let needed = json!({"text": "days_since > 90", "seen": ["days_since is 61 days"], "holds": true, "on": "2026-04-03"});
    assert_eq!(one["different"], json!({"ways": [[needed]], "matches_on": "2026-04-03"}), "{one:#}");
    let two = explained(&project, &["wake-up", "2"]);
    let way = two["different"]["ways"][0].as_array().unwrap();
    assert_eq!(way.len(), 2, "{two:#}");
    assert_eq!((&way[0]["on"], &two["different"]["matches_on"]), (&Value::Null, &Value::Null));
    let said = project.run(&["explain", "wake-up", "1", "--at", "2026-03-04T12:00"]);
    let line = "`days_since > 90` would have to hold: days_since is 61 days; so on 2026-04-03, by the rows there are\n";
    assert!(said.contains("what would have to be different\n") && said.contains(line), "{said}");
    // On that day it matches, and the day before it does not.
    let matches = |at: &str| {
        project.json(&["explain", "wake-up", "1", "--at", at, "--format", "json"])["matches"].clone()
    };
    assert_eq!((matches("2026-04-03T12:00"), matches("2026-04-02T12:00")), (json!(true), json!(false)));
}

#[test]
fn what_was_sent_and_what_lifts_a_hold_is_told() {
    let project = shop();
    project.run(&["run", "--rule", "hello", "--at", "2026-03-01T10:00"]);
    let args = ["hello", "1", "--sandbox"];
    let one = explained(&project, &args);
    assert_eq!(one["steps"][0]["held"], "already_sent", "{one:#}");
    let lifted = "time: the rule may reach the customer again at 2026-04-30 10:00 (Europe/Berlin)";
    assert_eq!(one["lifted_by"], json!([lifted]));
    let row = &one["ledger"][0];
    assert_eq!((&row["step"], &row["state"]), (&json!("send hello"), &json!("sent")));
    assert!(!one.to_string().contains("ada@example.com"), "{one:#}");
    let said = project.run(&[&["explain"], &args[..], &["--at", "2026-03-04"]].concat());
    assert!(said.contains(lifted) && said.contains("by the ledger"), "{said}");
    let again = |at: &str| {
        let now = project.json(&[&["explain"], &args[..], &["--at", at, "--format", "json"]].concat());
        now["steps"][0]["planned"].clone()
    };
    assert_eq!((again("2026-04-30T10:00"), again("2026-04-30T09:59")), (json!(true), json!(false)));
    let three = explained(&project, &["hello", "3"]);
    assert_eq!(three["lifted_by"], json!(["the customer's consent for email"]));

    project.write(
        "rules/policy.tidings",
        "policy\n  at most 1 message per 7 days\n  quiet from 20:00 to 09:00\nend\n",
    );
    let held = |rule: &str, at: &str| {
        let one = project.json(&["explain", rule, "1", "--at", at, "--sandbox", "--format", "json"]);
        (one["steps"][0]["held"].clone(), one["lifted_by"][0].as_str().unwrap_or_default().to_owned())
    };
    let (reason, lifted) = held("wake-up", "2026-06-01T21:00");
    assert_eq!(
        (reason, lifted),
        (json!("quiet"), "time: the hours of silence end at 2026-06-02 09:00 (Europe/Berlin)".to_owned())
    );
    project.run(&["run", "--rule", "hello", "--at", "2026-06-01T10:00"]);
    let (reason, lifted) = held("wake-up", "2026-06-02T12:00");
    assert_eq!(
        (reason, lifted),
        (json!("capped"), "time: the cap has room again at 2026-06-08 10:00 (Europe/Berlin)".to_owned())
    );
}

#[test]
fn a_cap_is_told_by_its_clause_and_an_else_by_its_name() {
    let project = shop();
    project.write(
        "rules/policy.tidings",
        "policy\n  at most 3 messages per 7 days\n  at most 1 email per 1 day\nend\n",
    );
    let said = project.run(&["explain", "hello", "1", "--at", "2026-03-04T12:00"]);
    let caps = [
        "`at most 3 messages per 7 days`: 0 before this run",
        "`at most 1 email per 1 day`: 0 before this run",
    ];
    assert!(caps.iter().all(|cap| said.contains(cap)), "{said}");
    let caps = &explained(&project, &["hello", "1"])["caps"];
    assert_eq!(caps[0], json!({"clause": "at most 3 messages per 7 days", "most": 3, "used": 0}), "{caps}");

    project.write(
        "rules/all.tidings",
        "segment there\n  name is known\nend\nrule both\n  for there\n  if city = \"Bonn\"\n  then send hello email\n  \
         else send hello email\nend\n",
    );
    let words = "the condition does not hold, so the customer gets what stands in `else`";
    for (customer, by_else) in [("1", true), ("3", false)] {
        assert_eq!(explained(&project, &["both", customer])["else"], json!(by_else));
        let said = project.run(&["explain", "both", customer, "--at", "2026-03-04T12:00"]);
        assert_eq!(said.contains(words), by_else, "{said}");
    }
    let all = project.run(&["explain", "--all-rules", "1", "--at", "2026-03-04T12:00"]);
    assert!(all.contains("\nplanned    both: send hello (by `else`)"), "{all}");
}

#[test]
fn each_reason_says_when_it_is_over_and_the_ledger_that_there_is_more() {
    let project = shop();
    let schema = project.read("schema.yaml");
    let schema = schema.replace("    city: text\n", "    city: text\n    phone: text\n");
    let sms = "contact:\n  sms: {address: phone, consent: consent}\n";
    project.write("schema.yaml", &schema.replace("contact:\n", sms));
    let customers = project.read("customers.csv");
    let phones = customers.replace("consent\n", "consent,phone\n").replace("yes\n", "yes,+4915112345678\n");
    project.write("customers.csv", &phones.replace("no\n", "no,\n"));
    project.run(&["import", "customers.csv"]);
    project.write("templates/hello.sms.liquid", "Hello\n");
    project.write(
        "rules/both.tidings",
        "rule both\n  if city = \"Rome\"\n  then\n    send hello email\n    send hello sms\n  repeat every time\nend\n",
    );
    let told = |more: &[&str]| {
        let asked = ["explain", "both", "1", "--sandbox", "--at", "2026-06-08T21:00", "--format"];
        project.run(&[&asked[..], more].concat())
    };
    let runs = |days: std::ops::Range<u32>| {
        days.for_each(|day| {
            project.run(&["run", "--rule", "both", "--at", &format!("2026-06-0{day}T10:00")]);
        });
    };
    runs(1..6);
    for format in ["text", "html"] {
        assert!(!told(&[format]).contains("before them"), "ten rows are all of them");
    }
    runs(6..7);
    for (format, command) in [("text", "`tidings ledger 1`"), ("html", "<code>tidings ledger 1</code>")] {
        let told = told(&[format]);
        assert!(told.contains(&format!("and 2 before them: {command} shows all")), "{told}");
    }

    let policy = "policy\n  at most 1 email per 7 days then wait\n  quiet from 20:00 to 09:00 for sms\nend\n";
    project.write("rules/policy.tidings", policy);
    let one: Value = serde_json::from_str(&told(&["json"])).unwrap();
    // Everything waits with the message by SMS, and then with the mail.
    let silence = "time: the hours of silence end at 2026-06-09 09:00 (Europe/Berlin)";
    let cap = "time: the cap has room again at 2026-06-13 10:00 (Europe/Berlin)";
    assert_eq!(one["lifted_by"], json!([silence, cap]), "{one:#}");
    let until = [("quiet", "2026-06-09T09:00:00+02:00"), ("capped", "2026-06-13T10:00:00+02:00")];
    assert_eq!(
        one["until"],
        until.map(|(held, at)| json!({"held": held, "at": at})).into_iter().collect::<Value>()
    );
    project.write("schema.yaml", &schema.replace("contact:\n", &sms.replace("phone", "city")));
    let one: Value = serde_json::from_str(&told(&["json"])).unwrap();
    assert_eq!(one["lifted_by"], json!([cap]), "without a number there is nothing to be silent for");
    project.write("rules/policy.tidings", "policy at most 9 messages per 1 days end\n");
    let one: Value = serde_json::from_str(&told(&["json"])).unwrap();
    assert_eq!(one["lifted_by"], json!(["an address for sms in the store (send hello 2)"]), "{one:#}");
    assert_eq!((one["ledger"].as_array().unwrap().len(), &one["ledger_rows"]), (10, &json!(12)));
}

#[test]
fn a_day_that_a_schedule_waits_for_is_told_by_its_date() {
    let project = shop();
    let schema = project.read("schema.yaml");
    let attributes = "    joined: moment\n    birthday: {type: date, yearly: true}\n    consent:";
    project.write("schema.yaml", &schema.replace("    consent:", attributes));
    project.write(
        "people.csv",
        "id,email,name,city,joined,birthday,consent\n1,a@example.com,A,Rome,2026-03-01T10:00:00Z,1990-04-02,yes\n2,,B,Rome,,,no\n",
    );
    project.run(&["import", "customers=people.csv"]);
    project.write(
        "rules/all.tidings",
        "rule welcome\n  7 days after joined at 10:00\n  then send hello email\nend\n\nrule birthday\n  2 days before birthday at \
         09:00\n  then send hello email\nend\n",
    );
    let different = |rule: &str, customer: &str| {
        let said = project.run(&["explain", rule, customer, "--at", "2026-03-04T12:00"]);
        said.split_once("different\n").unwrap().1.lines().next().unwrap().trim().to_owned()
    };
    assert_eq!(
        different("welcome", "1"),
        "`7 days after joined at 10:00` would have to hold: joined is 2026-03-01 11:00; so on 2026-03-08, by the rows there are"
    );
    assert_eq!(
        different("birthday", "1"),
        "`2 days before birthday at 09:00` would have to hold: birthday is 1990-04-02; so on 2026-03-31, by the rows there are"
    );
    assert_eq!(
        different("birthday", "2"),
        "`2 days before birthday at 09:00` would have to hold: birthday is missing"
    );
}

#[test]
fn every_rule_of_a_customer_is_told_in_one_line() {
    let project = shop();
    let all = explained(&project, &["--all-rules", "1"]);
    let told: Vec<(&str, &str)> = all["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| (rule["rule"].as_str().unwrap(), rule["outcome"].as_str().unwrap()))
        .collect();
    assert_eq!(
        told,
        [("hello", "planned"), ("wake-up", "not_matched"), ("silent", "not_matched")],
        "{all:#}"
    );
    assert_eq!(all["rules"][1]["why"], "`days_since > 90` would have to hold: days_since is 61 days");
    let said = project.run(&["explain", "--all-rules", "3", "--at", "2026-03-04"]);
    let line = "\nheld back  hello: no_consent; lifted by the customer's consent for email";
    assert!(
        said.contains(line) && said.find("held back").unwrap() < said.find("no match").unwrap(),
        "{said}"
    );
    assert!(project.refused(&["explain", "--all-rules", "9"]).contains("there is no customer `9`"));
    assert_eq!(project.output(&["explain", "wake-up"]).status.code(), Some(2));
    assert_eq!(project.output(&["explain", "wake-up", "1", "--all-rules", "1"]).status.code(), Some(2));
}

#[test]
fn a_page_is_whole_in_itself_and_shows_no_markup_of_others() {
    let project = shop();
    let pages = [&["silent", "3"][..], &["--all-rules", "3"]]
        .map(|args| project.run(&[&["explain"], args, &["--format", "html"]].concat()));
    for page in pages {
        assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"));
        assert!(!page.contains("<b>Bo") && page.contains("&lt;b&gt;Bo&lt;/b&gt;"), "{page}");
        let foreign = ["<script", "src=", "href=", "http:", "https:", "url(", "bo@example.com"];
        assert!(!foreign.iter().any(|word| page.contains(word)), "{page}");
        for tag in ["details", "summary", "div", "ul", "li", "p", "body"] {
            assert_eq!(
                page.matches(&format!("<{tag}")).count() >= 1,
                page.contains(&format!("</{tag}>")),
                "{tag}"
            );
        }
        assert_eq!(page.matches("<details").count(), page.matches("</details>").count());
    }
}
