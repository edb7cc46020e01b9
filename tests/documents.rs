//! What the documents show is there: links lead somewhere, commands are understood, options exist, and the files of a
//! project are sound. Rules are looked at in `language.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod project;

use project::{Project, repository};
use serde_yaml::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

#[test]
fn links_lead_to_files_and_headings() {
    let (mut seen, mut wrong) = (0, Vec::new());
    for page in pages() {
        let text = read(&page);
        for link in prose(&text).split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            if path.contains("://") {
                continue;
            }
            seen += 1;
            let folder = Path::new(&page).parent().unwrap();
            let target = if path.is_empty() { page.clone() } else { folder.join(path).display().to_string() };
            let leads = match heading {
                "" => repository().join(&target).exists(),
                heading => headings(&read(&target)).iter().any(|h| h == heading),
            };
            if !leads {
                wrong.push(format!("{page}: {link}"));
            }
        }
    }
    assert!(seen > 150, "only {seen} were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn tests_and_sources_that_are_named_are_there() {
    let (mut seen, mut wrong) = (0, Vec::new());
    for page in pages() {
        let named = spans(&read(&page)).into_iter().filter(|span| {
            (span.starts_with("tests/") || span.starts_with("crates/"))
                && (span.ends_with(".rs") || !span.contains('.'))
        });
        for path in named {
            seen += 1;
            if !repository().join(&path).exists() {
                wrong.push(format!("{page}: {path}"));
            }
        }
    }
    assert!(seen > 40, "only {seen} were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_command_line_is_understood() {
    let mut seen = 0;
    let others =
        ["deploy/tidings.service", "deploy/Containerfile", "ci/github.yml", "ci/gitlab.yml", "ci/pre-commit"];
    for file in pages().into_iter().chain(others.map(|file| format!("examples/{file}"))) {
        for command in commands(&read(&file)) {
            let args: Vec<&str> = command.iter().map(String::as_str).collect();
            // In a folder without a project commands fail, but only one that is not understood with 2.
            let output = Project::new().command(&args).env("TIDINGS_TOKEN", "token").output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert_ne!(output.status.code(), Some(2), "{file}: tidings {}\n{said}", command.join(" "));
            seen += 1;
        }
    }
    assert!(seen > 80, "only {seen} were found");
}

/// `tidings run --at` and `--rows FILE` in a sentence: a command and its options, or an option of some command.
#[test]
fn every_option_that_is_named_exists() {
    let nowhere = Project::new();
    let list = nowhere.run(&["--help"]);
    let list = list.split_once("Commands:\n").unwrap().1.split_once("\n\n").unwrap().0;
    let names = list.lines().filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' '));
    let names = names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help");
    let helps: BTreeMap<&str, String> =
        names.map(|name| (name, nowhere.run(&[name, "--help"]).replace(',', " "))).collect();
    let has = |help: &str, option: &str| help.split_whitespace().any(|word| word == option);
    let (mut seen, mut wrong) = (0, Vec::new());
    for page in pages().into_iter().filter(|page| page != "docs/performance.md") {
        for span in spans(&read(&page)) {
            let words = words(&span);
            let options = || words.iter().filter(|word| word.starts_with("--") && *word != "---");
            let sound = match words.first().map(String::as_str) {
                Some("tidings") if words.len() > 1 && !words[1].starts_with('-') => {
                    helps.get(words[1].as_str()).is_some_and(|help| options().all(|option| has(help, option)))
                }
                Some(first) if first.starts_with("--") => {
                    options().all(|option| helps.values().any(|help| has(help, option)))
                }
                _ => continue,
            };
            seen += 1;
            if !sound {
                wrong.push(format!("{page}: {span}"));
            }
        }
    }
    assert!(seen > 80, "only {seen} were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A fence says which file it is of. What stands in a later one of the same file is put over what stood before.
#[test]
fn the_files_of_the_manual_are_sound() {
    let manual = read("docs/project.md");
    let folder = Project::new();
    folder.write(
        "rules/wake-up.tidings",
        "rule wake-up\n  owner \"growth team\"\n  if days since latest orders.placed_at > 90\n  then send wake-up email \
         with wake-up coupon\n  goal order within 14 days\nend\n",
    );
    let written = fences(&manual);
    for (kind, text) in &written {
        if let Some(name) = kind.strip_prefix("liquid ") {
            folder.write(&format!("templates/{name}"), text);
        }
    }
    let files = || written.iter().filter_map(|(kind, text)| Some((kind.strip_prefix("yaml ")?, text)));
    assert_eq!(files().count(), 6, "the files were not found");
    let mut whole: BTreeMap<&str, Value> = BTreeMap::new();
    for (name, text) in files().filter(|(name, _)| *name == "schema.yaml").take(1).chain(files()) {
        put(whole.entry(name).or_insert(Value::Null), serde_yaml::from_str(text).unwrap());
        folder.write(name, &serde_yaml::to_string(&whole[name]).unwrap());
        if whole.len() == 2 {
            assert_eq!(found(&folder), [""; 0], "after\n{text}");
        }
    }
    let few = files().find(|(name, _)| *name == "tidings.yaml").unwrap().1;
    let stores = read("docs/stores.md");
    let (_, stores) = &fences(&stores)[0];
    assert!(stores.lines().count() > 3);
    for line in stores.lines() {
        let with = few.lines().map(|own| if own.starts_with("store:") { line } else { own });
        folder.write("tidings.yaml", &with.collect::<Vec<_>>().join("\n"));
        assert_eq!(found(&folder), [""; 0], "{line}");
    }
}

/// Pages leave columns and lines out, and cut what is long: what stands in a line of theirs stands in one of the output.
#[test]
fn what_is_shown_is_what_is_said() {
    let shop = Project::example("cdnow");
    shop.run(&["import", "data/customers.csv", "orders=data/CDNOW_master.txt"]);
    let at = ["--at", "1998-07-01T10:00"];
    let said = shop.run(&[&["plan"], &at[..]].concat())
        + &shop.run(&[&["explain", "wake-up", "00004"], &at[..]].concat());
    for page in ["README.md", "README.zh-CN.md"] {
        is_said(page, &said);
    }

    let [before, after] = [">", ">="].map(|sign| {
        let version = Project::purchases("date: date\n");
        let rule = format!("if days since latest purchases.date {sign} 90 then send wake-up coupon\n");
        version.write("rules/quiet.tidings", &rule);
        version
    });
    after.import_purchases();
    let output =
        after.output(&["plan", "--at", "1998-07-01", "--against", before.folder().to_str().unwrap()]);
    let said = String::from_utf8(output.stdout).unwrap();
    is_said("docs/review.md", &said.replace(before.folder().to_str().unwrap(), "main"));
}

/// What a page shows of an output.
fn is_said(page: &str, said: &str) {
    let text = read(page);
    let shown = fences(&text)
        .into_iter()
        .filter(|(kind, _)| *kind == "text")
        .map(|(_, text)| text)
        .collect::<String>();
    let lines = shown.lines().filter(|line| !line.starts_with(['┌', '╞', '└']));
    let mut seen = 0;
    for line in lines {
        let parts: Vec<&str> = line.trim_end_matches('…').split(['│', '┆']).map(str::trim).collect();
        assert!(
            said.lines().any(|said| parts.iter().all(|part| said.contains(part))),
            "{page}: {line}\n{said}"
        );
        seen += 1;
    }
    assert!(seen > 3, "{page} shows nothing");
}

/// Puts keys over those that are there, at every depth.
fn put(there: &mut Value, over: Value) {
    match (there, over) {
        (Value::Mapping(there), Value::Mapping(over)) => {
            for (key, value) in over {
                put(there.entry(key).or_insert(Value::Null), value);
            }
        }
        (there, over) => *there = over,
    }
}

/// Everything that is found in a project.
fn found(folder: &Project) -> Vec<String> {
    let (mut project, mut found) = tidings_project::Project::load(folder.folder());
    found.extend(project.check().diagnostics);
    found.iter().map(|d| format!("{} {}", d.code, d.message)).collect()
}

/// The documents, by their paths in the repository.
fn pages() -> Vec<String> {
    let entries = |folder: &Path| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let root = repository();
    let mut folders =
        ["", "docs", "docs/errors", "rules", "examples"].map(|folder| root.join(folder)).to_vec();
    folders.extend(entries(&root.join("examples")));
    let files = folders.iter().filter(|path| path.is_dir()).flat_map(|folder| entries(folder));
    let pages = files.filter(|file| file.extension().is_some_and(|kind| kind == "md"));
    pages.map(|page| page.strip_prefix(&root).unwrap().to_str().unwrap().to_owned()).collect()
}

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

/// The fenced blocks of a page: what stands behind the signs, and the lines.
fn fences(text: &str) -> Vec<(&str, String)> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(kind) = line.strip_prefix("```") {
            let block = lines.by_ref().take_while(|line| *line != "```");
            found.push((kind, block.map(|line| format!("{line}\n")).collect()));
        }
    }
    found
}

/// A page without its fenced blocks.
fn prose(text: &str) -> String {
    text.split("\n```").step_by(2).collect::<Vec<_>>().join("\n")
}

/// What stands in back-ticks in the sentences of a page.
fn spans(text: &str) -> Vec<String> {
    let prose = prose(text);
    let paragraphs = prose.split("\n\n").flat_map(|paragraph| paragraph.split('`').skip(1).step_by(2));
    paragraphs.map(|span| span.replace('\n', " ")).collect()
}

/// The headings of a page, as links name them.
fn headings(text: &str) -> Vec<String> {
    let prose = prose(text);
    let titles = prose.lines().filter(|line| line.starts_with('#'));
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, '-' | '_' | ' ');
    titles
        .map(|title| title.trim_start_matches('#').trim().to_lowercase())
        .map(|title| title.chars().filter(kept).map(|c| if c == ' ' { '-' } else { c }).collect())
        .collect()
}

fn read(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}
