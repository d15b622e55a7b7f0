//! What the configuration says.

use std::{path::PathBuf, time::Duration};

use super::Kind;
use crate::units::ByteSize;

const DAY: Duration = Duration::from_secs(86_400);

/// Where history is kept, for how long and how much of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryOptions {
    /// The file; its directory exists.
    pub path: PathBuf,
    /// For how long.
    pub retain: Retain,
    /// The most that the file may hold; the oldest goes first. The journal beside it takes some
    /// megabytes more.
    pub max_size: ByteSize,
}

/// For how long records are kept, by the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retain {
    /// Samples of sources and of memory.
    pub samples: Duration,
    /// Who used the program's memory most.
    pub consumers: Duration,
    /// Alarms and verdicts.
    pub alarms: Duration,
    /// Allocations and operations.
    pub operations: Duration,
}

impl Default for Retain {
    fn default() -> Self {
        Self {
            samples: 7 * DAY,
            consumers: 7 * DAY,
            alarms: 30 * DAY,
            operations: DAY,
        }
    }
}

impl Retain {
    pub(super) fn of(&self, kind: Kind) -> Duration {
        match kind {
            Kind::Sources | Kind::Memory => self.samples,
            Kind::Consumers => self.consumers,
            Kind::Verdicts | Kind::Alarms => self.alarms,
            Kind::Allocations | Kind::Operations => self.operations,
        }
    }
}

/// How patient the writer is; the defaults suit memory cards, tests are less patient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// How long records are gathered before they are written together.
    pub gather: Duration,
    /// The wait after the first failure; it doubles with each further one.
    pub retry: Duration,
    /// The longest wait.
    pub longest_retry: Duration,
    /// How often what is too old or too much is removed.
    pub tidy: Duration,
    /// After that, a disk that neither does what it was asked nor refuses is said to hang.
    pub unanswered: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            gather: Duration::from_secs(10),
            retry: Duration::from_secs(10),
            longest_retry: Duration::from_secs(300),
            tidy: Duration::from_secs(60),
            unanswered: Duration::from_secs(30),
        }
    }
}
