//! sqlx: customers in, decisions out. Decides nothing.

pub mod engine_rows;

pub use engine_rows::{EngineRows, GrantRow, KeptRow, SendRow};
