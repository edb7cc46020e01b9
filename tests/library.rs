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

/// What is shipped is caught in the sandbox, whose messages have a link to unsubscribe; those of whoever copies a template
/// may have none.
#[test]
fn templates_that_are_shipped_are_fine_in_channels_without_a_link_to_unsubscribe() {
    let mail = "kind: smtp, host: mail.example, from: shop@example.com";
    let service =
        "kind: http, url: \"https://service.example\", body: {to: \"{{ to }}\", text: \"{{ text }}\"}";
    let provider = "providers: {coupon: {kind: http, url: \"https://coupons.example\", code: /code}}";
    for (folder, channels) in [
        ("rules", &["email", "sms"][..]),
        ("examples/cdnow", &["email", "sms"]),
        ("examples/cross-channel", &["wechat", "email", "sms"]),
    ] {
        let project = Project::shipped(folder);
        let config = project.read("tidings.yaml");
        for kind in [mail, service] {
            let channels: String =
                channels.iter().map(|channel| format!("  {channel}: {{{kind}}}\n")).collect();
            project.write("tidings.yaml", &format!("{config}{provider}\nchannels:\n{channels}"));
            project.run(&["check", "--strict", "--project", "."]);
        }
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

/// Whoever copies a file reads under "Needs" what else to copy, and what their customers and coupons have to have.
#[test]
fn what_a_file_of_the_library_needs_is_said_at_its_head() {
    let library = repository().join("rules");
    let read = |path: &str| std::fs::read_to_string(library.join(path)).unwrap();
    let needs = |file: &str| {
        let head: Vec<String> =
            read(file).lines().map_while(|line| Some(line.strip_prefix('#')?.trim().to_owned())).collect();
        let head = head.join(" ");
        head.split_once("Needs: ").unwrap().1.split_once(" Adapt: ").unwrap().0.to_owned()
    };
    let words = |text: &str| -> Vec<String> {
        text.split(|c: char| !c.is_alphanumeric() && !"-_.".contains(c))
            .map(|word| word.trim_end_matches('.').to_owned())
            .collect()
    };
    let names = |folder: &str| -> Vec<String> {
        let entries = std::fs::read_dir(library.join(folder)).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    let templates = names("templates");
    for file in names("").into_iter().filter(|name| name.ends_with(".tidings")) {
        let project = Project::new();
        ["tidings.yaml", "schema.yaml"].iter().for_each(|name| project.write(name, &read(name)));
        for name in &templates {
            let name = format!("templates/{name}");
            project.write(&name, &read(&name));
        }
        let mut files = vec![file.clone()];
        while let Some(name) = files.pop() {
            project.write(&name, &read(&name));
            files.extend(words(&needs(&name)).into_iter().filter(|word| word.ends_with(".tidings")));
        }
        project.run(&["check", "--project", "."]);

        let (said, rules) = (words(&needs(&file)), words(&read(&file)));
        let after = |before: &str| {
            rules.windows(2).filter(|pair| pair[0] == before).map(|pair| pair[1].clone()).collect::<Vec<_>>()
        };
        let coupons = rules.windows(3).filter(|three| three[0] == "with" && three[2] == "coupon");
        let mut wanted: Vec<String> = coupons.map(|three| three[1].clone()).collect();
        for sent in after("send") {
            for name in templates.iter().filter(|name| name.split('.').next() == Some(&sent)) {
                let shown = words(&read(&format!("templates/{name}")));
                wanted.extend(shown.iter().filter_map(|w| w.strip_prefix("customer.")).map(str::to_owned));
            }
        }
        for name in wanted {
            assert!(said.contains(&name), "{file} needs `{name}`, and does not say so");
        }
    }
}
