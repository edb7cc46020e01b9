//! sqlx: customers in, decisions out. Decides nothing.

pub mod catalogue;
pub mod consent;
pub mod customers;
mod erase;
pub mod history;
pub mod import;
pub mod outbox;
pub mod private;
mod sql;
pub mod state;
pub mod suppression;

pub use consent::Consent;
pub use customers::place::path_of;
pub use customers::{
    BadColumn, CollectionStats, CustomerStore, LoadStats, Loaded, LookedFor, Refreshed, Resident, Room,
    Selection, StoreError, StoreFacts, Stream,
};
pub use history::Asked;
pub use import::{Delimiter, DryFile, FileReport, Import, ImportError, Progress, Report, Source, Stage};
pub use outbox::{
    Claim, Claimed, Count, Doubt, Enqueued, Feedback, FeedbackKind, Gated, HeldRun, HoldState, LedgerRow,
    Moves, Outlet, Recovered, RowFilter, Token,
};
pub use state::{
    OccurrenceRow, OccurrenceState, Orphan, Pause, RunId, RunRow, Scope, State, StateError, StateFacts,
};
pub use suppression::Suppression;
pub use tidings_plan::{EngineRows, GrantRow, KeptRow, SendRow};
