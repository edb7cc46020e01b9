//! One file a command: asks the crates along the road and hands their answers to a report.

pub mod check;
pub mod customers;
pub mod errors;
pub mod explain;
pub mod fmt;
pub mod import;
pub mod init;
pub mod outbox;
pub mod plan;
pub mod run;
pub mod sandbox;
pub mod serve;
pub mod suppress;
