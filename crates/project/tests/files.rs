//! A project's folder: what is read, in which order, and what is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::path::Path;
use tempfile::TempDir;
use tidings_project::Project;

const SCHEMA: &str = "customer:\n  table: customers\n  key: id\n  attributes:\n    email: text\n    email_consent: yes/no\n    city: text\ncontact:\n  email: {address: email, consent: email_consent}\n";
const RULE: &str = "if city = \"Shanghai\" then send hello email\n";

fn write(folder: &Path, path: &str, text: impl AsRef<[u8]>) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn project() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "tidings.yaml", "time_zone: UTC\ncurrency: CNY\nshop: {name: Shop}\n");
    write(folder.path(), "schema.yaml", SCHEMA);
    write(
        folder.path(),
        "templates/hello.email.liquid",
        "subject: Hello\n---\n<p>{{ customer.city }}, {{ shop.name }}</p>\n",
    );
    folder
}

/// The names of the rule files, and the findings: "E155 rules/x.tidings:1".
fn load(folder: &Path) -> (Project, Vec<String>) {
    let (mut project, mut found) = Project::load(folder);
    let checked = project.check();
    assert_eq!(
        checked.program.is_some(),
        !found.iter().chain(&checked.diagnostics).any(|d| d.is_error()),
        "{found:?}"
    );
    found.extend(checked.diagnostics);
    let shown = found.iter().map(|d| {
        let path = &project.sources.get(d.place.file).unwrap().path;
        format!("{} {path}:{}", d.code, project.sources.line_column(d.place.file, d.place.span.start).0)
    });
    let shown = shown.collect();
    (project, shown)
}

/// The findings before any rule is looked at: "E155 rules/x.tidings".
fn read(folder: &Path) -> (Project, Vec<String>) {
    let (project, found) = Project::load(folder);
    let shown =
        found.iter().map(|d| format!("{} {}", d.code, project.sources.get(d.place.file).unwrap().path));
    let shown = shown.collect();
    (project, shown)
}

fn names(project: &Project) -> Vec<&str> {
    project.rules.iter().map(|r| r.name.as_str()).collect()
}

#[test]
fn rules_come_in_the_order_of_their_paths() {
    let folder = project();
    for path in ["rules/b.tidings", "rules/a/z.tidings", "rules/cafe\u{301}.tidings", "rules/欢迎.tidings"]
    {
        write(folder.path(), path, RULE);
    }
    write(folder.path(), "rules/.hidden.tidings", "nonsense");
    write(folder.path(), "rules/notes.txt", "nonsense");
    let (project, found) = load(folder.path());
    assert_eq!(found, ["W035 rules/a/z.tidings:1"], "all of them send the same mail");
    assert_eq!(names(&project), ["z", "b", "café", "欢迎"]);
    write(folder.path(), "tidings.yaml", "time_zone: UTC\ncurrency: CNY\nrules: rules/a\n");
    assert_eq!(names(&read(folder.path()).0), ["z"]);
    write(folder.path(), "tidings.yaml", "time_zone: UTC\ncurrency: CNY\nrules: ruels\n");
    assert_eq!(read(folder.path()).1, ["E151 ruels"]);
    write(folder.path(), "tidings.yaml", "time_zone: UTC\ncurrency: CNY\nrules: ..\n");
    let (project, found) = read(folder.path());
    assert_eq!((names(&project), found.len()), (vec![], 1), "{found:?}");
}

#[test]
fn what_is_missing_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (mut project, found) = read(folder.path());
    assert!(project.check().program.is_none());
    assert_eq!(found, ["E151 tidings.yaml", "E151 schema.yaml"]);
    write(folder.path(), "tidings.yaml", b"\xff\xfe");
    assert_eq!(read(folder.path()).1[0], "E004 tidings.yaml");
}

#[test]
fn what_a_broken_file_may_use_is_not_called_unused() {
    let folder = project();
    let segment = "segment locals city = \"Shanghai\" end\n";
    let allowed = format!("# allow W021: so meant\n{segment}");
    let (sound, broken) = (RULE, "if locals the send hello email\n");
    let uses = "rule r for locals then send hello email end\n";
    for (segment, rule, found) in [
        (segment, sound, "W021 rules/a.tidings:1"),
        (segment, broken, "E001 rules/b.tidings:1"),
        (segment, uses, ""),
        (&allowed, sound, ""),
        (&allowed, broken, "E001 rules/b.tidings:1"),
        (&allowed, uses, "W034 rules/a.tidings:1"),
    ] {
        write(folder.path(), "rules/a.tidings", segment);
        write(folder.path(), "rules/b.tidings", rule);
        assert_eq!(load(folder.path()).1.join(", "), found, "{segment}{rule}");
    }
}

#[test]
#[cfg(unix)]
fn links_lead_nowhere_else() {
    use std::os::unix::fs::symlink;
    let (folder, other) = (project(), tempfile::tempdir().unwrap());
    write(other.path(), "rules/secret.tidings", RULE);
    write(folder.path(), "rules/own.tidings", RULE);
    write(folder.path(), "shared/shared.tidings", RULE);
    symlink(other.path().join("rules"), folder.path().join("rules/out")).unwrap();
    symlink(other.path().join("rules/secret.tidings"), folder.path().join("rules/out.tidings")).unwrap();
    symlink(folder.path().join("rules"), folder.path().join("rules/loop")).unwrap();
    symlink(folder.path().join("shared"), folder.path().join("rules/shared")).unwrap();
    let (project, found) = read(folder.path());
    assert_eq!(names(&project), ["own", "shared"]);
    assert_eq!(found, ["E155 rules/out", "E155 rules/out.tidings"]);
}

#[test]
fn no_file_is_too_strange() {
    let folder = project();
    write(folder.path(), "rules/big.tidings", "a".repeat(5 << 20));
    write(folder.path(), "rules/bytes.tidings", b"if \xff\xfe then");
    write(
        folder.path(),
        "rules/deep.tidings",
        format!("if {}true then send hello email", "(".repeat(100_000)),
    );
    write(folder.path(), "rules/wide.tidings", "中".repeat(100_000));
    let (_, found) = read(folder.path());
    assert_eq!(found, ["E004 rules/bytes.tidings", "E002 rules/wide.tidings"]);
    let (_, found) = load(folder.path());
    assert_eq!(
        found.iter().filter(|f| f.contains("big") || f.contains("deep")).collect::<Vec<_>>(),
        ["E002 rules/big.tidings:1", "E003 rules/deep.tidings:1"]
    );
}

#[test]
fn templates_are_checked_with_the_rules() {
    let folder = project();
    write(folder.path(), "rules/hello.tidings", RULE);
    assert_eq!(load(folder.path()).1, Vec::<String>::new());
    write(
        folder.path(),
        "templates/hello.email.liquid",
        "subject: Hello\n---\n<p>{{ customer.citty }}</p>\n",
    );
    assert_eq!(load(folder.path()).1, ["E223 templates/hello.email.liquid:3"]);
    write(folder.path(), "templates/hello.email.liquid", "subject: Hello\n---\n<p>{{ customer.city </p>\n");
    let (_, found) = load(folder.path());
    assert!(found.iter().any(|f| f == "E223 templates/hello.email.liquid:3"), "{found:?}");
    fs::remove_file(folder.path().join("templates/hello.email.liquid")).unwrap();
    assert_eq!(load(folder.path()).1, ["E222 rules/hello.tidings:1"]);
}

#[test]
fn what_is_wrong_with_a_channel_is_told_once() {
    let folder = project();
    let config = fs::read_to_string(folder.path().join("tidings.yaml")).unwrap();
    let outside = "channels:\n  email: {kind: smtp, hots: mail.example, from: a@shop.example}\n  sms: {kind: sandbox}\n\
                   coupons: {spring: {valu: 5 CNY}}\nwebhooks: {crm: {addres: \"https://crm.example/\"}}\n";
    let plain = config.clone();
    write(folder.path(), "tidings.yaml", config + outside);
    let rule = "rule r if city = \"Shanghai\" then send hello email with spring coupon call crm webhook budget 10 CNY per week end\n";
    write(folder.path(), "rules/hello.tidings", rule);
    let found = load(folder.path()).1;
    assert!(!found.is_empty() && found.iter().all(|f| f.contains("tidings.yaml")), "{found:?}");
    write(folder.path(), "rules/hello.tidings", rule.replace("crm", "crn").replace("spring", "spruce"));
    let found = load(folder.path()).1;
    assert_eq!(found.iter().filter(|f| f.contains("rules/hello.tidings")).count(), 2, "{found:?}");
    write(folder.path(), "rules/hello.tidings", rule.replace("budget 10 CNY per week ", ""));
    let (sandbox, coupon) =
        ("channels: {email: {kind: sandbox}}", "coupons: {spring: {provider: shop, value: 5 CNY}}");
    for (parts, findings) in [
        ("coupons: [spring]\nwebhooks: crm\n".to_owned(), 2),
        (format!("channels: [email]\n{coupon}\n"), 1),
        (format!("{sandbox}\nproviders: [shop]\n{coupon}\n"), 1),
    ] {
        write(folder.path(), "tidings.yaml", format!("{plain}{parts}"));
        let found = load(folder.path()).1;
        let there = found.iter().all(|f| f.contains("tidings.yaml"));
        assert!(found.len() == findings && there, "{parts}: {found:?}");
    }
}

/// What would be an empty place in the message is an error: a link that nobody makes, a name that only the provider is told.
#[test]
fn messages_show_what_their_channel_knows() {
    let folder = project();
    let unlinked = "channels:\n  email: {kind: smtp, host: mail.example, from: a@shop.example}\n";
    let linked = unlinked
        .replace('}', ", unsubscribe: {url: \"https://shop.example/unsubscribe\", secret: env:A_SECRET}}");
    let config = fs::read_to_string(folder.path().join("tidings.yaml")).unwrap();
    let rule = "rule r if city = \"Shanghai\" then send hello email with spring coupon end\n";
    write(folder.path(), "rules/hello.tidings", rule);
    let http = "channels:\n  email: {kind: http, url: \"https://mail.example/send\", body: {to: \"{{ to }}\", text: \"{{ text }}\"}}\n";
    let asked = "{% if unsubscribe_url %}{{ unsubscribe_url }}{% endif %}";
    for (shown, channels, fine) in [
        ("{{ unsubscribe_url }}", "", true),
        ("{{ unsubscribe_url }}", linked.as_str(), true),
        ("{{ unsubscribe_url }}", unlinked, false),
        ("{{ unsubscribe_url }}", http, false),
        (asked, unlinked, true),
        (asked, http, true),
        ("{% if coupon.name %}named{% endif %}", "", false),
        ("{{ coupon.code }}", "", true),
        ("{{ coupon.name }}", "", false),
    ] {
        write(folder.path(), "tidings.yaml", format!("{config}{channels}"));
        let text = format!("subject: Hello\n---\n{shown}\n");
        write(folder.path(), "templates/hello.email.liquid", text);
        let want: &[&str] = if fine { &[] } else { &["E223 templates/hello.email.liquid:3"] };
        assert_eq!(load(folder.path()).1, want, "{shown} with {channels}");
    }
}

#[test]
fn a_message_that_shows_a_coupon_has_one() {
    let folder = project();
    write(
        folder.path(),
        "templates/hello.email.liquid",
        "subject: Hello\n---\n<p>{{ coupon.code }}, {{ customer.city }}</p>\n",
    );
    for (then, fine) in [
        ("send hello email", false),
        ("send hello email with spring coupon", true),
        ("send spring coupon send hello email", true),
        ("send hello email send spring coupon", false),
    ] {
        let rule = format!("rule r if city = \"Shanghai\" then {then} end\n");
        write(folder.path(), "rules/hello.tidings", rule);
        let want: &[&str] = if fine { &[] } else { &["E223 rules/hello.tidings:1"] };
        assert_eq!(load(folder.path()).1, want, "{then}");
    }
}
