//! How history fares, for everybody who shows it.

use std::{
    path::PathBuf,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::sync::Notify;

use super::{
    error::{OpenError, is_broken_file},
    work::Work,
};
use crate::closed_set::closed_set;

closed_set! {
    /// What history is doing.
    pub enum HistoryState {
        /// None is configured.
        Off => "off",
        /// It is kept.
        Writing => "writing",
        /// It was kept, but the file cannot be written for the moment: a full disk, a bad card.
        Failing => "failing",
        /// The file cannot be used as it is.
        Refused => "refused",
    }
}

closed_set! {
    /// Why something was not written.
    pub enum WriteFailure {
        /// There is no room on the disk.
        Full => "full",
        /// The disk or its file system says no.
        Io => "io",
        /// The file is broken; another is begun.
        Corrupt => "corrupt",
        /// The file cannot be opened as it is.
        Refused => "refused",
        /// Another process holds the file for too long.
        Busy => "busy",
        /// The disk took too long to answer.
        Timeout => "timeout",
        /// The file was removed, or another took its place.
        Removed => "removed",
        /// Anything else.
        Other => "other",
    }
}

impl WriteFailure {
    pub(super) fn of(error: &rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        match error.sqlite_error_code() {
            _ if is_broken_file(error) => Self::Corrupt,
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(
                ErrorCode::SystemIoFailure
                | ErrorCode::ReadOnly
                | ErrorCode::CannotOpen
                | ErrorCode::PermissionDenied,
            ) => Self::Io,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            _ => Self::Other,
        }
    }

    pub(super) fn of_opening(error: &OpenError) -> Self {
        match error {
            OpenError::Database(error) => Self::of(error),
            _ => Self::Refused,
        }
    }

    /// What to do.
    pub(super) const fn remedy(self) -> &'static str {
        match self {
            Self::Full => "make room on the disk of `history.path`",
            Self::Io => "look at the disk of `history.path`, its mount and its permissions",
            Self::Corrupt => "a new file is begun; look at the disk if it happens again",
            Self::Refused => "see the log",
            Self::Busy => "see which process holds the file",
            Self::Timeout => "look at the disk of `history.path`, its mount or its server",
            Self::Removed => "another is begun; stop the program before the file is moved",
            Self::Other => "look at the log; if it stays so, please report it",
        }
    }
}

/// How history fares at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryStatus {
    /// What it is doing.
    pub state: HistoryState,
    /// What is wrong and what to do.
    pub problem: Option<String>,
    /// Records written since the program began.
    pub written: u64,
    /// Records lost since then, because they could not be written for too long.
    pub lost: u64,
    /// Bytes that the file's content takes.
    pub bytes: u64,
    /// Attempts to write that failed, by [`WriteFailure::index`].
    pub failures: [u64; WriteFailure::COUNT],
}

impl Default for HistoryStatus {
    /// None is kept.
    fn default() -> Self {
        Self {
            state: HistoryState::Off,
            problem: None,
            written: 0,
            lost: 0,
            bytes: 0,
            failures: [0; WriteFailure::COUNT],
        }
    }
}

/// What the threads and those who ask share.
#[derive(Debug)]
pub(super) struct Shared {
    condition: Mutex<Condition>,
    pub(super) written: AtomicU64,
    pub(super) lost: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) failures: [AtomicU64; WriteFailure::COUNT],
    /// Told by who could not read, to who writes.
    pub(super) doubt: Notify,
    /// What the thread that writes is at, and that which reads.
    pub(super) writing: Work,
    pub(super) reading: Work,
}

#[derive(Clone, Debug)]
pub(super) struct Condition {
    pub(super) state: HistoryState,
    pub(super) problem: Option<String>,
    /// The file, while it can be read.
    pub(super) path: Option<PathBuf>,
}

impl Shared {
    pub(super) fn new(patience: Duration) -> Self {
        Self {
            condition: Mutex::new(Condition {
                state: HistoryState::Off,
                problem: None,
                path: None,
            }),
            written: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            failures: Default::default(),
            doubt: Notify::new(),
            writing: Work::new(patience),
            reading: Work::new(patience),
        }
    }

    pub(super) fn condition(&self) -> MutexGuard<'_, Condition> {
        // Replaced field by field, but none of them depends on another for safety.
        self.condition
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn failed(&self, reason: WriteFailure) {
        self.failures[reason.index()].fetch_add(1, Relaxed);
    }

    pub(super) fn status(&self) -> HistoryStatus {
        let condition = self.condition().clone();
        let (state, problem) = if self.writing.hangs() {
            (HistoryState::Failing, Some(unanswered()))
        } else {
            (condition.state, condition.problem)
        };
        HistoryStatus {
            state,
            problem,
            written: self.written.load(Relaxed),
            lost: self.lost.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            failures: std::array::from_fn(|at| self.failures[at].load(Relaxed)),
        }
    }
}

/// What is told while the thread that writes hangs.
pub(super) fn unanswered() -> String {
    let remedy = WriteFailure::Timeout.remedy();
    format!("history cannot be written: its disk or file system does not answer; {remedy}")
}
