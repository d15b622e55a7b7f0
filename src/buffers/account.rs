//! What is known about one source's buffers of one type, over all their epochs.

use std::{
    ops::AddAssign,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    anomaly::{AllocationAnomaly, Counts, History},
    cursors::{ReadStatus, ReaderKind},
    ledger::{AllocationResult, Attempt, Books, Ledger, ReleaseReason},
    ring::{Meters, Ring},
};
use crate::{
    closed_set::closed_set,
    metrics::Histogram,
    units::{AudioFormat, BYTES_PER_SAMPLE},
};

closed_set! {
    /// The `status` label of writes.
    pub enum WriteStatus {
        /// Written.
        Ok => "ok",
        /// Refused: not whole frames.
        Error => "error",
    }
}

/// Upper bounds of push and read durations, in seconds: from 25 ns, times 4.
const DURATION_BOUNDS: [f64; 10] = [
    2.5e-8, 1e-7, 4e-7, 1.6e-6, 6.4e-6, 2.56e-5, 1.024e-4, 4.096e-4, 1.6384e-3, 6.5536e-3,
];

/// How long sampled pushes and reads took, for all buffers of one type.
#[derive(Debug)]
pub(super) struct Timings {
    pub(super) write: Histogram,
    pub(super) read: Histogram,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            write: Histogram::new(&DURATION_BOUNDS, 1e-9),
            read: Histogram::new(&DURATION_BOUNDS, 1e-9),
        }
    }
}

/// The ledger and the rings of one source and buffer type.
#[derive(Debug)]
pub(super) struct Account {
    ledger: Ledger,
    history: Mutex<History>,
    epochs: Mutex<Epochs>,
    timings: Arc<Timings>,
}

#[derive(Debug, Default)]
struct Epochs {
    /// Counters of the epochs that are gone.
    settled: Counters,
    /// Those that somebody still holds.
    held: Vec<Epoch>,
}

#[derive(Debug)]
struct Epoch {
    ring: Arc<Ring>,
    format: AudioFormat,
    live: bool,
}

/// Counters; they never fall, whatever becomes of the epochs behind them. Without the cargo
/// feature `buffer-stats` only `write_bytes` and `wraparounds` count, which follow from positions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Pushes by [`WriteStatus`].
    pub writes: [u64; WriteStatus::COUNT],
    /// Bytes pushed.
    pub write_bytes: u64,
    /// Times the write position returned to the start of the ring.
    pub wraparounds: u64,
    /// Pushes that overwrote audio which an attached reader had not read.
    pub overflows: u64,
    /// Bytes overwritten before an attached reader read them, summed over readers.
    pub dropped_bytes: u64,
    /// Reads by [`ReadStatus`].
    pub reads: [u64; ReadStatus::COUNT],
    /// Bytes read, summed over readers.
    pub read_bytes: u64,
}

/// Buffers that are live no more but still held, and so still charged to the budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retired {
    /// How many.
    pub buffers: u64,
    /// Bytes of audio that they can hold.
    pub bytes: u64,
}

/// Levels at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Levels {
    /// Bytes of audio that the live buffer can hold.
    pub capacity_bytes: u64,
    /// Bytes of audio in it.
    pub size_bytes: u64,
    /// Released buffers that somebody still reads.
    pub retired: Retired,
    /// Attached readers, those of retired epochs included.
    pub readers: u64,
    /// Lag of the slowest reader as a part of its ring, 0 to 1.
    pub utilization: f64,
    /// How far the slowest reader of each [`ReaderKind`] is behind.
    pub lag: [Duration; ReaderKind::COUNT],
}

/// Everything about one source and buffer type at one moment.
#[derive(Clone, Debug)]
pub struct Statement {
    /// Allocations.
    pub books: Books,
    /// Audio in and out.
    pub counters: Counters,
    /// Fill and lag.
    pub levels: Levels,
    /// Whether the source keeps asking.
    pub anomaly: Option<AllocationAnomaly>,
}

impl Account {
    pub(super) fn new(timings: Arc<Timings>) -> Self {
        Self {
            ledger: Ledger::default(),
            history: Mutex::default(),
            epochs: Mutex::default(),
            timings,
        }
    }

    pub(super) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    pub(super) fn timings(&self) -> &Timings {
        &self.timings
    }

    /// A new epoch begins, by `attempt`. Both enter under one lock, so that no statement
    /// shows the one without the other.
    pub(super) fn enroll(
        &self,
        ring: Arc<Ring>,
        format: AudioFormat,
        attempt: Option<Attempt<'_>>,
    ) {
        let mut epochs = self.lock();
        epochs.held.push(Epoch {
            ring,
            format,
            live: true,
        });
        if let Some(attempt) = attempt {
            attempt.first();
        }
    }

    /// An epoch is live no more; its readers may finish it.
    pub(super) fn retire(&self, ring: &Arc<Ring>, reason: ReleaseReason) {
        let mut epochs = self.lock();
        let mut held = epochs.held.iter_mut();
        if let Some(epoch) = held.find(|epoch| Arc::ptr_eq(&epoch.ring, ring)) {
            epoch.live = false;
            self.ledger.release(reason);
        }
    }

    /// Released buffers that somebody still holds.
    pub(super) fn retired(&self) -> Retired {
        let mut retired = Retired::default();
        for epoch in self.lock().held.iter().filter(|epoch| !epoch.live) {
            retired.buffers += 1;
            retired.bytes += epoch.capacity_bytes();
        }
        retired
    }

    /// The last holder of an epoch is gone: only its counters stay.
    pub(super) fn settle(&self, ring: &Arc<Ring>) {
        let mut epochs = self.lock();
        let mut held = epochs.held.iter();
        if let Some(index) = held.position(|epoch| Arc::ptr_eq(&epoch.ring, ring)) {
            let gone = epochs.held.swap_remove(index);
            epochs.settled += gone.counters();
        }
    }

    pub(super) fn statement(&self) -> Statement {
        let epochs = self.lock();
        let mut counters = epochs.settled;
        let mut levels = Levels::default();
        for epoch in &epochs.held {
            counters += epoch.counters();
            epoch.add_levels(&mut levels);
        }
        // Before the epochs are let go: see `enroll`.
        let books = self.ledger.books();
        drop(epochs);
        Statement {
            books,
            counters,
            levels,
            anomaly: self.anomaly(),
        }
    }

    /// Looks for an anomaly at `now`, a time that never goes back.
    pub(super) fn observe(&self, now: Duration) {
        let books = self.ledger.books();
        let counts = Counts {
            repeated: books.count(AllocationResult::RepeatedBlocked),
            errors: books.count(AllocationResult::Error),
        };
        self.history().note(now, counts);
    }

    pub(super) fn anomaly(&self) -> Option<AllocationAnomaly> {
        self.history().anomaly()
    }

    fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Epochs> {
        self.epochs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Epoch {
    fn frame_bytes(&self) -> u64 {
        u64::from(self.format.channels) * BYTES_PER_SAMPLE
    }

    fn capacity_bytes(&self) -> u64 {
        self.ring.inspect(|ring| ring.capacity * self.frame_bytes())
    }

    fn counters(&self) -> Counters {
        let bytes = |frames: u64| frames * self.frame_bytes();
        self.ring.inspect(|ring: &Meters<'_>| {
            let readers = ring.cursors.totals(ring.tail);
            Counters {
                writes: [ring.tally.writes, ring.tally.refused_writes],
                write_bytes: bytes(ring.head),
                wraparounds: ring.head / ring.capacity,
                overflows: ring.tally.overflows,
                dropped_bytes: bytes(readers.missed),
                reads: readers.reads,
                read_bytes: bytes(readers.frames),
            }
        })
    }

    fn add_levels(&self, levels: &mut Levels) {
        self.ring.inspect(|ring: &Meters<'_>| {
            if self.live {
                levels.capacity_bytes += ring.capacity * self.frame_bytes();
                levels.size_bytes += (ring.head - ring.tail) * self.frame_bytes();
            } else {
                levels.retired.buffers += 1;
                levels.retired.bytes += ring.capacity * self.frame_bytes();
            }
            levels.readers += ring.cursors.attached().len() as u64;
            for kind in ReaderKind::ALL {
                let frames = ring.cursors.worst_lag(*kind, ring.head);
                // A reader that was overtaken lags by more than the ring holds.
                let share = frames.min(ring.capacity) as f64 / ring.capacity as f64;
                levels.utilization = levels.utilization.max(share);
                let lag = &mut levels.lag[kind.index()];
                *lag = (*lag).max(self.format.duration_of(frames));
            }
        });
    }
}

impl AddAssign for Counters {
    fn add_assign(&mut self, more: Self) {
        let add = |sum: &mut [u64], more: &[u64]| {
            for (sum, more) in sum.iter_mut().zip(more) {
                *sum += more;
            }
        };
        add(&mut self.writes, &more.writes);
        add(&mut self.reads, &more.reads);
        self.write_bytes += more.write_bytes;
        self.wraparounds += more.wraparounds;
        self.overflows += more.overflows;
        self.dropped_bytes += more.dropped_bytes;
        self.read_bytes += more.read_bytes;
    }
}
