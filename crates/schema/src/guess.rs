//! A first vocabulary for a store, from its catalogue and some of its values. Pure guessing, and each guess
//! says why, so that a person can correct it.

mod column;
mod contacts;
mod tables;
mod words;
mod write;

use crate::load::Settings;
use crate::vocabulary::Attribute;
pub use column::{ColumnGuess, column};
pub use tables::names_a_row;

/// What a store holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Catalogue {
    /// Its tables and views.
    pub tables: Vec<TableInfo>,
}

/// A table or view.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TableInfo {
    /// Its name.
    pub name: String,
    /// Its columns in order.
    pub columns: Vec<ColumnInfo>,
    /// How many rows it has, where that is known.
    pub row_count: Option<u64>,
}

/// A column.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ColumnInfo {
    /// Its name.
    pub name: String,
    /// Its type as it was declared; may be empty.
    pub declared_type: String,
    /// Whether it alone is the table's primary key.
    pub primary_key: bool,
    /// Whether it is known that every row has a value in it that no other row has.
    pub unique: bool,
    /// The table and column that it refers to.
    pub references: Option<(String, String)>,
    /// Some of its values as text; none for a missing one.
    pub samples: Vec<Option<String>>,
    /// How many different values it has, where that is known.
    pub distinct: Option<u64>,
}

/// A guessed vocabulary.
#[derive(Clone, Debug, PartialEq)]
pub struct Guess {
    /// A `schema.yaml`.
    pub yaml: String,
    /// What was guessed, a line each: "orders.total: money in CNY, because its name and its values look like amounts".
    pub notes: Vec<String>,
}

/// Guesses a vocabulary. There is none for a store without a table that could hold customers.
pub fn guess(catalogue: &Catalogue, settings: &Settings) -> Option<Guess> {
    let mut notes = Vec::new();
    let tables = tables::find(catalogue, settings, &mut notes)?;
    let contacts = contacts::find(&tables.customer, &mut notes);
    Some(Guess { yaml: write::yaml(&tables, &contacts, settings), notes })
}

/// The customer table and what belongs to it, as guessed.
struct Tables {
    customer: CustomerTable,
    children: Vec<ChildTable>,
}

struct CustomerTable {
    table: String,
    key: String,
    created: Option<String>,
    zone: Option<String>,
    attributes: Vec<Attribute>,
}

struct ChildTable {
    /// As rules name it.
    name: String,
    table: String,
    customer: String,
    key: Option<RowKey>,
    time: String,
    fields: Vec<Attribute>,
}

/// What identifies a row.
struct RowKey {
    column: String,
    /// Whether its values are whole numbers, which rise with the rows where the database hands them out.
    numbers: bool,
}

/// A channel: its address, and its consent where one was found.
struct ContactGuess {
    channel: &'static str,
    address: String,
    consent: Option<String>,
}
