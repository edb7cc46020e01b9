//! The walls between the crates, and the tidiness of their files: see ARCHITECTURE.md.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The crates along the road: each may depend on those before it.
const ROAD: [&str; 12] = [
    "syntax", "schema", "check", "engine", "plan", "reason", "store", "channels", "project", "rehearse",
    "daemon", "cli",
];

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The lines of a crate's own code, without comments and tests, by file.
fn code(of: &str) -> BTreeMap<PathBuf, Vec<String>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![crates().join(of).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|e| e == "rs") && !entry.ends_with("tests.rs") {
                let text = fs::read_to_string(&entry).unwrap();
                let own = text.split("#[cfg(test)]").next().unwrap();
                let lines =
                    own.lines().filter(|l| !l.trim_start().starts_with("//")).map(str::to_owned).collect();
                files.insert(entry, lines);
            }
        }
    }
    files
}

fn places(word: &str, except: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for name in ROAD.iter().filter(|name| !except.contains(name)) {
        for (file, lines) in code(name) {
            found.extend(
                lines.iter().filter(|l| l.contains(word)).map(|l| format!("{}: {l}", file.display())),
            );
        }
    }
    found
}

fn dependencies(of: &str) -> Vec<String> {
    let manifest = fs::read_to_string(crates().join(of).join("Cargo.toml")).unwrap();
    let section = manifest.split("[dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
    section
        .lines()
        .filter_map(|l| l.split(['.', ' ', '=']).next())
        .filter(|l| !l.is_empty())
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_road_runs_one_way() {
    for (i, name) in ROAD.iter().enumerate() {
        for dependency in dependencies(name) {
            if let Some(to) = dependency.strip_prefix("tidings-") {
                let position = ROAD.iter().position(|n| *n == to).expect("a crate of the road");
                assert!(position < i, "{name} must not depend on {to}");
            }
        }
    }
}

#[test]
fn each_outside_thing_has_one_owner() {
    for (library, owner) in [
        ("pest", "syntax"),
        ("sqlx", "store"),
        ("lettre", "channels"),
        ("reqwest", "channels"),
        ("liquid", "channels"),
        ("clap", "cli"),
    ] {
        for name in ROAD.iter().filter(|n| **n != owner) {
            assert!(
                !dependencies(name).iter().any(|d| d == library),
                "only {owner} names {library}, and {name} does"
            );
        }
    }
}

#[test]
fn only_the_command_line_prints() {
    for word in ["io::stdout", "io::stderr"] {
        assert_eq!(places(word, &["cli"]), [""; 0]);
    }
    // Nobody uses the macros: they panic where nothing can be written.
    for word in ["println!", "print!(", "dbg!("] {
        assert_eq!(places(word, &[]), [""; 0]);
    }
}

#[test]
fn only_the_daemon_and_the_command_line_read_the_clock() {
    for word in ["Utc::now", "Local::now", "SystemTime::now"] {
        assert_eq!(places(word, &["daemon", "cli"]), [""; 0]);
    }
}

#[test]
fn core_types_have_no_shape_of_their_own_on_the_wire() {
    for name in ["syntax", "check", "reason", "engine", "plan"] {
        assert!(!dependencies(name).iter().any(|d| d == "serde"), "{name} does not derive shapes");
    }
}

#[test]
fn files_can_be_read_in_a_sitting() {
    for name in ROAD {
        for (file, _) in code(name) {
            let lines = fs::read_to_string(&file).unwrap().lines().count();
            assert!(lines <= 600, "{} has {lines} lines: split it along its thoughts", file.display());
        }
    }
}

#[test]
fn what_the_compiler_cannot_check_is_in_few_small_files() {
    let files = ["store/src/customers/lite/rows.rs", "store/src/customers/resident/mapped.rs"];
    let elsewhere =
        places("unsafe", &[]).into_iter().filter(|place| !files.iter().any(|f| place.contains(f)));
    assert_eq!(elsewhere.collect::<Vec<_>>(), [""; 0]);
}
