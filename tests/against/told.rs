//! What people are told of it, as a table and as Markdown, and why something cannot be compared.

use crate::project::Project;
use crate::{HELLO, cdnow, compared, copy, git, shop, told};
use serde_json::Value;

#[test]
fn what_ends_with_three_says_why_though_nothing_changes() {
    let project = shop(&HELLO.replace("email\nend", "email\n  limit 5 customers\nend"));
    let before = copy(&project);
    for format in ["table", "markdown"] {
        let output = project.output(&["plan", "--against", before.path(), "--format", format]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(3), "{text}");
        assert!(text.contains("No change") && text.contains("hello waits for a person"), "{text}");
    }
}

#[test]
fn what_has_no_price_costs_nothing_that_is_known() {
    let project = shop(HELLO);
    let before = copy(&project);
    let told = |format: &str| {
        let asked = ["plan", "--against", before.path(), "--days", "0", "--format", format];
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
    let sms = "  sms: {address: email, consent: consent}\n";
    project.write("schema.yaml", &(project.read("schema.yaml") + sms));
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

#[test]
fn one_is_told_as_one() {
    let quiet = "rule quiet\n  if email is missing\n  then send gift coupon\nend\n";
    let project = shop(&format!("{quiet}{HELLO}"));
    let before = copy(&project);
    project.write(
        "rules/all.tidings",
        &format!("{quiet}{}", HELLO.replace("is known", "= \"customer-7@example.com\"")),
    );
    for text in told(&project, before.path(), &["--days", "1"]) {
        assert!(text.contains("1 rule does not change") && text.contains("over 1 day"), "{text}");
    }
    let after = copy(&project);
    project.write(
        "rules/all.tidings",
        &format!("{quiet}{}", HELLO.replace("is known", "= \"customer-8@example.com\"")),
    );
    for text in told(&project, after.path(), &[]) {
        assert!(text.contains("1 enters because") && text.contains("1 leaves because"), "{text}");
    }
}

#[test]
fn lists_say_how_many_more_there_are() {
    let project = shop(HELLO);
    let before = copy(&project);
    project.write("rules/all.tidings", &HELLO.replace("is known", "= \"nobody@example.com\""));
    for text in told(&project, before.path(), &[]) {
        assert!(text.contains("20 leave because") && text.contains(" and 15 more\n"), "{text}");
    }
}

#[test]
fn a_commit_is_told_in_short_with_its_subject_and_known_remarks_are_not_repeated() {
    let nobody = "rule nobody\n  if email = \"nobody@example.com\"\n  then send gift coupon\nend\n";
    let project = shop(&format!("{nobody}{HELLO}"));
    git(&project, &["init", "-q"]);
    git(&project, &["add", "tidings.yaml", "schema.yaml", "rules", "templates"]);
    git(&project, &["commit", "-qm", "Say | hello"]);
    let id = git(&project, &["rev-parse", "HEAD"]);
    let id = id.trim();
    let short = &id[..7];
    let [table, markdown] = told(&project, id, &[]);
    assert!(table.starts_with(&format!("Changes against {short} Say | hello at ")), "{table}");
    assert!(
        markdown.starts_with(&format!("### What this changes against `{short} Say | hello`\n")),
        "{markdown}"
    );
    assert!(told(&project, "HEAD", &[])[0].starts_with("Changes against HEAD at "));
    assert_eq!(compared(&project, id).0["against"], id, "machines get it whole");

    let empty = nobody.replace("rule nobody", "rule empty");
    project.write("rules/all.tidings", &format!("{nobody}{HELLO}{empty}"));
    for text in told(&project, "HEAD", &[]) {
        assert!(text.contains("empty matches nobody") && !text.contains("nobody matches nobody"), "{text}");
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
        project.write("rules/all.tidings", &after.read("rules/all.tidings"));
        for said in told(&project, before.path(), &[]) {
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
    for said in told(&project, bare.path(), &[]) {
        let (_, leaves) = said.split_once("1 leaves").unwrap();
        assert!(!leaves.lines().next().unwrap().contains("else"), "{said}");
    }
    // Only the other version asks for what the store does not have, which is said.
    let schema = bare.read("schema.yaml");
    bare.write("schema.yaml", &schema.replace("consent: yes/no", "consent: {type: yes/no, column: willing}"));
    bare.write("rules/all.tidings", &format!("{rule}end\n"));
    let said = project.refused(&["plan", "--against", bare.path()]);
    assert!(said.contains("of the version that is compared with"), "{said}");
}

#[test]
fn a_comparison_says_what_is_not_run_yet_as_a_plan_does() {
    let project = cdnow();
    project.write("schema.yaml", &(project.read("schema.yaml") + "events:\n  purchase: purchases\n"));
    project
        .write("rules/onboarding.tidings", "journey onboarding\n  on purchase\n  send wake-up coupon\nend\n");
    for args in [&["plan"][..], &["plan", "--against", project.path()]] {
        let said = String::from_utf8(project.output(args).stderr).unwrap();
        assert!(said.contains("note: 1 journey is checked, but not run yet"), "{args:?}: {said}");
    }
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
    let from = format!("file://{}", project.path());
    git(&clone, &["clone", "-q", "--depth=1", "--branch", "main", &from, "."]);
    let said = clone.refused(&["plan", "--against", "origin/other"]);
    let command = "git fetch --depth=1 origin other:refs/remotes/origin/other";
    assert!(said.contains(command), "{said}");
    git(&clone, &command.split(' ').skip(1).collect::<Vec<_>>());
    clone.mail_customers(20);
    assert_eq!(clone.output(&["plan", "--against", "origin/other"]).status.code(), Some(0));
}
