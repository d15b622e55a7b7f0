//! Memory of released buffers, kept for the next one of the same size.
//!
//! What is kept holds no audio: a vector of length zero, which safe code cannot read beyond,
//! and which a ring fills by writing. Kept bytes stay charged to the budget and give way to
//! whoever needs them.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use super::budget::{Budget, OverBudget, Reservation};
use crate::units::{BYTES_PER_SAMPLE, ByteSize};

/// A ring's memory and its share of the budget.
#[derive(Debug)]
pub(super) struct Storage {
    // The order of these two: the memory goes before its reservation does.
    samples: Vec<i16>,
    charged: Reservation,
}

/// What is kept, the oldest first. Empty unless it is given a limit.
#[derive(Debug)]
pub(super) struct Pool {
    budget: Arc<Budget>,
    limit: AtomicU64,
    reused: AtomicU64,
    kept: Mutex<VecDeque<Storage>>,
}

/// The pool at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pooled {
    /// The most bytes it keeps; 0 when it is off.
    pub limit: ByteSize,
    /// Bytes that it keeps, part of what the budget has in use.
    pub bytes: ByteSize,
    /// Buffers that were made from its memory so far.
    pub reused: u64,
}

impl Storage {
    pub(super) fn new(mut samples: Vec<i16>, charged: Reservation) -> Self {
        samples.clear();
        Self { samples, charged }
    }

    /// The memory, empty, and its share of the budget.
    pub(super) fn into_parts(self) -> (Vec<i16>, Reservation) {
        (self.samples, self.charged)
    }

    fn bytes(&self) -> u64 {
        self.samples.capacity() as u64 * BYTES_PER_SAMPLE
    }
}

impl Pool {
    /// Keeps nothing until [`Self::set_limit`].
    pub(super) fn new(budget: Arc<Budget>) -> Self {
        Self {
            budget,
            limit: AtomicU64::new(0),
            reused: AtomicU64::new(0),
            kept: Mutex::default(),
        }
    }

    /// Changes how many bytes may be kept; what is beyond goes.
    pub(super) fn set_limit(&self, limit: ByteSize) {
        self.limit.store(limit.0, Relaxed);
        let beyond = self.trim(&mut self.lock());
        drop(beyond);
    }

    /// Memory for exactly `bytes`, charged: kept memory if there is some, else only a
    /// reservation, for which kept memory of other sizes gives way.
    ///
    /// # Errors
    /// [`OverBudget`] when it does not fit although nothing is kept any more.
    pub(super) fn take(&self, bytes: u64) -> Result<(Vec<i16>, Reservation), OverBudget> {
        let mut shelved = self.lock();
        // A limit that shrank below what is in use holds for kept memory too.
        let fits = self.budget.used() <= self.budget.limit();
        let kept = shelved
            .iter()
            .rposition(|kept| fits && kept.bytes() == bytes);
        if let Some(kept) = kept.and_then(|at| shelved.remove(at)) {
            self.reused.fetch_add(1, Relaxed);
            return Ok(kept.into_parts());
        }
        drop(shelved);
        loop {
            match self.budget.reserve(bytes) {
                Ok(charged) => return Ok((Vec::new(), charged)),
                Err(_) => {
                    // Given back under the lock, so that whoever finds the shelf empty knows
                    // that nothing is on its way back.
                    let mut shelved = self.lock();
                    match shelved.pop_front() {
                        Some(oldest) => drop(oldest),
                        None => return Ok((Vec::new(), self.budget.reserve(bytes)?)),
                    }
                }
            }
        }
    }

    /// Keeps the memory of a buffer that is gone, if it may.
    pub(super) fn give(&self, storage: Storage) {
        if storage.bytes() > self.limit.load(Relaxed) || storage.bytes() == 0 {
            return;
        }
        let mut shelved = self.lock();
        shelved.push_back(storage);
        let beyond = self.trim(&mut shelved);
        drop(shelved);
        // Freed outside the lock.
        drop(beyond);
    }

    pub(super) fn pooled(&self) -> Pooled {
        Pooled {
            limit: ByteSize(self.limit.load(Relaxed)),
            bytes: ByteSize(self.lock().iter().map(Storage::bytes).sum()),
            reused: self.reused.load(Relaxed),
        }
    }

    /// Takes the oldest off the shelf until the rest is within the limit.
    fn trim(&self, shelved: &mut VecDeque<Storage>) -> Vec<Storage> {
        let limit = self.limit.load(Relaxed);
        let mut bytes: u64 = shelved.iter().map(Storage::bytes).sum();
        let mut beyond = Vec::new();
        while bytes > limit
            && let Some(oldest) = shelved.pop_front()
        {
            bytes -= oldest.bytes();
            beyond.push(oldest);
        }
        beyond
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Storage>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(budget: u64, limit: u64) -> Pool {
        let pool = Pool::new(Budget::new(ByteSize(budget)));
        pool.set_limit(ByteSize(limit));
        pool
    }

    /// As much memory as `samples` samples take, with something in it.
    fn storage(pool: &Pool, samples: usize) -> Storage {
        let (mut memory, charged) = pool.take(samples as u64 * 2).unwrap();
        memory.reserve_exact(samples);
        memory.resize(samples, 7);
        Storage::new(memory, charged)
    }

    #[test]
    fn memory_comes_back_empty_and_charged_once() {
        let pool = pool(1_000, 1_000);
        let used = storage(&pool, 100);
        let place = used.samples.as_ptr();
        pool.give(used);
        assert_eq!(pool.budget.used(), ByteSize(200), "kept, so charged");
        let (memory, charged) = pool.take(200).unwrap();
        assert_eq!(memory.as_ptr(), place, "the same memory");
        assert!(memory.is_empty() && memory.capacity() == 100);
        assert_eq!(pool.budget.used(), ByteSize(200));
        assert_eq!(pool.pooled().reused, 1);
        assert_eq!(pool.pooled().bytes, ByteSize(0));
        drop((memory, charged));
        assert_eq!(pool.budget.used(), ByteSize(0));
    }

    #[test]
    fn kept_memory_gives_way_the_oldest_first_and_no_more_than_needed() {
        let pool = pool(1_000, 1_000);
        let kept = [100, 101, 102].map(|samples| storage(&pool, samples));
        for kept in kept {
            pool.give(kept);
        }
        assert_eq!(pool.budget.used(), ByteSize(606));
        let (_, charged) = pool.take(500).unwrap();
        assert_eq!(pool.pooled().bytes, ByteSize(202 + 204));
        let over = pool.take(600).unwrap_err();
        assert_eq!(over.used, ByteSize(500), "nothing is kept any more");
        drop(charged);
        assert_eq!(pool.budget.used(), ByteSize(0));
    }

    #[test]
    fn no_more_is_kept_than_the_limit_says_and_a_smaller_one_holds_at_once() {
        let pool = pool(10_000, 500);
        let kept: Vec<_> = (0..4).map(|_| storage(&pool, 100)).collect();
        let large = storage(&pool, 251);
        for kept in kept {
            pool.give(kept);
        }
        assert_eq!(pool.pooled().bytes, ByteSize(400));
        pool.give(large);
        assert_eq!(pool.pooled().bytes, ByteSize(400), "too large to be kept");
        pool.set_limit(ByteSize(399));
        assert_eq!(pool.pooled().bytes, ByteSize(200));
        pool.set_limit(ByteSize(0));
        assert_eq!(pool.budget.used(), ByteSize(0), "off");
        let off = storage(&pool, 10);
        pool.give(off);
        assert_eq!(pool.budget.used(), ByteSize(0));
    }

    #[test]
    fn a_budget_that_shrank_takes_kept_memory_too() {
        let pool = pool(1_000, 1_000);
        let kept = storage(&pool, 100);
        pool.give(kept);
        pool.budget.set_limit(ByteSize(100));
        assert!(pool.take(200).is_err());
        assert_eq!(pool.budget.used(), ByteSize(0));
    }
}
