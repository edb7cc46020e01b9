//! What a store holds, for a first vocabulary to be guessed from.

use crate::customers::block::Block;
use crate::customers::reader::{Ask, Part, Reader, Stored, Table};
use crate::customers::{ATTEMPTS, CustomerStore, StoreError};
use sqlx::mysql::MySqlDatabaseError;
use std::collections::HashSet;
use tidings_schema::Raw;
use tidings_schema::guess::{Catalogue, ColumnInfo, TableInfo, names_a_row};
use tokio::sync::mpsc;

/// How many values of a column are looked at.
const SAMPLES: u32 = 1000;
/// Up to so many different values, all of a column's values are listed.
const LISTED: u32 = 50;
/// Up to so many rows, it is counted whether a column has a value twice.
const COUNTED: u64 = 1_000_000;

impl CustomerStore {
    /// Its tables and views with their columns, up to 1,000 values of each, and how many rows they have. The
    /// tables of the engine itself and of SQLite are left out.
    pub async fn catalogue(&self) -> Result<Catalogue, StoreError> {
        for _ in 0..ATTEMPTS {
            let mut reader = self.reader().await?;
            let catalogue = catalogue(&mut reader).await.map_err(|e| reader.failed(&e));
            if let Some(catalogue) = reader.finish(catalogue).await {
                return catalogue;
            }
        }
        Err(self.disturbed())
    }
}

async fn catalogue(reader: &mut Reader) -> Result<Catalogue, sqlx::Error> {
    let own = |t: &Table| t.name.starts_with("tidings_") || t.name == "_sqlx_migrations" || !t.readable;
    let found: Vec<Table> = reader.tables().await?.iter().filter(|t| !own(t)).cloned().collect();
    let mut tables = Vec::new();
    for table in found {
        // A view can name what is no longer there; then it is of no use to anybody.
        match describe(reader, &table).await {
            Ok(info) => tables.push(info),
            Err(e) if is_broken_view(&e) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(Catalogue { tables })
}

/// SQLite's general error, and MySQL's "view references invalid table(s) or column(s)".
fn is_broken_view(error: &sqlx::Error) -> bool {
    let Some(error) = error.as_database_error() else { return false };
    let number = error.try_downcast_ref::<MySqlDatabaseError>().map(MySqlDatabaseError::number);
    error.code().is_some_and(|code| code == "1") || number == Some(1356)
}

async fn describe(reader: &mut Reader, table: &Table) -> Result<TableInfo, sqlx::Error> {
    let stored = reader.columns(table).await?;
    let links = reader.links(table).await?;
    let count = reader.count(table, None, "").await?;
    let samples = values(reader, table, &stored, Part::First(SAMPLES)).await?;
    let keyed = links.iter().any(|(_, primary, _)| *primary);
    let mut columns = Vec::new();
    for (column, samples) in stored.into_iter().zip(samples) {
        let mut own = links.iter().filter(|(name, ..)| name.eq_ignore_ascii_case(&column.name));
        let mut info = ColumnInfo {
            name: column.name.clone(),
            declared_type: column.declared.clone(),
            primary_key: own.clone().any(|(_, primary, _)| *primary),
            unique: false,
            references: own.find_map(|(.., to)| to.clone()),
            samples,
            distinct: None,
        };
        let counted = (1..=COUNTED).contains(&count);
        if !keyed && counted && names_a_row(&table.name, &column.name) && all_differ(&info.samples) {
            info.unique = reader.different(table, &column).await? == count;
        }
        if count > u64::from(SAMPLES) {
            list_values(reader, table, column, &mut info).await?;
        }
        columns.push(info);
    }
    Ok(TableInfo { name: table.name.clone(), columns, row_count: Some(count) })
}

/// Whether every value is there and none comes twice.
fn all_differ(values: &[Option<String>]) -> bool {
    let mut seen = HashSet::new();
    values.iter().all(|value| value.as_ref().is_some_and(|value| seen.insert(value)))
}

/// Where a column has few different values, all of them are among its samples.
async fn list_values(
    reader: &mut Reader,
    table: &Table,
    stored: Stored,
    column: &mut ColumnInfo,
) -> Result<(), sqlx::Error> {
    let known: HashSet<Option<String>> = column.samples.iter().cloned().collect();
    if known.len() > LISTED as usize + 1 {
        return Ok(());
    }
    let different = values(reader, table, &[stored], Part::Different(LISTED + 1)).await?;
    let different: HashSet<Option<String>> = different.into_iter().flatten().collect();
    if different.len() <= LISTED as usize {
        column.distinct = Some(different.iter().flatten().count() as u64);
        let mut unseen: Vec<Option<String>> = different.into_iter().filter(|v| !known.contains(v)).collect();
        unseen.sort();
        column.samples.splice(0..0, unseen);
        column.samples.truncate(SAMPLES as usize);
    }
    Ok(())
}

/// Some values of each column, as text.
async fn values(
    reader: &mut Reader,
    table: &Table,
    columns: &[Stored],
    part: Part<'_>,
) -> Result<Vec<Vec<Option<String>>>, sqlx::Error> {
    let (send, mut receive) = mpsc::channel::<Block>(2);
    let ask = Ask { table, columns, part, only: String::new(), since: None };
    let gather = async {
        let mut values = vec![Vec::new(); columns.len()];
        while let Some(block) = receive.recv().await {
            for (i, (values, column)) in values.iter_mut().zip(columns).enumerate() {
                let text = |raw: Raw<'_>| (raw != Raw::Null).then(|| raw.to_string());
                block.each(i, column.kind, |raw| values.push(raw.and_then(text)));
            }
        }
        values
    };
    let (read, values) = tokio::join!(reader.read(&ask, send), gather);
    read.map(|()| values)
}
