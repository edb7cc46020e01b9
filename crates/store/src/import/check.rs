//! The dry check: every row is read and judged before anything is written.

use crate::import::error::ImportError;
use crate::import::records::{Delimiter, Records, fingerprint};
use crate::import::shape::{Kind, Shape};
use crate::import::{DryColumn, DryFile, Options, Progress, Rejected, Source, Stage};
use std::collections::HashMap;
use tidings_schema::Vocabulary;

/// Rejected rows that a report lists; all of them are counted.
const LISTED: usize = 100;
/// How often progress is told, in rows.
const ROWS_A_STEP: u64 = 4096;

/// A file that was checked.
pub(crate) struct Checked {
    pub(crate) source: Source,
    pub(crate) shape: Shape,
    pub(crate) delimiter: Delimiter,
    pub(crate) fingerprint: String,
    pub(crate) report: DryFile,
}

/// Checks a file. `kept` is the column that its table holds unique already.
pub(crate) fn check(
    source: &Source,
    vocabulary: Option<&Vocabulary>,
    kept: Option<&str>,
    options: &Options,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Checked, ImportError> {
    let table = source.table.to_lowercase();
    if table.trim().is_empty()
        || table.contains('\0')
        || table.starts_with("sqlite_")
        || table.starts_with("tidings_")
    {
        return Err(ImportError::Name { path: source.path.clone(), table: source.table.clone() });
    }
    let path = source.path.clone();
    match std::fs::metadata(&path) {
        Ok(file) if !file.is_file() => {
            let why = "it is no file that can be read more than once. What comes out of a pipe is written to a file first";
            return Err(ImportError::Table { path, why: why.to_owned() });
        }
        Ok(_) => {}
        Err(why) => return Err(ImportError::File { path, why }),
    }
    let fingerprint = fingerprint(&source.path)?;
    let mut records = Records::open(&source.path, options.delimiter)?;
    let delimiter = records.delimiter;
    let mut shape = Shape::of(&source.path, &source.table, &mut records, vocabulary, &options.settings)?;
    kept.into_iter().for_each(|key| shape.keep(key));
    let mut notes = Vec::new();
    loop {
        let mut tried = shape.clone();
        let mut report = pass(source, &mut tried, delimiter, progress)?;
        if let Some(why) = without_key(&tried, &source.table, report.rows) {
            return Err(ImportError::Table { path: source.path.clone(), why });
        }
        if !mend(&mut shape, &tried, report.rows, &mut notes) {
            report.notes = notes;
            return Ok(Checked { source: source.clone(), shape: tried, delimiter, fingerprint, report });
        }
    }
}

/// One reading of the whole file.
fn pass(
    source: &Source,
    shape: &mut Shape,
    delimiter: Delimiter,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<DryFile, ImportError> {
    let failed = |why| ImportError::File { path: source.path.clone(), why };
    let total = source.path.metadata().map_err(failed)?.len();
    let mut records = Records::open(&source.path, Some(delimiter))?;
    let mut seen = HashMap::new();
    let (mut rows, mut rejected, mut listed) = (0, 0, Vec::new());
    while let Some(record) = records.next()? {
        rows += 1;
        if rows % ROWS_A_STEP == 0 {
            progress(Progress {
                table: &source.table,
                stage: Stage::Checking,
                done: records.position(total),
                total,
            });
        }
        if let Err(reason) = shape.row(&record, &mut seen) {
            rejected += 1;
            if listed.len() < LISTED {
                listed.push(Rejected { line: record.line, reason });
            }
        }
    }
    progress(Progress { table: &source.table, stage: Stage::Checking, done: total, total });
    Ok(DryFile {
        path: source.path.clone(),
        table: source.table.clone(),
        delimiter,
        columns: shape
            .columns
            .iter()
            .map(|c| DryColumn { name: c.name.clone(), holds: c.describe() })
            .collect(),
        key: shape.key.and_then(|i| shape.columns.get(i)).map(|c| c.name.clone()),
        rows,
        accepted: rows - rejected,
        rejected,
        listed,
        notes: Vec::new(),
    })
}

/// Why a file cannot go into a table that holds a key unique: no schema says that the column is one, and in the file it
/// does not look like one. Rows of it would be written over others.
fn without_key(tried: &Shape, table: &str, rows: u64) -> Option<String> {
    let key = tried.key.and_then(|i| tried.columns.get(i)).filter(|_| tried.guessed && tried.kept)?;
    let wrong = match tried.double_key {
        Some((one, other)) => format!("lines {one} and {other} have the same"),
        None if key.refused * 100 > rows => format!("{} of {rows} rows have none", key.refused),
        None => return None,
    };
    Some(format!(
        "`{}` identifies the rows of `{table}` since an earlier import, but {wrong}. Correct the file, or import it into \
         another table: `NAME=FILE`",
        key.name
    ))
}

/// Takes back guesses that the whole file does not bear out; true if there were any. A guess stands that
/// fails for at most one row in a hundred: those rows are rejected.
fn mend(shape: &mut Shape, tried: &Shape, rows: u64, notes: &mut Vec<String>) -> bool {
    if !shape.guessed {
        return false;
    }
    let mut wrong = Vec::new();
    for (i, (column, tried)) in shape.columns.iter_mut().zip(&tried.columns).enumerate() {
        if tried.refused * 100 > rows {
            notes.push(format!(
                "`{}` looked like {} at first but is not: it is kept as text",
                column.name,
                column.describe()
            ));
            column.kind = Kind::Text;
            wrong.push(i);
        }
    }
    if tried.double_key.is_some() && wrong.is_empty() {
        notes.push("the rows have no key: what looked like one comes more than once".to_owned());
        wrong.extend(shape.key);
    }
    shape.key = shape.key.filter(|i| !wrong.contains(i));
    shape.by_customer = shape.by_customer.filter(|(a, b)| !wrong.contains(a) && !wrong.contains(b));
    !wrong.is_empty()
}
