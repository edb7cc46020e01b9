//! One set of promises for customers on SQLite, PostgreSQL, MySQL and MariaDB.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod cache;
mod catalogue;
mod expected;
mod grow;
mod happened;
mod keys;
mod programs;
mod resident;
mod servers;
mod sessions;
mod types;

/// What the programs by chance are made of, as the engine's own tests have it.
#[path = "../../../engine/tests/generate/mod.rs"]
mod generate;
#[path = "../../../engine/tests/model/mod.rs"]
mod model;
#[path = "../shop/mod.rs"]
mod shop;
#[path = "../shop/texts.rs"]
mod texts;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Float64Type, UInt32Type};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use shop::{everything, vocabulary};
use texts::texts;
use tidings_engine::chunk::Whole;
use tidings_store::Loaded;

fn keys(loaded: &Loaded) -> Vec<&str> {
    loaded.chunks.iter().flat_map(|c| c.keys.iter().flatten()).collect()
}

/// A value of a column as text; none where it is missing.
fn shown(column: &ArrayRef, row: usize) -> Option<String> {
    column.is_valid(row).then(|| match column.data_type() {
        DataType::Utf8 | DataType::Dictionary(..) => texts(&column.slice(row, 1))[0].unwrap().to_owned(),
        DataType::Float64 => column.as_primitive::<Float64Type>().value(row).to_string(),
        DataType::Int64 | DataType::Int32 | DataType::Time32(_) => {
            Whole::of(column).unwrap().at(row).unwrap().to_string()
        }
        DataType::Date32 => {
            tidings_schema::calendar::date(column.as_primitive::<Date32Type>().value(row)).to_string()
        }
        DataType::Boolean => column.as_boolean().value(row).to_string(),
        DataType::UInt32 => column.as_primitive::<UInt32Type>().value(row).to_string(),
        DataType::List(_) => {
            let list = column.as_list::<i32>().value(row);
            list.as_string::<i32>().iter().flatten().collect::<Vec<_>>().join("|")
        }
        other => panic!("{other} is no type of a column"),
    })
}
