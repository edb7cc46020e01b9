//! Columns of texts, as they are or by numbers of words.

use arrow_array::cast::AsArray;
use arrow_array::types::Int16Type;
use arrow_array::{ArrayRef, StringArray};

/// What each row has.
pub fn texts(column: &ArrayRef) -> Vec<Option<&str>> {
    match column.as_dictionary_opt::<Int16Type>() {
        Some(codes) => codes.downcast_dict::<StringArray>().unwrap().into_iter().collect(),
        None => column.as_string::<i32>().iter().collect(),
    }
}
