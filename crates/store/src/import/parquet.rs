//! The rows of a Parquet file, as the texts that a CSV file would have.

use crate::import::error::ImportError;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, ArrowTimestampType, Date32Type, Decimal128Type, Decimal256Type, Float32Type,
    Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use csv::StringRecord;
use parquet::arrow::arrow_reader::{
    ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::arrow::parquet_to_arrow_schema;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use tidings_schema::Raw;

/// Rows that are read at once.
const ROWS_A_BATCH: usize = 4096;

/// A file that is read from its first row to its last.
pub(crate) struct ParquetRows {
    path: PathBuf,
    reader: ParquetRecordBatchReader,
    batch: Option<(RecordBatch, usize)>,
    names: Option<StringRecord>,
    /// How many rows there are.
    pub(crate) total: u64,
}

impl ParquetRows {
    pub(crate) fn open(path: &Path) -> Result<ParquetRows, ImportError> {
        let file = File::open(path).map_err(|why| ImportError::File { path: path.to_owned(), why })?;
        let failed = |e: parquet::errors::ParquetError| damaged(path, &e.to_string());
        // What some program would like its columns to be does not matter here: this is what they are. But for lengths
        // of time, of which nothing else in the file tells the unit.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let open = || ParquetRecordBatchReaderBuilder::try_new_with_options(file, options);
        let builder = unharmed(path, open)?.map_err(failed)?;
        let schema = builder.schema().clone();
        let hints = builder.metadata().file_metadata().key_value_metadata();
        let hinted = unharmed(path, || parquet_to_arrow_schema(builder.parquet_schema(), hints))?;
        let lengths = hinted.iter().flat_map(|hinted| hinted.fields());
        let lengths = lengths.filter(|f| matches!(f.data_type(), DataType::Duration(_)));
        let without_text = schema.fields().iter().filter(|f| !has_text(f.data_type()));
        if let Some(field) = without_text.chain(lengths).next() {
            let why = format!(
                "the column `{}` holds {}, which has no place in a table. Leave it out of the file, or write it as a number or text",
                field.name(),
                field.data_type()
            );
            return Err(ImportError::Table { path: path.to_owned(), why });
        }
        let names = schema.fields().iter().map(|f| f.name().as_str()).collect();
        let total = builder.metadata().file_metadata().num_rows().unsigned_abs();
        let reader = unharmed(path, || builder.with_batch_size(ROWS_A_BATCH).build())?.map_err(failed)?;
        Ok(ParquetRows { path: path.to_owned(), reader, batch: None, names: Some(names), total })
    }

    /// The names of the columns, and then row after row.
    pub(crate) fn next(&mut self) -> Result<Option<StringRecord>, ImportError> {
        if let Some(names) = self.names.take() {
            return Ok(Some(names));
        }
        loop {
            if let Some((batch, row)) = &mut self.batch
                && *row < batch.num_rows()
            {
                let record = batch.columns().iter().map(|column| text(column, *row)).collect();
                *row += 1;
                return Ok(Some(record));
            }
            match unharmed(&self.path, || self.reader.next())? {
                Some(batch) => {
                    self.batch = Some((batch.map_err(|e| damaged(&self.path, &e.to_string()))?, 0));
                }
                None => return Ok(None),
            }
        }
    }
}

/// What the library reads; of some damaged files it sees only in the middle of its work that they are.
fn unharmed<T>(path: &Path, read: impl FnOnce() -> T) -> Result<T, ImportError> {
    catch_unwind(AssertUnwindSafe(read)).map_err(|_| damaged(path, "its parts contradict one another"))
}

fn damaged(path: &Path, why: &str) -> ImportError {
    let why = format!(
        "it is no Parquet file that can be read ({why}). Write it anew with the program that made it"
    );
    ImportError::Table { path: path.to_owned(), why }
}

fn has_text(ty: &DataType) -> bool {
    match ty {
        DataType::List(item) => matches!(item.data_type(), DataType::Utf8),
        DataType::Null
        | DataType::Boolean
        | DataType::Utf8
        | DataType::Binary
        | DataType::Date32
        | DataType::Timestamp(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => true,
        other => other.is_integer() || matches!(other, DataType::Float32 | DataType::Float64),
    }
}

/// A value as a CSV file would have it; nothing is empty.
fn text(column: &ArrayRef, row: usize) -> String {
    if column.is_null(row) {
        return String::new();
    }
    match column.data_type() {
        DataType::Boolean => column.as_boolean().value(row).to_string(),
        DataType::Int8 => plain::<Int8Type>(column, row),
        DataType::Int16 => plain::<Int16Type>(column, row),
        DataType::Int32 => plain::<Int32Type>(column, row),
        DataType::Int64 => plain::<Int64Type>(column, row),
        DataType::UInt8 => plain::<UInt8Type>(column, row),
        DataType::UInt16 => plain::<UInt16Type>(column, row),
        DataType::UInt32 => plain::<UInt32Type>(column, row),
        DataType::UInt64 => plain::<UInt64Type>(column, row),
        DataType::Float32 => float(column.as_primitive::<Float32Type>().value(row), f32::is_nan),
        DataType::Float64 => float(column.as_primitive::<Float64Type>().value(row), f64::is_nan),
        DataType::Decimal128(..) => short(column.as_primitive::<Decimal128Type>().value_as_string(row)),
        DataType::Decimal256(..) => short(column.as_primitive::<Decimal256Type>().value_as_string(row)),
        DataType::Utf8 => column.as_string::<i32>().value(row).to_owned(),
        DataType::Binary => String::from_utf8_lossy(column.as_binary::<i32>().value(row)).into_owned(),
        DataType::Date32 => Raw::Day(column.as_primitive::<Date32Type>().value(row)).to_string(),
        DataType::Timestamp(unit, zone) => {
            let micros = match unit {
                TimeUnit::Second => count::<TimestampSecondType>(column, row).saturating_mul(1_000_000),
                TimeUnit::Millisecond => count::<TimestampMillisecondType>(column, row).saturating_mul(1_000),
                TimeUnit::Microsecond => count::<TimestampMicrosecondType>(column, row),
                TimeUnit::Nanosecond => count::<TimestampNanosecondType>(column, row).div_euclid(1_000),
            };
            if zone.is_some() { Raw::Instant(micros) } else { Raw::Civil(micros) }.to_string()
        }
        DataType::List(_) => {
            let items = column.as_list::<i32>().value(row);
            let items: Vec<&str> = items.as_string::<i32>().iter().flatten().collect();
            serde_json::Value::from(items).to_string()
        }
        _ => String::new(),
    }
}

fn plain<T: ArrowPrimitiveType<Native: ToString>>(column: &ArrayRef, row: usize) -> String {
    column.as_primitive::<T>().value(row).to_string()
}

/// Programs that know no missing numbers write NaN for them.
fn float<T: ToString + Copy>(number: T, is_nan: impl Fn(T) -> bool) -> String {
    if is_nan(number) { String::new() } else { number.to_string() }
}

fn count<T: ArrowTimestampType>(column: &ArrayRef, row: usize) -> i64 {
    column.as_primitive::<T>().value(row)
}

/// 19.9 and not 19.9000000000.
fn short(written: String) -> String {
    if written.contains('.') {
        written.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        written
    }
}
