//! The workflows and the hook that are shipped do what they are for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod project;

use project::{Project, repository};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

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

/// A note of ours is edited on whatever page it is; what others write is not, whatever it says.
#[test]
fn the_note_of_a_merge_request_is_found_and_is_ours() {
    let text = std::fs::read_to_string(repository().join("examples/ci/gitlab.yml")).unwrap();
    let begin = text.find("      if test -n \"$NOTES_TOKEN\"").unwrap();
    let end = begin + text[begin..].find("\n      fi\n").unwrap();
    let script = format!("set -eu\n{}\n      fi\n", &text[begin..end]);
    let note = |id: usize, author: usize, body: &str| {
        let body = serde_json::Value::from(body);
        format!(
            r#"{{"id":{id},"type":null,"body":{body},"author":{{"id":{author},"username":"x"}},"system":false}}"#
        )
    };
    let ours = "[//]: # (what tidings says)\n\nwhat changes: {7}";
    let page = |last: String| {
        let posing = r#"{"id":9,"type":null,"body":"[//]: # (what tidings says)","author":{"id":7,"#;
        let others = [note(1, 8, ours), note(2, 7, "hello"), note(3, 8, posing), note(4, 7, posing), last];
        format!("[{}]", others.join(","))
    };
    for (last, expected) in [
        (note(5, 7, ours), "PUT merge_requests/3/notes/5"),
        (note(5, 77, ours), "POST merge_requests/3/notes"),
        (note(5, 7, "hello {[//]: # (what tidings says)"), "POST merge_requests/3/notes"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("user.json", r#"{"id":7,"username":"project_3_bot"}"#);
        write("1.json", &page(note(6, 8, "{")));
        write("2.json", &page(last));
        write("3.json", "[]");
        write("changes.md", "what changes");
        write(
            "curl",
            "#!/bin/sh\nfor last; do :; done\ncase \"$last\" in\n*/user) cat user.json ;;\n*'&page='*) cat \"${last##*=}.json\" ;;\n*) echo \"$@\" > written ;;\nesac\n",
        );
        let curl = folder.path().join("curl");
        std::fs::set_permissions(&curl, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        let paths = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
        let output = std::process::Command::new("sh")
            .current_dir(folder.path())
            .args(["-c", &script])
            .env("PATH", paths)
            .env("NOTES_TOKEN", "token")
            .env("CI_API_V4_URL", "https://gitlab.example/api/v4")
            .env("CI_PROJECT_ID", "1")
            .env("CI_MERGE_REQUEST_IID", "3")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let written = std::fs::read_to_string(folder.path().join("written")).unwrap();
        let (way, place) = expected.split_once(' ').unwrap();
        assert!(
            written.contains(&format!("--request {way} ")) && written.trim_end().ends_with(place),
            "{written}"
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
    let good = project.read(file);
    assert!(git(&["add", "--all"]).0);
    project.write(file, "rule half");
    let (committed, said) = git(&["commit", "--message", "good, with a bad edit that is not in it"]);
    assert!(committed, "{said}");
    assert!(git(&["add", file]).0);
    project.write(file, &good);
    let (committed, said) = git(&["commit", "--message", "bad, with a good work tree"]);
    assert!(!committed && said.contains(file), "{said}");
}
