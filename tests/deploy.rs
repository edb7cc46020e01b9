//! Every `tidings` command line in what is shipped for running it is one that the binary understands.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod project;

use project::{Project, repository};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The command lines of a file: what follows `tidings` at the beginning of a command.
fn commands(text: &str) -> Vec<Vec<String>> {
    let joined = text.replace("\\\n", " ");
    let mut found = Vec::new();
    for line in joined.lines() {
        let line = line.trim();
        if let Some(list) = line.strip_prefix("CMD [\"serve\"") {
            let parts = format!("[\"serve\"{list}");
            found.push(serde_json::from_str(&parts).unwrap());
            continue;
        }
        let starts = ["ExecStart=/usr/local/bin/tidings ", "tidings ", "- tidings ", "run: tidings "];
        if let Some(rest) = starts.iter().find_map(|start| line.strip_prefix(start)) {
            let command = [" #", " >", " ||"].iter().fold(rest, |rest, end| rest.split(end).next().unwrap());
            found.push(words(command));
        }
    }
    found
}

/// Splits like a shell, as far as double quotes go.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (i, part) in line.split('"').enumerate() {
        match i % 2 {
            0 => words.extend(part.split_whitespace().map(str::to_owned)),
            _ => words.push(part.to_owned()),
        }
    }
    words
}

#[test]
fn every_command_line_is_understood() {
    let nowhere = Project::new();
    let mut seen = 0;
    for file in [
        "examples/deploy/tidings.service",
        "examples/deploy/Containerfile",
        "examples/deploy/README.md",
        "docs/daemon.md",
        "docs/review.md",
        "examples/ci/github.yml",
        "examples/ci/gitlab.yml",
        "examples/ci/pre-commit",
    ] {
        let text = std::fs::read_to_string(repository().join(file)).unwrap();
        for command in commands(&text) {
            let args: Vec<&str> = command.iter().map(String::as_str).collect();
            // In a folder without a project every command fails, but only one that is not understood with 2.
            let output = nowhere.command(&args).env("TIDINGS_TOKEN", "token").output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert_ne!(output.status.code(), Some(2), "{file}: tidings {}\n{said}", command.join(" "));
            seen += 1;
        }
    }
    assert!(seen > 24, "only {seen} were found");
}

#[test]
fn workflows_are_yaml_and_only_a_change_or_none_passes() {
    for file in ["github.yml", "gitlab.yml"] {
        let text = std::fs::read_to_string(repository().join("examples/ci").join(file)).unwrap();
        let mut wrong = Vec::new();
        let document = tidings_schema::yaml::Document::read(&text, tidings_syntax::FileId(0), &mut wrong);
        assert!(document.is_some(), "{file}: {wrong:?}");
        assert!(text.contains("-eq 0 -o") && text.contains("-eq 2"), "{file} judges the exit code");
        let at = |command: &str| text.find(command).expect(command);
        let compared = at("tidings plan --sandbox --against");
        assert!(
            compared < at("tidings fmt --check") && compared < at("tidings test"),
            "{file}: a check that fails hides no comparison"
        );
    }
}

/// A hook that looked at the work tree would refuse a good commit for what is not in it, and let a bad one pass.
#[test]
fn the_hook_looks_at_what_is_committed() {
    let project = Project::example("one-sentence");
    let git = |args: &[&str]| {
        let bin = Path::new(env!("CARGO_BIN_EXE_tidings")).parent().unwrap();
        let paths = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
        let mut command = std::process::Command::new("git");
        command.current_dir(project.folder()).args([
            "-c",
            "user.name=Ada",
            "-c",
            "user.email=ada@shop.example",
        ]);
        command.env("PATH", paths);
        let output = command.args(args).output().unwrap();
        (output.status.success(), format!("{output:?}"))
    };
    assert!(git(&["init", "--quiet"]).0);
    let hook = project.folder().join(".git/hooks/pre-commit");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    std::fs::copy(repository().join("examples/ci/pre-commit"), &hook).unwrap();
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();

    let file = "rules/wake-up.tidings";
    let good = std::fs::read_to_string(project.folder().join(file)).unwrap();
    assert!(git(&["add", "--all"]).0);
    project.write(file, "rule half");
    let (committed, said) = git(&["commit", "--message", "good, with a bad edit that is not in it"]);
    assert!(committed, "{said}");
    assert!(git(&["add", file]).0);
    project.write(file, &good);
    let (committed, said) = git(&["commit", "--message", "bad, with a good work tree"]);
    assert!(!committed && said.contains(file), "{said}");
}
