//! `tidings test`

use crate::args::{Test as Asked, TextOrJson};
use crate::failure::Failure;
use crate::opened;
use crate::progress;
use crate::report::tested::{Report, Told};
use crate::report::{counted, findings};
use crate::screen::{Screen, aside};
use std::path::Path;
use std::process::ExitCode;
use tidings_daemon::Site;
use tidings_plan::{Addresses, Supplies};
use tidings_rehearse::{Coverage, Difference, Mutants, Rehearsal, Test, TestFile, survivors, updated};
use tidings_schema::yaml::Document;
use tidings_syntax::{Diagnostic, FileId};

/// Carries out the project's tests; fails where one is not as it is expected.
pub fn test(folder: &Path, asked: &Asked, screen: &Screen) -> Result<ExitCode, Failure> {
    if asked.name.is_some() && (asked.mutate || asked.full) {
        let message = "some tests alone do not see nor notice what the others do: leave the name out for `--mutate` and `--full`";
        return Err(Failure::new(message));
    }
    let mut site = opened::open_offline(folder, screen)?;
    let (files, mut found) = site.project.tests();
    let documents = documents(&site, &files, &mut found);
    let mut tests: Vec<TestFile<'_>> = Vec::new();
    for (path, document) in &documents {
        tests.push(TestFile::read(path, document, &site.program, &mut found));
    }
    if found.iter().any(Diagnostic::is_error) {
        aside(&findings::text(&found, &site.project.sources, screen));
        return Err(Failure::new("the tests have errors, so none of them is carried out"));
    }
    if tests.is_empty() {
        let message = "there are no tests: write the first into tests/*.yaml (see `tidings test --help`)";
        return Err(Failure::new(message));
    }
    choose(&mut tests, asked.name.as_deref())?;
    let supplies = site.supplies();
    let rehearsal = rehearsal(&site, &supplies);
    let told: Vec<Told<'_, '_>> = tests
        .iter()
        .flat_map(|file| file.tests.iter().map(move |test| (file, test)))
        .map(|(file, test): (_, &Test<'_>)| Told { file, test, failures: rehearsal.failures(test) })
        .collect();
    if asked.update {
        return update(&site, &told, screen);
    }
    let passed = told.iter().all(|told| told.failures.is_empty());
    let sources = &site.project.sources;
    let with = (site.project.config.name.as_str(), site.carriers.addresses() as &dyn Addresses, &supplies);
    let coverage = asked.coverage.then(|| Coverage::of(&site.program, &tests, with));
    let mutants = asked.mutate.then(|| Mutants::of(&site.project, &site.program));
    // Where a test fails as it is, nothing can be told from its failing.
    let survivors = mutants.as_ref().filter(|_| passed).map(|mutants| {
        let bar = progress::bar(Some(mutants.all.len() as u64), "changing the rules");
        let found = survivors(mutants, &tests, with, THREADS, |_| bar.inc(1));
        bar.finish_and_clear();
        found
    });
    if mutants.is_some() && !passed {
        aside("no change to the rules is tried: first the tests have to pass as they are");
    }
    let report = Report { told: &told, coverage: coverage.as_ref(), survivors: survivors.as_ref(), sources };
    if let Some(path) = &asked.junit {
        std::fs::write(path, report.junit())
            .map_err(|e| Failure::new(format!("{} cannot be written: {e}", path.display())))?;
    }
    match asked.format {
        TextOrJson::Text => screen.print(&report.text(screen)),
        TextOrJson::Json => screen.print_json(&report.json()),
    }
    let unseen = asked.full && coverage.is_some_and(|coverage| coverage.missing().next().is_some());
    let unnoticed = survivors.is_some_and(|survivors| !survivors.left.is_empty());
    Ok(if passed && !unseen && !unnoticed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Writes what is the case into the files of tests.
fn update(site: &Site, told: &[Told<'_, '_>], screen: &Screen) -> Result<ExitCode, Failure> {
    let mut code = ExitCode::SUCCESS;
    for of_file in told.chunk_by(|a, b| a.file.path == b.file.path) {
        let failures = of_file.iter().flat_map(|told| &told.failures);
        let differences: Vec<&Difference<'_>> = failures.flat_map(|f| &f.differences).collect();
        let (Some(first), Some(one)) = (differences.first(), of_file.first()) else { continue };
        let file = first.node.place().file;
        let text = site.project.sources.get(file).map_or("", |source| source.text.as_str());
        let new = updated(text, &differences);
        let path = site.project.folder.join(&one.file.path);
        if new.written > 0 {
            super::fmt::write_whole(&path, &new.text)?;
        }
        screen.print(&format!(
            "{}: {} written anew",
            one.file.path,
            counted(new.written as u64, "expectation")
        ));
        if new.left > 0 {
            let why = "comments inside, anchors and texts over several lines are for a person to change";
            screen.print(&format!("  {} could not be, and are left as they are: {why}", new.left));
            code = ExitCode::FAILURE;
        }
    }
    if told.iter().all(|told| told.failures.is_empty()) {
        screen.print("all is as it is expected: nothing is written");
    }
    Ok(code)
}

/// How many changes are tried at once.
const THREADS: usize = 2;

fn documents<'s>(
    site: &'s Site,
    files: &[FileId],
    found: &mut Vec<Diagnostic>,
) -> Vec<(String, Document<'s>)> {
    let sources = files.iter().filter_map(|file| Some((*file, site.project.sources.get(*file)?)));
    let read = sources
        .filter_map(|(file, source)| Some((source.path.clone(), Document::read(&source.text, file, found)?)));
    read.collect()
}

fn rehearsal<'a>(site: &'a Site, supplies: &'a Supplies) -> Rehearsal<'a> {
    Rehearsal::new(&site.program, &site.project.config.name, site.carriers.addresses(), supplies)
}

/// Keeps the tests with a word in their name or in that of their file.
fn choose(files: &mut Vec<TestFile<'_>>, word: Option<&str>) -> Result<(), Failure> {
    let Some(word) = word else { return Ok(()) };
    for file in files.iter_mut().filter(|file| !file.path.contains(word)) {
        file.tests.retain(|test| test.name.contains(word));
    }
    files.retain(|file| !file.tests.is_empty());
    if files.is_empty() {
        return Err(Failure::new(format!("there is no test with `{word}` in its name or its file's")));
    }
    Ok(())
}
