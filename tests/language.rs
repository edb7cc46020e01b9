//! Every rule in docs/language.md and on the other pages that show some is checked, so that they say what the language does.
//!
//! A fence names what its lines are and what must come of them: ```` ```tidings ```` is a whole file,
//! `tidings conditions`, `values`, `clauses` and `actions` are one example a line. Nothing may be found in
//! them, save after `fails E205` or `warns W020`, when nothing but that code may be. Declarations that
//! nothing uses are no finding here.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use tidings_check::{RuleFile, World, check};
use tidings_reason::findings;
use tidings_schema::{Currency, Settings, Vocabulary, load, money};
use tidings_syntax::allow::Allowances;
use tidings_syntax::tree::{File, Item};
use tidings_syntax::{Code, FileId, Parsed, Sources, parse};

const UNUSED: &str = "W021";

#[test]
fn every_example_does_what_it_says() {
    let shop = Shop::read();
    for (page, least) in [
        ("docs/language.md", 100),
        ("docs/review.md", 1),
        ("README.md", 2),
        ("README.zh-CN.md", 2),
        ("examples/one-sentence/README.md", 1),
    ] {
        let examples = examples(page, &read(page));
        assert!(examples.len() >= least, "{page}: the examples were not found");
        let wrong: Vec<String> = examples.iter().filter_map(|example| shop.wrong(example)).collect();
        assert!(wrong.is_empty(), "{} of {} examples\n{}", wrong.len(), examples.len(), wrong.join("\n"));
    }
}

#[test]
fn the_checks_of_this_test_bite() {
    let shop = Shop::read();
    let wrong = |fence: &str, text: &str| {
        let page = format!("```{fence}\n{text}\n```\n");
        examples("a page", &page).iter().any(|example| shop.wrong(example).is_some())
    };
    assert!(wrong("tidings conditions", "balance > 100"), "an error in a sound example");
    assert!(wrong("tidings conditions", "city != \"Shanghai\""), "a warning in a sound example");
    assert!(wrong("tidings conditions fails E205", "balance > 100 CNY"), "no error where one is promised");
    assert!(wrong("tidings conditions fails E205", "city = Shanghai"), "another error than the promised one");
    assert!(!wrong("tidings conditions fails E205", "balance > 100"));
}

/// A piece of rule text, and what must be found in it.
struct Example {
    place: String,
    text: String,
    expected: BTreeSet<String>,
}

/// The examples of a page.
fn examples(page: &str, text: &str) -> Vec<Example> {
    let mut found = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((_, line)) = lines.next() {
        let Some(fence) = line.strip_prefix("```tidings") else { continue };
        let block: Vec<(usize, &str)> =
            lines.by_ref().take_while(|(_, l)| *l != "```").map(|(at, l)| (at + 1, l)).collect();
        let words: Vec<&str> = fence.split_whitespace().collect();
        let (kind, expected) = match words.as_slice() {
            [] | ["fails" | "warns", _] => ("file", words.get(1)),
            [kind] | [kind, "fails" | "warns", _] => (*kind, words.get(2)),
            _ => panic!("`{line}` is not known"),
        };
        let expected: BTreeSet<String> = expected.iter().map(|code| (**code).to_owned()).collect();
        let known = |id: &String| Code::ALL.iter().any(|code| code.id() == id);
        assert!(expected.iter().all(known), "`{line}` names a code that does not exist");
        let mut add = |(line, text): (usize, String)| {
            found.push(Example { place: format!("{page}:{line}"), text, expected: expected.clone() });
        };
        if kind == "file" {
            let text: Vec<&str> = block.iter().map(|(_, l)| *l).collect();
            add((block[0].0, text.join("\n")));
            continue;
        }
        let singles = block.iter().filter(|(_, l)| !l.trim().is_empty() && !l.starts_with('#'));
        singles.for_each(|(at, l)| add((*at, whole(kind, l))));
    }
    found
}

/// A file around one line.
fn whole(kind: &str, line: &str) -> String {
    match kind {
        "conditions" => format!("if {line}\nthen send wake-up coupon\n"),
        "values" => format!("define example = {line}\n"),
        "clauses" => {
            format!("rule example\n{line}\nif count of orders >= 1\nthen send wake-up coupon\nend\n")
        }
        "actions" => format!("rule example\nif count of orders >= 1\nthen\n{line}\nend\n"),
        _ => panic!("`{kind}` is no kind of example"),
    }
}

/// What the examples are about.
struct Shop {
    vocabulary: Arc<Vocabulary>,
    world: World,
    declared: String,
}

impl Shop {
    fn read() -> Shop {
        let settings = Settings { zone: "Asia/Shanghai".parse().unwrap(), currency: Currency::CNY };
        let (vocabulary, found) = load(&read("tests/language/schema.yaml"), FileId(0), &settings);
        let mut world = World { coupons: Some(Vec::new()), webhooks: Some(Vec::new()), ..World::default() };
        for line in read("tests/language/sendable.txt").lines() {
            let name = |s: &str| s.to_owned();
            match line.split(' ').collect::<Vec<_>>().as_slice() {
                ["template", template, channel] => world.templates.push((name(template), name(channel))),
                ["coupon", coupon, worth @ ..] => {
                    world.worths.extend(money::parse(&worth.join(" ")).map(|worth| (name(coupon), worth)));
                    world.coupons.as_mut().unwrap().push(name(coupon));
                }
                ["webhook", webhook] => world.webhooks.as_mut().unwrap().push(name(webhook)),
                _ => panic!("`{line}` is nothing that can be sent"),
            }
        }
        let vocabulary = Arc::new(vocabulary.unwrap_or_else(|| panic!("{found:?}")));
        Shop { vocabulary, world, declared: read("tests/language/declared.tidings") }
    }

    /// What is wrong with an example, if anything is.
    fn wrong(&self, example: &Example) -> Option<String> {
        let mut sources = Sources::default();
        let text = format!("{}\n", example.text);
        let id = sources.add("rules/example.tidings", &text);
        let Parsed { file, broken, mut diagnostics } = parse(id, &text);
        let mut declared = self.declared(&mut sources);
        let taken: BTreeSet<&str> = file.items.iter().filter_map(|item| name(&item.node)).collect();
        declared.tree.items.retain(|item| name(&item.node).is_none_or(|name| !taken.contains(name)));
        let own = RuleFile { id, name: "example".to_owned(), tree: file, broken };
        let checked = check(&[declared, own], Arc::clone(&self.vocabulary), &self.world, &sources);
        diagnostics.extend(checked.diagnostics);
        let mut allowances = Allowances::read(&sources);
        let reasoned = checked.program.map(|program| findings(&program, &diagnostics, &mut allowances));
        diagnostics.extend(reasoned.into_iter().flatten());
        let diagnostics = allowances.without(diagnostics);
        let mut found: BTreeSet<String> = diagnostics.iter().map(|d| d.code.id().to_owned()).collect();
        if !example.expected.contains(UNUSED) {
            found.remove(UNUSED);
        }
        let words: Vec<String> =
            diagnostics.iter().map(|d| format!("    {} {}", d.code, d.message)).collect();
        (found != example.expected).then(|| {
            let Example { place, text, expected } = example;
            format!("{place}: {expected:?} is expected\n{text}\n{}", words.join("\n"))
        })
    }

    fn declared(&self, sources: &mut Sources) -> RuleFile {
        let id = sources.add("rules/declared.tidings", &self.declared);
        let Parsed { file, diagnostics, .. } = parse(id, &self.declared);
        assert!(diagnostics.is_empty(), "{diagnostics:?}");
        RuleFile {
            id,
            name: "declared".to_owned(),
            tree: File { sentence: None, ..file },
            broken: Vec::new(),
        }
    }
}

/// What a declaration is called.
fn name(item: &Item) -> Option<&str> {
    let name = match item {
        Item::Define(d) => &d.name,
        Item::Score(s) => &s.name,
        Item::Stages(s) => &s.name,
        Item::Segment(s) => &s.name,
        Item::Rule(r) => &r.name,
        Item::Journey(j) => &j.name,
        Item::Policy(_) => return None,
    };
    Some(&name.node)
}

/// A file of the project.
fn read(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
