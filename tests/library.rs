//! The library of ready rules and the examples: sound, without a warning, in the canonical layout, and they run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod project;

use project::{Project, repository};
use serde_json::json;

#[test]
fn every_project_that_is_shipped_is_sound_and_laid_out() {
    let nowhere = Project::new();
    for folder in ["rules", "examples/cdnow", "examples/one-sentence", "examples/cross-channel"] {
        let path = repository().join(folder).display().to_string();
        let said = nowhere.run(&["check", "--strict", "--project", &path]);
        assert!(said.contains("0 errors, 0 warnings") && !said.starts_with('0'), "{folder}: {said}");
        nowhere.run(&["fmt", "--check", "--project", &path]);
    }
}

#[test]
fn the_small_examples_send_what_they_plan() {
    for (name, files, at) in [
        ("one-sentence", &["customers.csv"][..], "2026-11-11T10:00"),
        ("cross-channel", &["customers.csv", "orders.csv"][..], "2026-11-11T10:00"),
    ] {
        let project = Project::example(name);
        project.run(&[&["import"], files].concat());
        let plan = project.json(&["plan", "--at", at, "--format", "json"]);
        let run = project.json(&["run", "--at", at, "--format", "json"]);
        for (planned, ran) in plan["rules"].as_array().unwrap().iter().zip(run["rules"].as_array().unwrap()) {
            assert_eq!((&planned["planned"], &planned["held"]), (&ran["planned"], &ran["held"]), "{name}");
        }
        assert!(run["dispatched"]["sent"].as_u64().unwrap() > 0, "{name}: {run:#}");
        assert_eq!(project.json(&["run", "--at", at, "--format", "json"])["new"], 0, "{name}");
    }
}

#[test]
fn the_tests_of_the_library_see_everything_and_notice_every_change() {
    let path = repository().join("rules").display().to_string();
    let asked = ["test", "--coverage", "--full", "--mutate", "--format", "json", "--project", &path];
    let said = Project::new().json(&asked);
    assert_eq!((&said["coverage"]["missing"], &said["failed"]), (&json!([]), &json!(0)));
    assert_eq!(said["changes"]["unnoticed"], json!([]));
    let (seen, noticed) = (&said["coverage"]["all"], &said["changes"]["noticed"]);
    assert!(seen.as_u64() > Some(100) && noticed.as_u64() > Some(150), "{seen} seen, {noticed} noticed");
}

#[test]
fn the_tests_of_the_examples_pass() {
    let nowhere = Project::new();
    for name in ["one-sentence", "cdnow", "cross-channel"] {
        let path = repository().join("examples").join(name).display().to_string();
        let said = nowhere.run(&["test", "--project", &path]);
        assert!(!said.starts_with('0'), "{name}: {said}");
    }
}
