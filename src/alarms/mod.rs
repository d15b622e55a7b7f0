//! Alarms: what is wrong, since when, who was told.
//!
//! Once a second every possible alarm is held against the [`Snapshot`](crate::status::Snapshot)
//! that the API and the page show, so that they cannot disagree (`conditions`). A pure state
//! machine decides what fires and what is over ([`Machine`]), another what is said about it
//! (`notices`). The [`Book`] is where others read and acknowledge; `delivery` tells whoever
//! the configuration names. `docs/alarms.md` says it in words.

mod alarm;
mod book;
mod conditions;
mod delivery;
mod disk;
mod engine;
mod firing;
mod keeper;
mod kind;
mod machine;
mod metrics;
mod notices;
mod options;
mod saved;
mod state;
mod tally;
mod troubles;
mod weigh;
mod wire;

pub use alarm::{AlarmStatus, Change, Evidence, Key, Mark, Subject};
pub use book::{Book, RECENT, STORED};
pub use engine::Alarms;
pub use kind::{AlarmKind, AlarmState, Event, Resolution, Scope, Severity};
pub use machine::{Machine, Now, Reading, Refused};
pub use notices::{Notice, Outcome, Reason};
pub use options::{
    AlarmOptions, AlertmanagerOptions, Endpoint, FileOptions, NotifyOptions, SourcePolicy,
    WebhookOptions,
};
pub use tally::{Channel, FailureReason};
