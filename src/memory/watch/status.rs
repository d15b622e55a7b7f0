//! What is known of a watched process, for everybody who shows it.

use std::sync::{Arc, Mutex, PoisonError};

use super::past::{Moment, Past};
use crate::{
    coarse_clock::CoarseInstant,
    id::ProcessName,
    memory::{
        ReadFailure, Rollup, Unreadable,
        proc::Identity,
        recorder::OwnWords,
        thresholds::Crossing,
        verdict::{Counted, Verdict},
    },
};
#[cfg(test)]
use {
    crate::memory::verdict::{Pattern, Severity},
    std::time::Duration,
};

/// A watched process as last read.
#[derive(Clone, Debug)]
pub struct ProcessStatus {
    /// Its configured name, or `self`.
    pub name: ProcessName,
    /// Whether it runs and may be read.
    pub up: bool,
    /// The processes at the head of its trees; several where several fit the configuration.
    pub pids: Vec<u32>,
    /// What it holds; `None` while it is not up.
    pub reading: Option<Reading>,
    /// What was counted since the watch began.
    pub totals: Totals,
    /// What growth is measured from, in bytes; `None` during the warm-up.
    pub baseline: Option<u64>,
    /// How its memory behaves; `None` while it is not up.
    pub verdict: Option<Verdict>,
    /// What is counted of it and piles up.
    pub growing: Vec<Counted>,
    /// Fixed limits that it is above.
    pub crossings: Vec<Crossing>,
    /// What could not be read and what to do, free of secrets. While it is up: what is missing.
    pub problem: Option<Unreadable>,
}

/// Figures of one moment, summed over a process and all that descend from it. What is not known
/// is `None`.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// When it was read.
    pub taken: CoarseInstant,
    /// Bytes in RAM. Pages that several of its processes share count for each.
    pub resident: u64,
    /// Bytes that were swapped out.
    pub swap: Option<u64>,
    /// What the resident memory consists of.
    pub kinds: Kinds,
    /// How many processes.
    pub processes: u32,
    /// How many more could not be read, and are in none of the sums.
    pub unread_processes: u32,
    /// Threads of the operating system.
    pub threads: u64,
    /// Open descriptors; of this process without [`Self::watching_fds`].
    pub open_fds: Option<u64>,
    /// Descriptors that this process keeps open on purpose, to read those that are watched: two of
    /// each process, of 32 of a watch at most. Told of this process alone.
    pub watching_fds: Option<u64>,
    /// Unix time at which the oldest process at a head started, in seconds.
    pub started: Option<f64>,
    /// The most bytes it can have: the tightest of its control groups and the machine.
    pub limit: Option<u64>,
    /// The part of the time in which somebody waited for memory, 0 to 1.
    pub pressure: Option<f64>,
    /// Goroutines, asynchronous tasks or the like.
    pub tasks: Option<u64>,
    /// The part of the CPU time that a garbage collector takes, 0 to 1.
    pub collecting: Option<f64>,
}

/// What resident memory consists of, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Kinds {
    /// Allocated memory, the heap among it.
    pub anonymous: Option<u64>,
    /// Pages of files.
    pub file: Option<u64>,
    /// Live objects, as the runtime's own books tell; of this process without audio buffers.
    pub heap: Option<u64>,
    /// In RAM, but neither heap nor audio buffers of this process.
    pub external: Option<u64>,
    /// The part of the heap that lies idle, 0 to 1.
    pub fragmentation: Option<f64>,
    /// Audio buffers of this process that hold audio.
    pub buffers: Option<u64>,
    /// In pages of this process's allocator that hold live objects, audio buffers among them.
    pub allocator_active: Option<u64>,
    /// In RAM, as this process's allocator tells: with what it keeps, and its own books.
    pub allocator_resident: Option<u64>,
}

/// Counts since the watch began.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Totals {
    /// Heads that came in place of one that had ended.
    pub restarts: u64,
    /// CPU time of all that belonged here, in seconds.
    pub cpu_seconds: f64,
    /// Page faults that needed a disk.
    pub major_faults: u64,
    /// Page faults that needed none.
    pub minor_faults: u64,
    /// Processes of its control group that were killed for want of memory.
    pub oom_kills: Option<u64>,
    /// Looks that failed, by [`ReadFailure::index`].
    pub failures: [u64; ReadFailure::COUNT],
}

/// What a look on demand found.
#[derive(Clone, Debug)]
pub struct Analysis {
    /// The process as read for it.
    pub status: Arc<ProcessStatus>,
    /// What is its own alone, or why that cannot be told.
    pub rollup: Result<Rollup, Unreadable>,
}

/// A process as read on demand, and who belongs to it.
#[derive(Debug)]
pub(super) struct Glimpse {
    pub(super) status: Arc<ProcessStatus>,
    pub(super) members: Result<Vec<Identity>, Unreadable>,
}

impl Reading {
    /// Takes over what a recorder says of itself.
    pub(super) fn tell(&mut self, words: &OwnWords) {
        self.kinds.heap = words.heap;
        self.kinds.external = words.heap.map(|heap| self.resident.saturating_sub(heap));
        self.kinds.fragmentation = words.fragmentation();
        self.tasks = words.tasks;
        self.collecting = words.collecting;
    }
}

/// Where the thread leaves what it read.
#[derive(Debug)]
pub(super) struct Subject {
    status: Mutex<Arc<ProcessStatus>>,
    past: Mutex<Past>,
}

impl ProcessStatus {
    pub(super) fn new(name: ProcessName) -> Self {
        Self {
            name,
            up: false,
            pids: Vec::new(),
            reading: None,
            totals: Totals::default(),
            baseline: None,
            verdict: None,
            growing: Vec::new(),
            crossings: Vec::new(),
            problem: None,
        }
    }
}

impl Subject {
    pub(super) fn new(name: ProcessName) -> Self {
        Self {
            status: Mutex::new(Arc::new(ProcessStatus::new(name))),
            past: Mutex::default(),
        }
    }

    pub(super) fn status(&self) -> Arc<ProcessStatus> {
        // Replaced as a whole: a panic leaves the value before.
        Arc::clone(&self.status.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn publish(&self, status: Arc<ProcessStatus>) {
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) = status;
    }

    pub(super) fn past(&self) -> Past {
        self.past
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn remember(&self, moment: Moment) {
        self.past
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .add(moment);
    }

    pub(super) fn amend(&self, heap: Option<u64>, external: Option<u64>) {
        let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        past.amend(heap, external);
    }
}

#[cfg(test)]
impl ProcessStatus {
    /// A recorder that runs, of whose memory this is thought.
    pub(crate) fn judged(pattern: Pattern, severity: Severity) -> Self {
        let verdict = Verdict {
            pattern,
            confidence: 0.0,
            slope_bytes_per_second: 1e6,
            slope_interval: None,
            lasting: Duration::from_secs(60),
            growth_ratio: None,
            floor_growth_ratio: None,
            severity,
            recommendation: "The limit is 99 s away.".to_owned(),
            seconds_to_limit: Some(99.0),
            seconds_to_limit_interval: None,
            samples: 20,
            span: Duration::from_secs(60),
        };
        Self {
            up: true,
            pids: vec![7],
            verdict: Some(verdict),
            ..Self::new(ProcessName::new("recorder").unwrap())
        }
    }
}
