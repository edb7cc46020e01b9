//! From matches, history, policy and a clock to a `Plan`: who is sent what, who is held back and why.
//! A plain value; no I/O.

pub mod carrier;
pub mod history;
pub mod outbox;

pub use carrier::{Addresses, Answer, Asked, Carrier, Grant, Sending};
pub use history::{Entry, History, Occasion, Page, PastMessage, RuleHistory};
pub use outbox::{Intent, Key, Kind, OnUnknown, Outcome, Status};
