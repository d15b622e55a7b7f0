//! Who asked for a buffer, when, from where, and what came of it: a record for debugging that
//! is switched on and off while the program runs.
//!
//! Off, it costs one relaxed load for each attempt. The ledger counts regardless of it.

use std::{
    backtrace::Backtrace,
    collections::{BTreeMap, VecDeque},
    fmt,
    panic::Location,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};

use super::{kind::BufferKind, ledger::AllocationResult};
use crate::{id::SourceId, units::AudioFormat};

/// Attempts that are kept, the newest.
pub const KEPT_ATTEMPTS: usize = 1_000;
/// Attempts whose backtrace is kept, the newest: one takes some kilobytes.
const KEPT_BACKTRACES: usize = 50;
/// Callers that are counted; one more takes the place of the one longest silent.
const KEPT_CALLERS: usize = 2_000;
/// Frames of a backtrace that are told.
const FRAMES: usize = 24;

/// The record. See the module's documentation.
#[derive(Debug, Default)]
pub struct Tracker {
    tracking: AtomicBool,
    record: Mutex<Record>,
}

#[derive(Debug, Default)]
struct Record {
    backtraces: bool,
    since: Option<SystemTime>,
    attempts: VecDeque<TrackedAttempt>,
    recorded: u64,
    callers: BTreeMap<Caller, Calls>,
}

/// What is recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tracking {
    /// Whether attempts are recorded.
    pub on: bool,
    /// Whether each with a backtrace.
    pub backtraces: bool,
}

/// A place in the program's source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallSite {
    /// The file, relative to the crate.
    pub file: &'static str,
    /// Its line, from 1.
    pub line: u32,
}

impl CallSite {
    fn of(location: &'static Location<'static>) -> Self {
        let file = location.file();
        // The compiler gives an absolute path where this crate is a dependency.
        let start = file.rfind("/src/").map_or(0, |at| at + 1);
        Self {
            file: &file[start..],
            line: location.line(),
        }
    }

    /// The module, for people: `pipeline::packets` for `src/pipeline/packets.rs`.
    pub fn module(&self) -> String {
        let path = self.file.strip_prefix("src/").unwrap_or(self.file);
        let path = path.strip_suffix(".rs").unwrap_or(path);
        path.strip_suffix("/mod").unwrap_or(path).replace('/', "::")
    }
}

impl fmt::Display for CallSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// One attempt.
#[derive(Clone, Debug)]
pub struct TrackedAttempt {
    /// Its number since the recording began, from 1.
    pub number: u64,
    /// When its outcome was known.
    pub at: SystemTime,
    /// Whose buffer.
    pub source: SourceId,
    /// Which of its buffers.
    pub kind: BufferKind,
    /// Who asked.
    pub site: CallSite,
    /// The format asked for.
    pub format: AudioFormat,
    /// The length asked for.
    pub duration: Duration,
    /// What came of it; never [`AllocationResult::Attempted`].
    pub outcome: AllocationResult,
    /// Why there is no buffer, with the arithmetic.
    pub error: Option<String>,
    backtrace: Option<Arc<Backtrace>>,
}

/// Who asks for what.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Caller {
    /// Whose buffer.
    pub source: SourceId,
    /// Which of its buffers.
    pub kind: BufferKind,
    /// Who asks.
    pub site: CallSite,
}

/// What a caller's attempts came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calls {
    /// By [`AllocationResult`]; that of `Attempted` is the sum of the others.
    pub outcomes: [u64; AllocationResult::COUNT],
    /// The last one.
    pub last: SystemTime,
}

/// What has been recorded.
#[derive(Clone, Debug)]
pub struct Recording {
    /// What is being recorded now.
    pub tracking: Tracking,
    /// When the recording began, if ever.
    pub since: Option<SystemTime>,
    /// How many attempts since then.
    pub recorded: u64,
    /// The newest [`KEPT_ATTEMPTS`] of them, the newest first.
    pub attempts: Vec<TrackedAttempt>,
    /// All of them by caller, at most 2,000 callers.
    pub callers: Vec<(Caller, Calls)>,
}

impl Tracker {
    /// Begins, changes or ends the recording. Beginning one forgets the one before; one that goes
    /// on keeps what it has. After the end it can still be read.
    pub fn set(&self, tracking: Tracking) {
        let mut record = self.lock();
        if tracking.on && !self.is_on() {
            *record = Record {
                since: Some(SystemTime::now()),
                ..Record::default()
            };
        }
        record.backtraces = tracking.on && tracking.backtraces;
        self.tracking.store(tracking.on, Relaxed);
    }

    /// Whether attempts are recorded.
    pub fn is_on(&self) -> bool {
        self.tracking.load(Relaxed)
    }

    /// What is recorded, and how.
    pub fn tracking(&self) -> Tracking {
        Tracking {
            on: self.is_on(),
            backtraces: self.lock().backtraces,
        }
    }

    /// Copies the recording; the attempts and callers of one source where one is named, and
    /// at most `limit` attempts.
    pub fn recording(&self, source: Option<&SourceId>, limit: usize) -> Recording {
        let wanted = |of: &SourceId| source.is_none_or(|source| source == of);
        let record = self.lock();
        let newest = record.attempts.iter().rev();
        let callers = record.callers.iter();
        Recording {
            tracking: Tracking {
                on: self.is_on(),
                backtraces: record.backtraces,
            },
            since: record.since,
            recorded: record.recorded,
            attempts: newest
                .filter(|attempt| wanted(&attempt.source))
                .take(limit)
                .cloned()
                .collect(),
            callers: callers
                .filter(|(caller, _)| wanted(&caller.source))
                .map(|(caller, calls)| (caller.clone(), *calls))
                .collect(),
        }
    }

    /// Records an attempt. For use while [`Self::is_on`].
    pub(super) fn note(
        &self,
        location: &'static Location<'static>,
        (source, kind): (&SourceId, BufferKind),
        (format, duration): (AudioFormat, Duration),
        (outcome, error): (AllocationResult, Option<String>),
    ) {
        let at = SystemTime::now();
        let site = CallSite::of(location);
        // Captured before the lock is taken, resolved only when somebody reads it.
        let wanted = self.lock().backtraces;
        let backtrace = wanted.then(|| Arc::new(Backtrace::force_capture()));
        let mut record = self.lock();
        record.recorded += 1;
        let attempt = TrackedAttempt {
            number: record.recorded,
            at,
            source: source.clone(),
            kind,
            site,
            format,
            duration,
            outcome,
            error,
            backtrace,
        };
        record.count(&attempt);
        record.keep(attempt);
    }

    fn lock(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Record {
    fn count(&mut self, attempt: &TrackedAttempt) {
        let caller = Caller {
            source: attempt.source.clone(),
            kind: attempt.kind,
            site: attempt.site,
        };
        if self.callers.len() >= KEPT_CALLERS && !self.callers.contains_key(&caller) {
            let silent = self.callers.iter().min_by_key(|(_, calls)| calls.last);
            if let Some(silent) = silent.map(|(caller, _)| caller.clone()) {
                self.callers.remove(&silent);
            }
        }
        let calls = self.callers.entry(caller).or_insert(Calls {
            outcomes: [0; AllocationResult::COUNT],
            last: attempt.at,
        });
        calls.outcomes[AllocationResult::Attempted.index()] += 1;
        calls.outcomes[attempt.outcome.index()] += 1;
        calls.last = attempt.at;
    }

    fn keep(&mut self, attempt: TrackedAttempt) {
        if self.attempts.len() >= KEPT_ATTEMPTS {
            self.attempts.pop_front();
        }
        self.attempts.push_back(attempt);
        let traced = self.attempts.len().checked_sub(KEPT_BACKTRACES + 1);
        if let Some(old) = traced.and_then(|at| self.attempts.get_mut(at)) {
            old.backtrace = None;
        }
    }
}

impl TrackedAttempt {
    /// The functions that led to it, the innermost first; empty without a backtrace. The
    /// first call of a process takes long, as symbols are read then.
    pub fn backtrace(&self) -> Vec<String> {
        self.backtrace
            .as_ref()
            .map(|trace| frames(&trace.to_string()))
            .unwrap_or_default()
    }
}

/// The functions of a printed backtrace, without the machinery that took it and without the
/// files of the machine that built it.
fn frames(printed: &str) -> Vec<String> {
    let names = printed.lines().filter_map(|line| {
        let (number, name) = line.trim_start().split_once(": ")?;
        number.parse::<u32>().is_ok().then(|| name.to_owned())
    });
    let machinery = |name: &String| {
        ["std::", "core::", "<std::", "<core::"]
            .iter()
            .any(|path| name.starts_with(path))
            || name.contains("::buffers::tracker::")
    };
    names.skip_while(machinery).take(FRAMES).collect()
}

#[cfg(test)]
mod tests;
