//! What a change to the rules changes, before anything of it runs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod daemon;
mod project;

use daemon::Daemon;
use project::Project;
use serde_json::Value;
use std::process::Command;

/// Computed with two other tools, as of 1998-07-01: `examples/cdnow/README.md`.
const QUIET_OVER_90: u64 = 20_269;
const QUIET_EXACTLY_90: u64 = 19;

const QUIET: &str =
    "rule quiet\n  if days since latest purchases.date > 90\n  then send wake-up coupon\nend\n";

/// The purchase histories with one rule.
fn cdnow() -> Project {
    let project = Project::purchases("date: date\n      number_of_cds: number\n      dollar_value: money\n");
    project.write("tidings.yaml", "name: own\nstore: sqlite:own.db\ntime_zone: UTC\ncurrency: USD\ncoupons:\n  wake-up: {value: 5 USD}\n");
    project.write("rules/quiet.tidings", QUIET);
    project.import_purchases();
    project
}

fn git(project: &Project, args: &[&str]) {
    let who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false"];
    let mut git = Command::new("git");
    let output = git.current_dir(project.folder()).args(who).args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// What a comparison says as JSON, and its exit code.
fn compared(project: &Project, more: &[&str]) -> (Value, i32) {
    let args = [&["plan", "--at", "1998-07-01", "--format", "json"], more].concat();
    let output = project.output(&args);
    let said = String::from_utf8_lossy(&output.stderr);
    (
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {said}")),
        output.status.code().unwrap(),
    )
}

#[test]
fn one_sign_more_lets_nineteen_enter_each_with_that_comparison() {
    let project = cdnow();
    git(&project, &["init", "-q"]);
    git(&project, &["add", "tidings.yaml", "schema.yaml", "rules"]);
    git(&project, &["commit", "-qm", "The rules."]);
    project.write("rules/quiet.tidings", &QUIET.replace("> 90", ">= 90"));

    let (changes, code) = compared(&project, &["--against", "HEAD"]);
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
    let days = |project: &Project| {
        let asked =
            ["plan", "--at", &at(1), "--against", before.folder().to_str().unwrap(), "--format", "json"];
        let output = project.output(&asked);
        serde_json::from_slice::<Value>(&output.stdout).unwrap()["days"].clone()
    };
    let ahead = days(&project);
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
    assert_eq!(days(&project)["sends"]["after"]["messages"]["email"], 20);
}

#[test]
fn what_has_no_price_costs_nothing_that_is_known() {
    let project = shop(HELLO);
    let before = copy(&project);
    let told = |format: &str| {
        let asked =
            ["plan", "--against", before.folder().to_str().unwrap(), "--days", "0", "--format", format];
        let planned = project.output(&["plan", "--format", format]);
        String::from_utf8([project.output(&asked).stdout, planned.stdout].concat()).unwrap()
    };
    project.write("rules/all.tidings", &HELLO.replace("email is known", "email starts with \"customer-1\""));
    for format in ["table", "markdown"] {
        let text = told(format);
        assert!(
            text.contains("In all: 11 email\n") && !text.contains("cost") && !text.contains("price"),
            "{text}"
        );
    }
    // From the first price on, what has none is named.
    let schema = std::fs::read_to_string(project.folder().join("schema.yaml")).unwrap();
    project.write("schema.yaml", &(schema + "  sms: {address: email, consent: consent}\n"));
    let settings = |prices: &str| {
        project
            .write("tidings.yaml", &format!("name: shop\ntime_zone: UTC\ncurrency: USD\nprices: {prices}\n"));
    };
    settings("{sms: 0.0125 USD}");
    let text = told("table");
    let missing = "In all: 11 email; messages cost 0.00 USD (11 messages of channel email have no price)\n";
    assert!(text.contains(missing), "{text}");
    let text = told("markdown");
    let missing =
        "| cost in USD | – | 0.00 | not known |\n| no price |  | 11 messages of channel email |  |\n";
    assert!(text.contains(missing), "{text}");
    // The comparison, and behind it the plan.
    let text = told("json");
    let compared = serde_json::Deserializer::from_str(&text).into_iter::<Value>().next().unwrap().unwrap();
    let sends = &compared["sends"];
    assert_eq!(sends["after"]["no_price"], serde_json::json!({"email": 11}));
    assert_eq!(sends["difference"]["cost"], serde_json::json!({"USD": null}));
    settings("{sms: 0.0125 USD, email: 0.0155 USD}");
    let text = told("markdown");
    assert!(text.contains("| email | 20 | 11 | -9 |\n| cost in USD | – | 0.17 | not known |\n"), "{text}");
    assert!(text.contains("In all: 11 email; messages cost 0.17 USD\n"), "{text}");
}

/// A project with twenty customers who can be written to, and the rules in one file.
fn shop(rules: &str) -> Project {
    let project = Project::new();
    project.write("tidings.yaml", "name: shop\ntime_zone: UTC\ncurrency: USD\n");
    project.mail_customers(20);
    project.write("templates/hello.email.liquid", "---\nsubject: Hello\n---\n<p>Hello</p>\n");
    project.write("rules/all.tidings", rules);
    project
}

/// The same files in another folder, before they are changed.
fn copy(project: &Project) -> Project {
    let other = Project::new();
    for file in ["tidings.yaml", "schema.yaml", "rules/all.tidings", "templates/hello.email.liquid"] {
        other.write(file, &std::fs::read_to_string(project.folder().join(file)).unwrap());
    }
    other
}

const HELLO: &str = "# Hello.\ndefine willing = consent\nrule hello\n  if willing and email is known\n  then send hello email\nend\n";

/// What changes against a folder: the report, and the exit code.
fn against(project: &Project, before: &Project) -> (Value, i32) {
    compared(project, &["--against", before.folder().to_str().unwrap()])
}

#[test]
fn comments_and_layout_change_nothing_and_all_else_is_named() {
    let project = shop(HELLO);
    let before = copy(&project);
    let rules = |text: &str| project.write("rules/all.tidings", text);
    let rule = |changes: &Value, at: usize| changes["rules"][at].clone();

    let elsewhere = "rule hello if consent and # yes\n email is known then send hello email\n once end";
    rules(elsewhere);
    project.write(
        "schema.yaml",
        &format!("# The shop.\n{}", std::fs::read_to_string(before.folder().join("schema.yaml")).unwrap()),
    );
    let (changes, code) = against(&project, &before);
    assert_eq!(
        (code, &changes["changed"], &changes["rules"]),
        (0, &false.into(), &Value::Array(Vec::new())),
        "{changes}"
    );
    let text = project.run(&["plan", "--against", before.folder().to_str().unwrap(), "--format", "markdown"]);
    assert!(text.contains("No change"), "{text}");

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
    let schema = std::fs::read_to_string(before.folder().join("schema.yaml")).unwrap();
    project.write("schema.yaml", &schema.replace("consent: yes/no", "consent: yes/no\n    id: text"));
    project.write(
        "templates/hello.email.liquid",
        &std::fs::read_to_string(before.folder().join("templates/hello.email.liquid")).unwrap(),
    );
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
fn what_ends_with_three_says_why_though_nothing_changes() {
    let project = shop(&HELLO.replace("email\nend", "email\n  limit 5 customers\nend"));
    let before = copy(&project);
    for format in ["table", "markdown"] {
        let asked = ["plan", "--against", before.folder().to_str().unwrap(), "--format", format];
        let output = project.output(&asked);
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(3), "{text}");
        assert!(text.contains("No change") && text.contains("hello waits for a person"), "{text}");
    }
}

#[test]
fn one_is_told_as_one() {
    let quiet = "rule quiet\n  if email is missing\n  then send gift coupon\nend\n";
    let project = shop(&format!("{quiet}{HELLO}"));
    let before = copy(&project);
    project.write(
        "rules/all.tidings",
        &format!("{quiet}{}", HELLO.replace("is known", "= \"customer-7@example.com\"")),
    );
    let against = before.folder().to_str().unwrap();
    let told = |before: &str, format: &str| {
        let asked = ["plan", "--against", before, "--days", "1", "--format", format];
        String::from_utf8(project.output(&asked).stdout).unwrap()
    };
    for format in ["table", "markdown"] {
        let text = told(against, format);
        assert!(text.contains("1 rule does not change") && text.contains("over 1 day"), "{text}");
    }
    let after = copy(&project);
    project.write(
        "rules/all.tidings",
        &format!("{quiet}{}", HELLO.replace("is known", "= \"customer-8@example.com\"")),
    );
    for format in ["table", "markdown"] {
        let text = told(after.folder().to_str().unwrap(), format);
        assert!(text.contains("1 enters because") && text.contains("1 leaves because"), "{text}");
    }
}

#[test]
fn a_commit_is_told_in_short_with_its_subject_and_known_remarks_are_not_repeated() {
    let nobody = "rule nobody\n  if email = \"nobody@example.com\"\n  then send gift coupon\nend\n";
    let project = shop(&format!("{nobody}{HELLO}"));
    git(&project, &["init", "-q"]);
    git(&project, &["add", "tidings.yaml", "schema.yaml", "rules", "templates"]);
    git(&project, &["commit", "-qm", "Say | hello"]);
    let id = Command::new("git").current_dir(project.folder()).args(["rev-parse", "HEAD"]).output().unwrap();
    let id = String::from_utf8(id.stdout).unwrap();
    let id = id.trim();
    let told = |reference: &str, format: &str| {
        let output = project.output(&["plan", "--against", reference, "--format", format]);
        String::from_utf8(output.stdout).unwrap()
    };
    let short = &id[..7];
    assert!(told(id, "table").starts_with(&format!("Changes against {short} Say | hello at ")));
    let markdown = told(id, "markdown");
    assert!(
        markdown.starts_with(&format!("### What this changes against `{short} Say | hello`\n")),
        "{markdown}"
    );
    assert!(told("HEAD", "table").starts_with("Changes against HEAD at "));
    assert_eq!(compared(&project, &["--against", id]).0["against"], id, "machines get it whole");

    let empty = nobody.replace("rule nobody", "rule empty");
    project.write("rules/all.tidings", &format!("{nobody}{HELLO}{empty}"));
    for format in ["table", "markdown"] {
        let text = told("HEAD", format);
        assert!(text.contains("empty matches nobody") && !text.contains("nobody matches nobody"), "{text}");
    }
}

#[test]
fn lists_say_how_many_more_there_are() {
    let project = shop(HELLO);
    let before = copy(&project);
    project.write("rules/all.tidings", &HELLO.replace("is known", "= \"nobody@example.com\""));
    for format in ["table", "markdown"] {
        let output =
            project.output(&["plan", "--against", before.folder().to_str().unwrap(), "--format", format]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("20 leave because") && text.contains(" and 15 more\n"), "{text}");
    }
}

#[test]
fn who_comes_by_a_new_else_is_told_what_leads_there() {
    let rule = "segment willing\n  consent\nend\nrule hello\n  for willing\n  if email = \"customer-7@example.com\"\n  \
                then send hello email\n";
    let project = shop(&format!("{rule}end\n"));
    let [bare, with] = [copy(&project), copy(&project)];
    with.write("rules/all.tidings", &format!("{rule}  else send gift coupon\nend\n"));
    for (after, before, words) in [(&with, &bare, "19 enter"), (&bare, &with, "19 leave")] {
        let text = std::fs::read_to_string(after.folder().join("rules/all.tidings")).unwrap();
        project.write("rules/all.tidings", &text);
        for format in ["table", "markdown"] {
            let asked = ["plan", "--against", before.folder().to_str().unwrap(), "--format", format];
            let said = String::from_utf8(project.output(&asked).stdout).unwrap();
            let new = if words == "19 enter" { "new" } else { "gone" };
            let because =
                format!("{words} because `email = \"customer-7@example.com\"` is no, and `else` is {new}");
            assert!(said.contains(&because), "{said}");
        }
        assert_eq!(project.output(&["plan", "--days", "3"]).status.code(), Some(2), "for comparisons alone");
    }
    project.run(&["plan"]);
    // Who leaves does not leave by an `else` that is new.
    let narrower = "segment others\n  email != \"customer-7@example.com\"\nend\nrule hello\n  for others\n  \
                    if email = \"customer-7@example.com\"\n  then send hello email\n  else send gift coupon\nend\n";
    let wide = rule.replace("  for willing\n", "");
    bare.write("rules/all.tidings", &format!("{wide}end\n"));
    project.write("rules/all.tidings", narrower);
    let said = project.output(&["plan", "--against", bare.folder().to_str().unwrap()]).stdout;
    let said = String::from_utf8(said).unwrap();
    let (_, leaves) = said.split_once("1 leaves").unwrap();
    assert!(!leaves.lines().next().unwrap().contains("else"), "{said}");
    // Only the other version asks for what the store does not have, which is said.
    let schema = std::fs::read_to_string(bare.folder().join("schema.yaml")).unwrap();
    bare.write("schema.yaml", &schema.replace("consent: yes/no", "consent: {type: yes/no, column: willing}"));
    bare.write("rules/all.tidings", &format!("{rule}end\n"));
    let output = project.output(&["plan", "--against", bare.folder().to_str().unwrap()]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("of the version that is compared with"), "{said}");
}

#[test]
fn what_cannot_be_compared_with_says_why_and_what_to_do() {
    let project = shop(HELLO);
    let says = |reference: &str, words: &str| {
        let output = project.output(&["plan", "--against", reference]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && output.stdout.is_empty() && said.contains(words),
            "{reference}: {said}"
        );
    };
    says("", "a value is required");
    says("main", "is in no git repository");
    says("running", "no `tidings serve` has run");
    git(&project, &["init", "-q", "-b", "main"]);
    git(&project, &["commit", "-q", "--allow-empty", "-m", "Nothing yet."]);
    says("nowhere", "neither a folder nor a commit");
    says("main", "has no tidings.yaml");
    std::os::unix::fs::symlink("/etc/hosts", project.folder().join("rules/hosts.tidings")).unwrap();
    git(&project, &["add", "-A"]);
    git(&project, &["commit", "-q", "-m", "A link."]);
    std::fs::remove_file(project.folder().join("rules/hosts.tidings")).unwrap();
    says("main", "rules/hosts.tidings of the other version is a link");

    // A clone without history does not know the other branch.
    git(&project, &["rm", "-q", "--cached", "rules/hosts.tidings"]);
    // A link that no rule is read through is nobody's concern.
    std::fs::create_dir(project.folder().join("archive")).unwrap();
    std::os::unix::fs::symlink("/etc/hosts", project.folder().join("archive/old.tidings")).unwrap();
    git(&project, &["add", "archive"]);
    git(&project, &["commit", "-q", "-m", "Sound."]);
    git(&project, &["branch", "other"]);
    let clone = Project::new();
    let from = format!("file://{}", project.folder().display());
    git(&clone, &["clone", "-q", "--depth=1", "--branch", "main", &from, "."]);
    let output = clone.output(&["plan", "--against", "origin/other"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let command = "git fetch --depth=1 origin other:refs/remotes/origin/other";
    assert!(said.contains(command), "{said}");
    git(&clone, &command.split(' ').skip(1).collect::<Vec<_>>());
    clone.mail_customers(20);
    assert_eq!(clone.output(&["plan", "--against", "origin/other"]).status.code(), Some(0));
}

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
    for format in ["table", "markdown"] {
        let asked =
            ["plan", "--against", before.folder().to_str().unwrap(), "--days", "0", "--format", format];
        let text = String::from_utf8(project.output(&asked).stdout).unwrap();
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
    let said = String::from_utf8_lossy(&project.output(&["run"]).stderr).into_owned();
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
    let (changes, code) = compared(&project, &["--against", "running"]);
    assert_eq!((code, changes["refused"].as_array().unwrap().len()), (1, 1), "{changes}");

    rules("rule greet was hello");
    daemon.until("/readyz", |status, _| status == 200);
    let (changes, code) = compared(&project, &["--against", "running"]);
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

#[test]
fn a_comparison_says_what_is_not_run_yet_as_a_plan_does() {
    let project = cdnow();
    let schema = std::fs::read_to_string(project.folder().join("schema.yaml")).unwrap();
    project.write("schema.yaml", &format!("{schema}events:\n  purchase: purchases\n"));
    project
        .write("rules/onboarding.tidings", "journey onboarding\n  on purchase\n  send wake-up coupon\nend\n");
    let folder = project.folder().to_str().unwrap().to_owned();
    for args in [&["plan"][..], &["plan", "--against", &folder]] {
        let said = String::from_utf8(project.output(args).stderr).unwrap();
        assert!(said.contains("note: 1 journey is checked, but not run yet"), "{args:?}: {said}");
    }
}
