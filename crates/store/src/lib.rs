//! sqlx: customers in, decisions out. Decides nothing.

pub mod customers;
pub mod engine_rows;
mod sql;

pub use customers::{BadColumn, CollectionStats, CustomerStore, LoadStats, Loaded, Selection, StoreError};
pub use engine_rows::{EngineRows, GrantRow, KeptRow, SendRow};
