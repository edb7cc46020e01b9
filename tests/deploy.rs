//! Every `tidings` command line in what is shipped for running it is one that the binary understands.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod project;

use project::{Project, repository};

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
        let starts = ["ExecStart=/usr/local/bin/tidings ", "tidings "];
        if let Some(rest) = starts.iter().find_map(|start| line.strip_prefix(start)) {
            found.push(words(rest.split(" #").next().unwrap()));
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
    assert!(seen > 12, "only {seen} were found");
}
