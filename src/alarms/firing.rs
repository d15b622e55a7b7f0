//! An alarm that fires, and what others know of it.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::{
    alarm::{AlarmStatus, Mark},
    kind::{AlarmState, Resolution},
    wire,
};

/// An alarm that fires.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Firing {
    pub(super) status: AlarmStatus,
    pub(super) told: Told,
    /// Since when its condition is gone, by the steady clock.
    pub(super) clear_since: Option<Duration>,
}

/// What others know of an alarm that fires.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Told {
    /// When webhooks heard of it last.
    #[serde(with = "wire::maybe_moment")]
    pub(super) webhooks: Option<SystemTime>,
    /// It is beyond the limit and waits for the summary.
    pub(super) waiting: bool,
    /// It became worse since.
    pub(super) worse: bool,
    /// Whether Alertmanagers may know of it.
    pub(super) managers: bool,
}

impl Firing {
    pub(super) fn new(status: AlarmStatus, told: Told) -> Self {
        Self {
            status,
            told,
            clear_since: None,
        }
    }

    pub(super) fn over(mut self, now: SystemTime, why: Resolution, by: Option<Mark>) -> Self {
        self.status.state = AlarmState::Resolved;
        self.status.resolved_at = Some(now);
        self.status.resolution = Some(why);
        self.status.resolved_by = by;
        self
    }
}
