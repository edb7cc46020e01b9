//! `tidings import`

use crate::args::Import as Args;
use crate::failure::Failure;
use crate::progress;
use crate::report::{count, counted, findings};
use crate::screen::{Screen, aside};
use indicatif::ProgressBar;
use std::path::Path;
use std::process::ExitCode;
use tidings_project::Project;
use tidings_store::import::{Delimiter, DryFile, Import, Options, Progress, Report, Source, Stage};
use tidings_syntax::Diagnostic;

/// Judges every row first, then imports those that are right and keeps the others in a file. Exits with 1 where
/// rows were rejected.
pub async fn import(folder: &Path, args: &Args, screen: &Screen) -> Result<ExitCode, Failure> {
    let (project, found) = Project::load(folder);
    // Files can be imported before there is any description of them; one that is there must be right.
    let described = folder.join("tidings.yaml").exists() || folder.join("schema.yaml").exists();
    let errors: Vec<Diagnostic> = found.into_iter().filter(|d| described && d.is_error()).collect();
    let undescribed = !folder.join("schema.yaml").exists();
    if !errors.is_empty() && !undescribed {
        aside(&findings::text(&errors, &project.sources, screen));
        return Err(Failure::new("the project has errors, so nothing is imported"));
    }
    let sources: Vec<Source> = args.files.iter().map(|file| Source::parse(file)).collect();
    let options = Options {
        delimiter: args.delimiter.as_deref().map(delimiter).transpose()?,
        again: args.again,
        customers_from: args.customers_from.as_deref().map(table_and_column).transpose()?,
        ..Options::new(project.config.settings())
    };
    let mut bars = Bars::default();
    let (store, vocabulary) = ((project.config.store.as_str(), folder), project.vocabulary.as_deref());
    let import = Import::plan_into(store, &sources, vocabulary, &options, &mut |p| bars.show(p)).await?;
    bars.clear();
    import.dry().for_each(|file| screen.print(&dry(file, args.dry_run)));
    let rejected = import.dry().any(|file| file.rejected > 0);
    if !args.dry_run {
        let report = import.run(&project.config.store, folder, &mut |p| bars.show(p)).await?;
        bars.clear();
        screen.print(&done(&report));
        if undescribed {
            screen.print("Next: `tidings init` describes these tables in a first schema.yaml");
        }
    }
    Ok(if rejected { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn delimiter(written: &str) -> Result<Delimiter, Failure> {
    match written {
        "," => Ok(Delimiter::Comma),
        ";" => Ok(Delimiter::Semicolon),
        "tab" | "\t" => Ok(Delimiter::Tab),
        "blanks" => Ok(Delimiter::Blanks),
        _ => Err(Failure::new(format!("`{written}` parts no columns; write `,`, `;`, `tab` or `blanks`"))),
    }
}

fn table_and_column(written: &str) -> Result<(String, String), Failure> {
    let parts = written.split_once('.').map(|(table, column)| (table.to_owned(), column.to_owned()));
    parts
        .ok_or_else(|| Failure::new(format!("`{written}` names no column; write it as `orders.customer_id`")))
}

/// So many rejected rows are told, each with its reason.
const LISTED: usize = 5;

fn dry(file: &DryFile, whole: bool) -> String {
    let mut out = format!(
        "{} → {}: {}, {} can be imported",
        file.path.display(),
        file.table,
        counted(file.rows, "row"),
        count(file.accepted)
    );
    if whole {
        out.extend(file.columns.iter().map(|c| format!("\n  {}: {}", c.name, c.holds)));
    }
    out.extend(file.notes.iter().map(|note| format!("\n  {note}")));
    let listed = file.listed.get(..LISTED).unwrap_or(&file.listed);
    out.extend(listed.iter().map(|r| format!("\n  line {}: {}", r.line, r.reason)));
    match file.rejected.saturating_sub(listed.len() as u64) {
        0 => {}
        more => out.push_str(&format!("\n  and {} more", count(more))),
    }
    out
}

fn done(report: &Report) -> String {
    let mut lines: Vec<String> = Vec::new();
    for file in &report.files {
        let mut line = format!("{}: {} new", file.table, count(file.inserted));
        let more = [(file.updated, "changed"), (file.unchanged, "as they were"), (file.rejected, "rejected")];
        for (n, what) in more.into_iter().filter(|(n, _)| *n > 0) {
            line.push_str(&format!(", {} {what}", count(n)));
        }
        if let Some(path) = &file.rejected_file {
            line.push_str(&format!(", kept with reasons in {}", path.display()));
        }
        lines.push(line);
    }
    lines.extend(report.customers_added.map(|n| format!("{} made from the keys", counted(n, "customer"))));
    lines.join("\n")
}

/// One bar at a time: a table being checked, then written.
#[derive(Default)]
struct Bars {
    current: Option<(String, Stage, ProgressBar)>,
}

impl Bars {
    fn show(&mut self, at: Progress<'_>) {
        let same =
            matches!(&self.current, Some((table, stage, _)) if *table == at.table && *stage == at.stage);
        if !same {
            self.clear();
            let doing = if at.stage == Stage::Checking { "checking bytes" } else { "importing rows" };
            self.current = Some((at.table.to_owned(), at.stage, progress::bar(Some(at.total), doing)));
        }
        if let Some((_, _, bar)) = &self.current {
            bar.set_position(at.done);
        }
    }

    fn clear(&mut self) {
        if let Some((_, _, bar)) = self.current.take() {
            bar.finish_and_clear();
        }
    }
}
