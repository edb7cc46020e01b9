//! One file a command: asks the crates along the road and hands their answers to a report.

pub mod against;
pub mod backtest;
pub mod check;
pub mod consent;
pub mod customers;
pub mod doctor;
pub mod erase;
pub mod errors;
pub mod explain;
pub mod feedback;
pub mod fmt;
pub mod import;
pub mod init;
pub mod ledger;
pub mod next;
pub mod outbox;
pub mod pause;
pub mod plan;
pub mod run;
pub mod runs;
pub mod sandbox;
pub mod send_test;
pub mod serve;
pub mod suppress;
pub mod test;
