//! What a store holds, for a first vocabulary to be guessed from.

use crate::customers::open::Reader;
use crate::customers::table::key_text;
use crate::customers::{ATTEMPTS, CustomerStore, StoreError, block};
use crate::sql::{self, Part};
use sqlx::Row;
use std::collections::HashSet;
use tidings_schema::guess::{Catalogue, ColumnInfo, TableInfo};

/// How many values of a column are looked at.
const SAMPLES: u32 = 1000;
/// Up to so many different values, all of a column's values are listed.
const LISTED: u32 = 50;

impl CustomerStore {
    /// Its tables and views with their columns, up to 1,000 values of each, and how many rows they have. The
    /// tables of the engine itself and of SQLite are left out.
    pub async fn catalogue(&self) -> Result<Catalogue, StoreError> {
        for _ in 0..ATTEMPTS {
            let mut reader = Reader::open(self.path()).await?;
            let catalogue = catalogue(&mut reader).await.map_err(|e| StoreError::of(self.path(), &e));
            if let Some(catalogue) = reader.finish(catalogue).await {
                return catalogue;
            }
        }
        Err(self.disturbed())
    }
}

async fn catalogue(reader: &mut Reader) -> Result<Catalogue, sqlx::Error> {
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'view') \
         AND name NOT LIKE 'sqlite~_%' ESCAPE '~' AND name NOT LIKE 'tidings~_%' ESCAPE '~' \
         AND name <> '_sqlx_migrations' ORDER BY name",
    )
    .fetch_all(&mut reader.connection)
    .await?;
    let mut tables = Vec::new();
    for name in names {
        // A view can name what is no longer there; then it is of no use to anybody.
        match table(reader, &name).await {
            Ok(info) => tables.push(info),
            Err(e) if e.as_database_error().and_then(|e| e.code()).is_some_and(|code| code == "1") => {}
            Err(e) => return Err(e),
        }
    }
    Ok(Catalogue { tables })
}

async fn table(reader: &mut Reader, name: &str) -> Result<TableInfo, sqlx::Error> {
    let mut columns: Vec<ColumnInfo> = columns(reader, name).await?;
    let count: i64 = sqlx::query_scalar(sql::count_rows(name)).fetch_one(&mut reader.connection).await?;
    let names: Vec<String> = columns.iter().map(|c| c.name.clone()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for (column, samples) in
        columns.iter_mut().zip(values(reader, name, &names, &Part::First, SAMPLES).await?)
    {
        column.samples = samples;
    }
    if count > i64::from(SAMPLES) {
        for column in &mut columns {
            list_values(reader, name, column).await?;
        }
    }
    Ok(TableInfo { name: name.to_owned(), columns, row_count: u64::try_from(count).ok() })
}

async fn columns(reader: &mut Reader, table: &str) -> Result<Vec<ColumnInfo>, sqlx::Error> {
    let rows: Vec<(String, String, i64)> =
        sqlx::query_as("SELECT name, type, pk FROM pragma_table_xinfo(?) WHERE hidden <> 1")
            .bind(table)
            .fetch_all(&mut reader.connection)
            .await?;
    let foreign: Vec<(String, String, Option<String>)> =
        sqlx::query_as("SELECT \"from\", \"table\", \"to\" FROM pragma_foreign_key_list(?)")
            .bind(table)
            .fetch_all(&mut reader.connection)
            .await?;
    let single = rows.iter().filter(|(_, _, key)| *key > 0).count() == 1;
    let mut columns = Vec::new();
    for (name, declared_type, key) in rows {
        let mut references = None;
        if let Some((_, other, to)) = foreign.iter().find(|(from, ..)| from.eq_ignore_ascii_case(&name)) {
            let to = match to {
                Some(to) => Some(to.clone()),
                None => primary_key(reader, other).await?,
            };
            references = to.map(|to| (other.clone(), to));
        }
        let primary_key = single && key > 0;
        columns.push(ColumnInfo { name, declared_type, primary_key, references, ..ColumnInfo::default() });
    }
    Ok(columns)
}

/// What a foreign key refers to that names no column.
async fn primary_key(reader: &mut Reader, table: &str) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar("SELECT name FROM pragma_table_info(?) WHERE pk = 1")
        .bind(table)
        .fetch_optional(&mut reader.connection)
        .await
}

/// Where a column has few different values, all of them are among its samples.
async fn list_values(reader: &mut Reader, table: &str, column: &mut ColumnInfo) -> Result<(), sqlx::Error> {
    let different =
        values(reader, table, &[&column.name], &Part::Different, LISTED + 1).await?.pop().unwrap_or_default();
    if different.len() <= LISTED as usize {
        let known: HashSet<Option<String>> = column.samples.iter().cloned().collect();
        let different: HashSet<Option<String>> = different.into_iter().collect();
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
    table: &str,
    columns: &[&str],
    part: &Part<'_>,
    most: u32,
) -> Result<Vec<Vec<Option<String>>>, sqlx::Error> {
    let row =
        sqlx::query(sql::blocks(table, columns, part)).bind(most).fetch_one(&mut reader.connection).await?;
    let column = |i: usize| {
        let mut values = Vec::new();
        block::each(row.try_get_unchecked(i + 1)?, |raw| {
            values.push(raw.and_then(key_text).map(String::from))
        });
        Ok(values)
    };
    (0..columns.len()).map(column).collect()
}
