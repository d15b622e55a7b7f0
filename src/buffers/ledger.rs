//! The books of allocations: every attempt has exactly one outcome.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::error::ErrorType;
use crate::{closed_set::closed_set, metrics::HistogramSnapshot};

closed_set! {
    /// The `result` label of an allocation attempt.
    pub enum AllocationResult {
        /// Every attempt; the sum of the other three.
        Attempted => "attempted",
        /// A buffer was allocated.
        FirstAllocation => "first_allocation",
        /// The buffer was there already and stays: benign.
        RepeatedBlocked => "repeated_blocked",
        /// No buffer.
        Error => "error",
    }
}

closed_set! {
    /// Why a live buffer was given up.
    pub enum ReleaseReason {
        /// The source was removed.
        Removed => "removed",
        /// The source's format, or the configured length, is another one.
        FormatChange => "format_change",
        /// The program stops.
        Shutdown => "shutdown",
    }
}

/// Upper bounds of the size histogram: 20 buckets from 1 KiB, doubling.
const SIZE_BOUNDS: [f64; 20] = {
    let mut bounds = [1_024.0; 20];
    let mut i = 1;
    while i < bounds.len() {
        bounds[i] = bounds[i - 1] * 2.0;
        i += 1;
    }
    bounds
};

/// The books of one source and buffer type.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    books: Mutex<Books>,
}

/// The books at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Books {
    first: u64,
    repeated: u64,
    errors: [u64; ErrorType::COUNT],
    releases: [u64; ReleaseReason::COUNT],
    size_counts: [u64; SIZE_BOUNDS.len() + 1],
    size_sum: f64,
}

/// An attempt under way. It enters the books only with its outcome, so that they add up at
/// every moment; one that is dropped without an outcome, which only a panic can do, is an
/// error.
#[derive(Debug)]
pub(super) struct Attempt<'a> {
    ledger: &'a Ledger,
    requested: f64,
    settled: bool,
}

impl Ledger {
    /// Begins an attempt for `requested` bytes.
    pub(super) fn attempt(&self, requested: f64) -> Attempt<'_> {
        Attempt {
            ledger: self,
            requested,
            settled: false,
        }
    }

    /// Records that the live buffer was given up.
    pub(super) fn release(&self, reason: ReleaseReason) {
        self.lock().releases[reason.index()] += 1;
    }

    /// The books as they are.
    pub(super) fn books(&self) -> Books {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        // Additions only: a panic leaves nothing half done.
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt<'_> {
    /// A buffer was allocated.
    pub(super) fn first(self) {
        self.settle(|books| books.first += 1);
    }

    /// The buffer was there.
    pub(super) fn repeated(self) {
        self.settle(|books| books.repeated += 1);
    }

    /// No buffer.
    pub(super) fn error(self, kind: ErrorType) {
        self.settle(|books| books.errors[kind.index()] += 1);
    }

    fn settle(mut self, outcome: impl FnOnce(&mut Books)) {
        self.record(outcome);
    }

    fn record(&mut self, outcome: impl FnOnce(&mut Books)) {
        self.settled = true;
        let mut books = self.ledger.lock();
        outcome(&mut books);
        let bucket = SIZE_BOUNDS.partition_point(|bound| *bound < self.requested);
        books.size_counts[bucket] += 1;
        books.size_sum += self.requested;
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if !self.settled {
            self.record(|books| books.errors[ErrorType::Panic.index()] += 1);
        }
    }
}

impl Books {
    /// The counter of one `result`.
    pub fn count(&self, result: AllocationResult) -> u64 {
        let errors = self.errors.iter().sum();
        match result {
            AllocationResult::Attempted => self.first + self.repeated + errors,
            AllocationResult::FirstAllocation => self.first,
            AllocationResult::RepeatedBlocked => self.repeated,
            AllocationResult::Error => errors,
        }
    }

    /// Errors of one kind.
    pub fn errors(&self, kind: ErrorType) -> u64 {
        self.errors[kind.index()]
    }

    /// Releases for one reason.
    pub fn releases(&self, reason: ReleaseReason) -> u64 {
        self.releases[reason.index()]
    }

    /// Buffers that are live: allocated and not released.
    pub fn live(&self) -> u64 {
        self.first.saturating_sub(self.releases.iter().sum::<u64>())
    }

    /// Requested sizes of all attempts, in bytes.
    pub fn sizes(&self) -> HistogramSnapshot {
        let bounds = SIZE_BOUNDS.into_iter().chain([f64::INFINITY]);
        HistogramSnapshot {
            sum: self.size_sum,
            count: self.size_counts.iter().sum(),
            buckets: bounds.zip(self.size_counts).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn every_attempt_has_one_outcome_also_when_it_panics() {
        let ledger = Ledger::default();
        ledger.attempt(5_760_000.0).first();
        ledger.attempt(5_760_000.0).repeated();
        ledger.attempt(0.0).error(ErrorType::ZeroSampleRate);
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _attempt = ledger.attempt(1_024.0);
            panic!("on purpose");
        }));
        assert!(panicked.is_err());

        let books = ledger.books();
        let counts: Vec<u64> = AllocationResult::ALL
            .iter()
            .map(|result| books.count(*result))
            .collect();
        assert_eq!(counts, [4, 1, 1, 2]);
        assert_eq!(books.errors(ErrorType::ZeroSampleRate), 1);
        assert_eq!(books.errors(ErrorType::Panic), 1);
        assert_eq!(books.live(), 1);
        ledger.release(ReleaseReason::FormatChange);
        assert_eq!(ledger.books().live(), 0);
    }

    #[test]
    fn sizes_fall_into_20_doubling_buckets_from_1_kib() {
        let ledger = Ledger::default();
        for bytes in [
            1_024.0,
            1_025.0,
            512.0 * 1_048_576.0,
            512.0 * 1_048_576.0 + 1.0,
        ] {
            ledger.attempt(bytes).repeated();
        }
        let sizes = ledger.books().sizes();
        assert_eq!(sizes.count, 4);
        assert_eq!(sizes.buckets.len(), 21, "the last one is +Inf");
        assert_eq!(sizes.buckets[0], (1_024.0, 1));
        assert_eq!(sizes.buckets[1], (2_048.0, 1));
        assert_eq!(sizes.buckets[19], (536_870_912.0, 1));
        assert_eq!(sizes.buckets[20], (f64::INFINITY, 1));
    }
}
