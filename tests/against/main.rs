//! What a change to the rules changes, before anything of it runs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod changes;
#[path = "../daemon/mod.rs"]
mod daemon;
#[path = "../project/mod.rs"]
mod project;
mod renamed;
mod told;

use project::Project;
use serde_json::Value;
use std::process::Command;

const HELLO: &str = "# Hello.\ndefine willing = consent\nrule hello\n  if willing and email is known\n  then send hello email\nend\n";

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
        other.write(file, &project.read(file));
    }
    other
}

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

/// What git says in a project's folder.
fn git(project: &Project, args: &[&str]) -> String {
    let who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false"];
    let mut git = Command::new("git");
    let output = git.current_dir(project.folder()).args(who).args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What a comparison says as JSON, and its exit code.
fn compared(project: &Project, reference: &str) -> (Value, i32) {
    let output = project.output(&["plan", "--at", "1998-07-01", "--format", "json", "--against", reference]);
    let said = String::from_utf8_lossy(&output.stderr);
    (
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {said}")),
        output.status.code().unwrap(),
    )
}

/// What changes against a folder: the report, and the exit code.
fn against(project: &Project, before: &Project) -> (Value, i32) {
    compared(project, before.path())
}

/// What a comparison tells people, as a table and as Markdown.
fn told(project: &Project, reference: &str, more: &[&str]) -> [String; 2] {
    ["table", "markdown"].map(|format| {
        let asked = [&["plan", "--against", reference, "--format", format], more].concat();
        String::from_utf8(project.output(&asked).stdout).unwrap()
    })
}
