//! CSV, Parquet and Excel files into the embedded SQLite store: first a dry check of every row, then the import, a
//! file in one transaction. What is rejected is kept in a file with reasons.

mod check;
mod error;
mod parquet;
mod records;
mod shape;
mod sheet;
mod write;

pub use error::ImportError;
pub use records::Delimiter;

use crate::customers::place::path_of;
use check::Checked;
use shape::Column;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use tidings_schema::Vocabulary;
use tidings_schema::load::Settings;

/// A file and the table that it goes into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The table.
    pub table: String,
    /// The file.
    pub path: PathBuf,
}

impl Source {
    /// `table=path`, or a path whose file is named like the table.
    pub fn parse(argument: &str) -> Source {
        let named =
            argument.split_once('=').filter(|(table, _)| !table.contains(['/', '\\']) && !table.is_empty());
        match named {
            Some((table, path)) => Source { table: table.to_owned(), path: PathBuf::from(path) },
            None => {
                let path = PathBuf::from(argument);
                let table =
                    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
                Source { table, path }
            }
        }
    }
}

/// How to import.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// What parts columns, where it is not to be found out.
    pub delimiter: Option<Delimiter>,
    /// Imports a file without keys even if the very same file was imported before.
    pub again: bool,
    /// A table and a column of it whose values become customers, where they are none yet.
    pub customers_from: Option<(String, String)>,
    /// Where files of rejected rows go; beside the file that they come from, where it is not said.
    pub rejected_in: Option<PathBuf>,
    /// The project's zone and currency.
    pub settings: Settings,
}

impl Options {
    /// With nothing asked for beyond the rows themselves, in a project's zone and currency.
    pub fn new(settings: Settings) -> Options {
        Options { delimiter: None, again: false, customers_from: None, rejected_in: None, settings }
    }
}

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress<'a> {
    /// The table.
    pub table: &'a str,
    /// What is being done.
    pub stage: Stage,
    /// How much of it.
    pub done: u64,
    /// Out of how much: bytes while checking, rows while importing.
    pub total: u64,
}

/// What an import is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Reading and judging every row.
    Checking,
    /// Writing rows into the store.
    Importing,
}

/// What the dry check found in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DryFile {
    /// The file.
    pub path: PathBuf,
    /// The table.
    pub table: String,
    /// What parts its columns.
    pub delimiter: Delimiter,
    /// Its columns in order.
    pub columns: Vec<DryColumn>,
    /// The column that identifies a row, if there is one: such rows can be imported again.
    pub key: Option<String>,
    /// Rows without the header and blank lines.
    pub rows: u64,
    /// Rows that can be imported.
    pub accepted: u64,
    /// Rows that cannot.
    pub rejected: u64,
    /// The first of those.
    pub listed: Vec<Rejected>,
    /// What else there is to say, in whole sentences.
    pub notes: Vec<String>,
}

/// A column of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DryColumn {
    /// Its name.
    pub name: String,
    /// What it holds, with an article: "a date".
    pub holds: String,
}

/// A row that cannot be imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Its line; the header is line 1.
    pub line: u64,
    /// Why, without the value itself.
    pub reason: String,
}

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// One for each file.
    pub files: Vec<FileReport>,
    /// Customers that were made from the keys of another table.
    pub customers_added: Option<u64>,
}

/// What the import of a file did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileReport {
    /// The file.
    pub path: PathBuf,
    /// The table.
    pub table: String,
    /// New rows.
    pub inserted: u64,
    /// Rows that were there and changed.
    pub updated: u64,
    /// Rows that were there just so.
    pub unchanged: u64,
    /// Rows that were rejected.
    pub rejected: u64,
    /// The file that has them, with line and reason.
    pub rejected_file: Option<PathBuf>,
}

/// Files that were checked and can be imported.
pub struct Import {
    files: Vec<Checked>,
    customers: (String, Vec<Column>),
    options: Options,
}

impl Import {
    /// The dry check: reads every row of every file and judges it, by the schema where it declares the
    /// table and else by what the columns look like. Writes nothing.
    pub fn plan(
        sources: &[Source],
        vocabulary: Option<&Vocabulary>,
        options: &Options,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Import, ImportError> {
        Import::check(sources, vocabulary, HashMap::new(), options, progress)
    }

    /// The same for a store of that URL that is imported into again: what it holds unique identifies the rows, also where
    /// the schema names no key.
    pub async fn plan_into(
        (url, base): (&str, &Path),
        sources: &[Source],
        vocabulary: Option<&Vocabulary>,
        options: &Options,
        progress: &mut (dyn FnMut(Progress<'_>) + Send),
    ) -> Result<Import, ImportError> {
        let path = file_of(url, base)?;
        let tables = sources.iter().map(|source| source.table.as_str());
        let kept = write::unique_keys(&path, tables).await?;
        let import = Import::check(sources, vocabulary, kept, options, progress)?;
        if let Some((table, column)) = &options.customers_from
            && !import.brings(table, column)
            && !write::columns(&path, table).await?.iter().any(|there| there.eq_ignore_ascii_case(column))
        {
            return Err(ImportError::CustomersFrom { column: format!("{table}.{column}") });
        }
        Ok(import)
    }

    /// Whether a column is in one of the files.
    fn brings(&self, table: &str, column: &str) -> bool {
        let columns = self.files.iter().filter(|file| file.source.table.eq_ignore_ascii_case(table));
        columns.flat_map(|file| &file.shape.columns).any(|there| there.name.eq_ignore_ascii_case(column))
    }

    fn check(
        sources: &[Source],
        vocabulary: Option<&Vocabulary>,
        mut kept: HashMap<String, String>,
        options: &Options,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Import, ImportError> {
        let mut files: Vec<Checked> = Vec::new();
        for source in sources {
            let table = source.table.to_lowercase();
            let file =
                check::check(source, vocabulary, kept.get(&table).map(String::as_str), options, progress)?;
            // The next file goes where this one is by then.
            kept.extend(file.report.key.clone().map(|key| (table, key)));
            let same = |other: &Checked| {
                other.fingerprint == file.fingerprint
                    && other.source.table.eq_ignore_ascii_case(&source.table)
            };
            if file.shape.key.is_none() && !options.again && files.iter().any(same) {
                return Err(ImportError::Twice { path: source.path.clone(), table: source.table.clone() });
            }
            files.push(file);
        }
        Ok(Import { files, customers: shape::customer_columns(vocabulary), options: options.clone() })
    }

    /// What the dry check found.
    pub fn dry(&self) -> impl Iterator<Item = &DryFile> {
        self.files.iter().map(|file| &file.report)
    }

    /// Imports what was checked into the store of that URL (`sqlite:` and a path, a relative one below `base`),
    /// which is made if it is not there. Each file is imported wholly or, if anything goes wrong, not at all.
    pub async fn run(
        &self,
        url: &str,
        base: &Path,
        progress: &mut (dyn FnMut(Progress<'_>) + Send),
    ) -> Result<Report, ImportError> {
        let mut writer = write::Writer::open(&file_of(url, base)?).await?;
        if !self.options.again {
            for file in &self.files {
                writer.refuse_twice(file).await?;
            }
        }
        let mut report = Report::default();
        for file in &self.files {
            report.files.push(writer.import(file, self.options.rejected_in.as_deref(), progress).await?);
        }
        if let Some((table, column)) = &self.options.customers_from {
            let added = writer.add_customers(&self.customers, (table, column), &report.files).await?;
            report.customers_added = Some(added);
        }
        writer.close().await;
        Ok(report)
    }
}

/// The SQLite file that a URL names.
fn file_of(url: &str, base: &Path) -> Result<PathBuf, ImportError> {
    match url.starts_with("sqlite:") {
        true => Ok(path_of(url, base)?),
        false => Err(ImportError::NotOurs),
    }
}
