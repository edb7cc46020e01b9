//! What is found: edits, who enters and leaves with what decided it, and the days to come.

use crate::{HELLO, QUIET, against, cdnow, compared, copy, git, shop, told};
use serde_json::Value;

/// Computed with two other tools, as of 1998-07-01: `examples/cdnow/README.md`.
const QUIET_OVER_90: u64 = 20_269;
const QUIET_EXACTLY_90: u64 = 19;

#[test]
fn one_sign_more_lets_nineteen_enter_each_with_that_comparison() {
    let project = cdnow();
    git(&project, &["init", "-q"]);
    git(&project, &["add", "tidings.yaml", "schema.yaml", "rules"]);
    git(&project, &["commit", "-qm", "The rules."]);
    project.write("rules/quiet.tidings", &QUIET.replace("> 90", ">= 90"));

    let (changes, code) = compared(&project, "HEAD");
    assert_eq!(code, 2, "{changes}");
    let rule = &changes["rules"][0];
    assert_eq!((&rule["rule"], &rule["change"]), (&"quiet".into(), &"edited".into()));
    assert_eq!(rule["edits"].as_array().unwrap().len(), 1);
    assert_eq!(rule["edits"][0]["before"], "if days since latest purchases.date > 90");
    assert_eq!(rule["edits"][0]["after"], "if days since latest purchases.date >= 90");
    assert_eq!(rule["matched"]["before"], QUIET_OVER_90);
    assert_eq!(rule["matched"]["after"], QUIET_OVER_90 + QUIET_EXACTLY_90);
    assert_eq!(rule["entering"]["customers"], QUIET_EXACTLY_90);
    assert_eq!(rule["leaving"]["customers"], 0);
    assert_eq!(rule["staying"], QUIET_OVER_90);
    let entering = rule["entering"]["named"].as_array().unwrap();
    assert_eq!(entering.len() as u64, QUIET_EXACTLY_90);
    for customer in entering {
        for (side, sign, answer) in [("before", ">", "no"), ("after", ">=", "yes")] {
            let test = &customer[side];
            assert_eq!(
                test["comparison"],
                format!("days since latest purchases.date {sign} 90"),
                "{customer}"
            );
            assert_eq!(test["answer"], answer);
            assert_eq!(test["saw"][0]["value"], "90 days");
        }
    }
    assert_eq!(rule["entering"]["because"].as_array().unwrap().len(), 1);
    assert_eq!(changes["sends"]["before"]["coupon_value"]["USD"], (QUIET_OVER_90 * 5).to_string() + ".00");
    assert_eq!(changes["sends"]["after"]["coupons"], QUIET_OVER_90 + QUIET_EXACTLY_90);

    let args = ["plan", "--at", "1998-07-01", "--against", "HEAD", "--format"];
    for format in ["table", "markdown"] {
        let output = project.output(&[&args[..], &[format]].concat());
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(2));
        let because = "19 enter because `days since latest purchases.date > 90` is no → `days since latest purchases.date >= 90` is yes";
        assert!(text.contains(because), "{text}");
    }
}

#[test]
fn comments_and_layout_change_nothing_and_all_else_is_named() {
    let project = shop(HELLO);
    let before = copy(&project);
    let rules = |text: &str| project.write("rules/all.tidings", text);
    let rule = |changes: &Value, at: usize| changes["rules"][at].clone();

    let elsewhere = "rule hello if consent and # yes\n email is known then send hello email\n once end";
    rules(elsewhere);
    project.write("schema.yaml", &("# The shop.\n".to_owned() + &before.read("schema.yaml")));
    let (changes, code) = against(&project, &before);
    assert_eq!(
        (code, &changes["changed"], &changes["rules"]),
        (0, &false.into(), &Value::Array(Vec::new())),
        "{changes}"
    );
    for text in told(&project, before.path(), &[]) {
        assert!(text.contains("No change"), "{text}");
    }

    // A name that stands for something else edits the rules that use it.
    rules(&HELLO.replace("= consent", "= email starts with \"customer-1\""));
    let (changes, code) = against(&project, &before);
    assert_eq!(code, 2);
    assert_eq!(changes["declarations"][0]["name"], "willing");
    assert_eq!(rule(&changes, 0)["edits"][0]["what"], "audience");
    assert_eq!(rule(&changes, 0)["leaving"]["customers"], 9);
    let why = &rule(&changes, 0)["leaving"]["named"][0]["after"];
    assert_eq!(
        (&why["comparison"], &why["answer"]),
        (&"email starts with \"customer-1\"".into(), &"no".into()),
        "{changes}"
    );

    // Another clause, a rule more, one less, a clause of the policy, a template.
    let more = HELLO.replace("rule hello\n", "rule hello\n  limit 5 customers\n")
        + "rule other if email is known then send gift coupon end\npolicy at most 1 messages per 7 days end\n";
    rules(&more);
    project.write("templates/hello.email.liquid", "---\nsubject: Good day\n---\n<p>Hello</p>\n");
    let (changes, code) = against(&project, &before);
    assert_eq!(code, 3, "over its limit");
    assert_eq!(
        rule(&changes, 0)["edits"][0],
        serde_json::json!({"what": "limit", "before": "", "after": "5 customers"})
    );
    assert_eq!(rule(&changes, 0)["shifts"][0]["customers"], 20);
    assert_eq!(rule(&changes, 0)["shifts"][0]["after"], "hello email after a person's word");
    assert_eq!(
        (&rule(&changes, 1)["change"], &rule(&changes, 1)["entering"]["customers"]),
        (&"new".into(), &20.into())
    );
    assert_eq!(changes["policy"]["new"][0], "at most 1 message per 7 days");
    assert_eq!(
        changes["files"][0],
        serde_json::json!({"path": "templates/hello.email.liquid", "change": "edited"})
    );
    let after = copy(&project);
    rules(HELLO);
    let (changes, _) = against(&project, &after);
    assert!(
        changes["rules"].as_array().unwrap().iter().any(|r| r["rule"] == "other" && r["change"] == "removed")
    );

    // Where the vocabulary is another, both are read for themselves.
    project.write(
        "schema.yaml",
        &before.read("schema.yaml").replace("consent: yes/no", "consent: yes/no\n    id: text"),
    );
    project.write("templates/hello.email.liquid", &before.read("templates/hello.email.liquid"));
    rules(
        &HELLO
            .replace("email is known", "id > \"\" and id starts with \"0001\"")
            .replace("id > \"\" and ", ""),
    );
    let (changes, code) = against(&project, &before);
    assert_eq!(code, 2, "{changes}");
    assert_eq!(changes["files"][0]["path"], "schema.yaml");
    assert_eq!(
        (&rule(&changes, 0)["leaving"]["customers"], &rule(&changes, 0)["staying"]),
        (&10.into(), &10.into())
    );
}

#[test]
fn days_to_come_are_what_running_day_by_day_would_send() {
    let rules = |often: &str| {
        format!(
            "rule hello\n  if consent\n  then send hello email with gift coupon\n  repeat at most once per {often}\nend\n\
                 rule again\n  if count of sends where template = \"hello\" >= 2\n  then send again coupon\nend\n"
        )
    };
    let project = shop(&rules("5 days"));
    project.write("tidings.yaml", "name: shop\ntime_zone: UTC\ncurrency: USD\nprices: {email: 0.0155 USD}\ncoupons:\n  gift: {value: 2 USD}\n  again: {value: 1 USD}\n");
    let before = copy(&project);
    project.write("rules/all.tidings", &rules("2 days"));
    let at = |day: usize| format!("2026-11-1{day}T10:00");
    // The history counts for both: everybody was reached once.
    project.run(&["run", "--at", &at(0)]);
    let days = || {
        let asked = ["plan", "--at", &at(1), "--against", before.path(), "--format", "json"];
        serde_json::from_slice::<Value>(&project.output(&asked).stdout).unwrap()["days"].clone()
    };
    let ahead = days();
    assert_eq!(ahead["days"], 7);
    let mut sent = [0, 0];
    for day in 1..8 {
        let plan = project.json(&["plan", "--at", &at(day), "--format", "json"]);
        sent[0] += plan["rules"][0]["planned"].as_u64().unwrap();
        sent[1] += plan["rules"][1]["planned"].as_u64().unwrap();
        project.run(&["run", "--at", &at(day)]);
    }
    assert_eq!(sent, [60, 20], "on the 12th, 14th and 16th, and after the second");
    let after = &ahead["sends"]["after"];
    assert_eq!(
        (&after["messages"]["email"], &after["coupons"]),
        (&sent[0].into(), &(sent[0] + sent[1]).into())
    );
    assert_eq!((&after["coupon_value"]["USD"], &after["cost"]["USD"]), (&"140.00".into(), &"0.93".into()));
    // On the 15th, and then those who had two.
    assert_eq!(ahead["sends"]["before"]["messages"]["email"], 20, "{ahead}");
    assert_eq!(ahead["sends"]["before"]["coupons"], 40, "{ahead}");
    let expected = serde_json::json!({
        "messages": {"email": 40}, "cost": {"USD": "0.62"}, "coupons": 40, "coupon_value": {"USD": "80.00"},
        "other_actions": 0, "waiting_for_a_person": 0,
    });
    assert_eq!(ahead["sends"]["difference"], expected, "{ahead}");

    // What comes on one day of them is counted once, however often it may be sent.
    let weekly = "rule weekly\n  if consent\n  then send hello email\n  repeat at most once per 1 day\n  every friday at 10:00\nend\n";
    project.write("rules/all.tidings", weekly);
    assert_eq!(days()["sends"]["after"]["messages"]["email"], 20);
}
