//! The rows of a spreadsheet's first sheet, as the texts that a CSV file would have.

use crate::import::error::ImportError;
use calamine::{Data, ExcelDateTime, Reader, Xlsx, XlsxError, open_workbook};
use chrono::NaiveTime;
use csv::StringRecord;
use std::fs::File;
use std::path::Path;

/// A sheet's rows. Only what is in cells is kept: one far away on the sheet must not fill the memory.
pub(crate) struct SheetRows {
    rows: std::vec::IntoIter<Row>,
    /// How many columns the first row names.
    width: usize,
    /// How many rows there are.
    pub(crate) total: u64,
}

/// The fields of a row by their columns, and its number in the sheet.
type Row = (u64, Vec<(usize, String)>);

impl SheetRows {
    pub(crate) fn open(path: &Path) -> Result<SheetRows, ImportError> {
        // Whether the file is there at all, in the system's words.
        File::open(path).map_err(|why| ImportError::File { path: path.to_owned(), why })?;
        let rows = read(path).map_err(|e| ImportError::Table {
            path: path.to_owned(),
            why: format!(
                "it is no spreadsheet that can be read ({e}). Take its password off, or save it anew as xlsx or as CSV"
            ),
        })?;
        let width = rows.first().and_then(|(_, fields)| fields.last()).map_or(0, |(column, _)| column + 1);
        Ok(SheetRows { width, total: rows.len() as u64, rows: rows.into_iter() })
    }

    /// The next row that is not empty, and its number in the sheet.
    pub(crate) fn next(&mut self) -> Option<(StringRecord, u64)> {
        let (number, fields) = self.rows.next()?;
        let mut record = StringRecord::new();
        for (column, field) in fields {
            (record.len()..column).for_each(|_| record.push_field(""));
            record.push_field(&field);
        }
        (record.len()..self.width).for_each(|_| record.push_field(""));
        Some((record, number))
    }
}

fn read(path: &Path) -> Result<Vec<Row>, XlsxError> {
    let mut book: Xlsx<_> = open_workbook(path)?;
    let first = book.sheet_names().into_iter().next().unwrap_or_default();
    let mut cells = book.worksheet_cells_reader(&first)?;
    let mut rows: Vec<Row> = Vec::new();
    while let Some(cell) = cells.next_cell()? {
        let (row, column) = cell.get_position();
        let field = text(&Data::from(cell.get_value().clone()));
        if field.is_empty() {
            continue;
        }
        let (number, field) = (u64::from(row) + 1, (column as usize, field));
        match rows.last_mut() {
            Some((last, fields)) if *last == number => fields.push(field),
            _ => rows.push((number, vec![field])),
        }
    }
    Ok(rows)
}

/// A cell's value as a CSV file would have it. A formula is what it came to; one that came to an error, such as `#N/A`,
/// says that.
fn text(cell: &Data) -> String {
    match cell {
        Data::Empty => String::new(),
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => text.clone(),
        Data::Int(number) => number.to_string(),
        Data::Float(number) => number.to_string(),
        Data::Bool(truth) => truth.to_string(),
        Data::Error(error) => error.to_string(),
        Data::DateTime(time) => moment(time).unwrap_or_else(|| time.as_f64().to_string()),
    }
}

/// Spreadsheets count days, and parts of them.
fn moment(time: &ExcelDateTime) -> Option<String> {
    if time.is_duration() {
        let seconds = time.as_duration()?.num_seconds();
        return Some(format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60));
    }
    let civil = time.as_datetime()?;
    let form = if civil.time() == NaiveTime::MIN { "%Y-%m-%d" } else { "%Y-%m-%d %H:%M:%S%.f" };
    Some(civil.format(form).to_string())
}
