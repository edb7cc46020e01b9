//! Every code has a page in `docs/errors/`, and what the page shows is true: its first example is found to have that
//! code and nothing else wrong with it, its second has nothing wrong with it, and every way out that is offered is one.
//!
//! An example is a file of the small project in `tests/error_pages/project/`; its fence says which.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tidings_project::Project;
use tidings_syntax::{Code, Diagnostic, Sources};

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

struct Example {
    /// `tidings`, `lint NAME` (a rule file of a project that asks for it), `yaml schema.yaml`, `liquid NAME`, `mjml NAME` or `generated`.
    kind: String,
    fails: bool,
    text: String,
}

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let codes: BTreeSet<String> = Code::ALL.iter().map(|c| format!("{c}.md")).collect();
    let files: BTreeSet<String> = fs::read_dir(pages())
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "README.md")
        .collect();
    assert_eq!(files, codes);
    for code in Code::ALL {
        assert_eq!(page(*code).lines().next(), Some(format!("# {code}: {}", code.title()).as_str()));
    }
    let list = fs::read_to_string(pages().join("README.md")).unwrap();
    let listed: Vec<&str> = list.lines().filter(|l| l.starts_with("- ")).collect();
    let expected: Vec<String> = Code::ALL.iter().map(|c| format!("- [{c}]({c}.md): {}", c.title())).collect();
    assert_eq!(listed, expected);
}

#[test]
fn every_page_says_what_to_do_and_shows_it() {
    for code in Code::ALL {
        let page = page(*code);
        let prose: Vec<&str> = page.lines().skip(1).take_while(|l| !l.starts_with("```")).collect();
        let sentences = prose.join(" ").matches(". ").count();
        assert!((2..=6).contains(&sentences), "{code} has {sentences} sentences");
        let shown: Vec<bool> = examples(&page).iter().map(|e| e.fails).collect();
        assert_eq!(shown, [true, false], "{code} shows what fails, then what passes");
    }
}

#[test]
fn failing_examples_have_their_code_alone_and_mended_ones_nothing() {
    let mut wrong = Vec::new();
    for code in Code::ALL {
        for example in examples(&page(*code)) {
            let expected = if example.fails { vec![code.id()] } else { Vec::new() };
            let folder = project(&example);
            let (sources, found) = check(&folder);
            let ids: Vec<&str> = found.iter().map(|d| d.code.id()).collect();
            if ids != expected {
                wrong.push(format!("{code}: expected {expected:?}, found {found:#?}"));
            }
            wrong.extend(fixes_that_do_not_mend(&folder, &sources, &found));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is offered to be written over a place has to mend the finding. Where several readings are offered, another
/// thing can be wrong with one of them, such as a currency that the value does not have; but it can be read.
fn fixes_that_do_not_mend(folder: &TempDir, sources: &Sources, found: &[Diagnostic]) -> Vec<String> {
    let mut wrong = Vec::new();
    for finding in found {
        let fixes: Vec<_> = finding.help.iter().filter_map(|h| h.fix.as_ref()).collect();
        let mut mended_wholly = fixes.is_empty();
        for (place, text) in fixes {
            let file = folder.path().join(&sources.get(place.file).unwrap().path);
            let before = fs::read_to_string(&file).unwrap();
            let mut mended = before.clone();
            mended.replace_range(place.span.range(), text);
            fs::write(&file, &mended).unwrap();
            let (_, left) = check(folder);
            fs::write(&file, before).unwrap();
            mended_wholly |= left.is_empty();
            if left.iter().any(|d| d.code == finding.code || d.code.id().starts_with("E0")) {
                wrong.push(format!("{}: {mended}\n{left:#?}", finding.code));
            }
        }
        if !mended_wholly {
            wrong.push(format!("{}: no fix leaves the example in order", finding.code));
        }
    }
    wrong
}

fn pages() -> PathBuf {
    Path::new(REPOSITORY).join("docs/errors")
}

fn page(code: Code) -> String {
    fs::read_to_string(pages().join(format!("{code}.md"))).unwrap()
}

/// The fenced blocks of a page.
fn examples(page: &str) -> Vec<Example> {
    let mut examples = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(fence) = line.strip_prefix("```") else { continue };
        let (kind, outcome) = fence.rsplit_once(' ').unwrap();
        assert!(["fails", "passes"].contains(&outcome), "{fence}");
        let inside: Vec<&str> = lines.by_ref().take_while(|l| *l != "```").collect();
        examples.push(Example {
            kind: kind.to_owned(),
            fails: outcome == "fails",
            text: inside.join("\n") + "\n",
        });
    }
    examples
}

/// A copy of the small project with the example in it.
fn project(example: &Example) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (from, to) in [("", ""), ("templates", "templates")] {
        let from = Path::new(REPOSITORY).join("tests/error_pages/project").join(from);
        fs::create_dir_all(folder.path().join(to)).unwrap();
        for file in fs::read_dir(from).unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_file()) {
            fs::copy(&file, folder.path().join(to).join(file.file_name().unwrap())).unwrap();
        }
    }
    let rules = folder.path().join("rules");
    fs::create_dir(&rules).unwrap();
    let path = match example.kind.split_once(' ') {
        Some(("yaml", name)) => folder.path().join(name),
        Some(("liquid" | "mjml", name)) => folder.path().join("templates").join(name),
        Some(("lint", name)) => {
            let settings = folder.path().join("tidings.yaml");
            let text = fs::read_to_string(&settings).unwrap() + &format!("lints: [{name}]\n");
            fs::write(settings, text).unwrap();
            rules.join("example.tidings")
        }
        None if example.kind == "tidings" => rules.join("example.tidings"),
        None if example.kind == "generated" => {
            generate(example.text.trim(), folder.path());
            return folder;
        }
        _ => panic!("there is no kind of example `{}`", example.kind),
    };
    fs::write(path, &example.text).unwrap();
    folder
}

/// What no page can show as it is.
fn generate(what: &str, project: &Path) {
    const RULE: &str = "if visits > 10 then send wake-up email\n";
    let rules = project.join("rules");
    let one = rules.join("example.tidings");
    let large = |kilobytes: usize| RULE.to_owned() + &"# a comment\n".repeat(kilobytes * 1000 / 12);
    let many = |count: usize| {
        fs::write(rules.join("1.tidings"), "").unwrap();
        for i in 2..=count {
            fs::hard_link(rules.join("1.tidings"), rules.join(format!("{i}.tidings"))).unwrap();
        }
    };
    match what {
        "a rule file of 300 kB" => fs::write(one, large(300)).unwrap(),
        "a rule file of 200 kB" => fs::write(one, large(200)).unwrap(),
        "a rule file in UTF-16" => {
            let units = "\u{feff}".encode_utf16().chain(RULE.encode_utf16());
            fs::write(one, units.flat_map(u16::to_le_bytes).collect::<Vec<u8>>()).unwrap();
        }
        "a rule file in UTF-8" => fs::write(one, RULE).unwrap(),
        "a rule with a zero-width space in it" => {
            fs::write(one, RULE.replace("visits", "vis\u{200b}its")).unwrap();
        }
        "a project without a schema.yaml" => fs::remove_file(project.join("schema.yaml")).unwrap(),
        "a project as it should be" => {}
        "10,001 rule files" => many(10_001),
        "10,000 rule files" => many(10_000),
        "a link to a rule file in another folder" => {
            // The other folder is the repository, which is there for as long as the test runs.
            let other = Path::new(REPOSITORY).join("rules/wake-up.tidings");
            std::os::unix::fs::symlink(other, one).unwrap();
        }
        "a copy of the rule file from the other folder" => fs::write(one, RULE).unwrap(),
        _ => panic!("nothing generates `{what}`"),
    }
}

/// Everything that is found in a project.
fn check(folder: &TempDir) -> (Sources, Vec<Diagnostic>) {
    let (mut project, mut found) = Project::load(folder.path());
    let checked = project.check();
    found.extend(checked.diagnostics);
    assert!(
        checked.program.is_some() || found.iter().any(Diagnostic::is_error),
        "nothing says why there is no program"
    );
    (project.sources, found)
}
