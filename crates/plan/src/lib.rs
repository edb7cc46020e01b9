//! From matches, history, policy and a clock to a [`Plan`]: who is sent what, who is held back and why.
//! A plain value; no I/O. Also the traits that the outside implements.

pub mod against;
pub mod carrier;
pub mod data;
mod digits;
pub mod events;
pub mod gate;
pub mod history;
pub mod intents;
pub mod make;
mod occasions;
pub mod outbox;
pub mod past;
pub mod plan;
pub mod reach;
pub mod renames;
pub mod replay;
pub mod schedule;
pub mod situation;
pub mod totals;

pub use against::{Changes, Side, changes};
pub use carrier::{Addresses, Answer, Asked, Carrier, Grant, Rate, Sending};
pub use data::{Evidence, evidence, evidence_of};
pub use events::{Rest, awaited, needs};
pub use gate::{AtGate, Door, Refusal};
pub use history::{Entry, History, Hold, Occasion, Page, PastMessage, Record, RuleHistory};
pub use intents::{Supplies, Terms, pages};
pub use make::{AudienceCounts, Question, RuleCounts, StepCounts};
pub use make::{counts_customers, coupons_since, messages_since, needs_everybody, plan};
pub use occasions::{Occasions, Ordinals};
pub use outbox::{Fallback, Intent, Key, Kind, OnUnknown, Outcome, Status};
pub use past::{EngineRows, GrantRow, KeptRow, Past, SendRow};
pub use plan::{Audience, Plan, Reason, RulePlan, StepPlan, Tally, Verdict, Verdicts};
pub use reach::Standing;
pub use renames::{Ran, Unsaid, unsaid};
pub use replay::{Replay, Run, Runs};
pub use situation::{CapFacts, ChannelFacts, Situation, StepFacts, may_still_go, situation};
pub use totals::{Cost, Totals};
