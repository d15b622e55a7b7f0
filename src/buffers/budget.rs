//! The memory budget: what all buffers together may hold.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use crate::units::ByteSize;

/// Bytes that may be reserved, and those that are.
#[derive(Debug)]
pub struct Budget {
    limit: AtomicU64,
    used: AtomicU64,
}

/// A part of a [`Budget`]; dropping it gives the bytes back.
#[derive(Debug)]
pub struct Reservation {
    budget: Arc<Budget>,
    bytes: u64,
}

/// A reservation that did not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverBudget {
    /// Bytes in use at that moment.
    pub used: ByteSize,
    /// The budget's limit.
    pub limit: ByteSize,
}

impl Budget {
    /// A budget of `limit` bytes, all free.
    pub fn new(limit: ByteSize) -> Arc<Self> {
        Arc::new(Self {
            limit: AtomicU64::new(limit.0),
            used: AtomicU64::new(0),
        })
    }

    /// Reserves `bytes`, all or nothing; never lets the sum exceed the limit.
    ///
    /// # Errors
    /// [`OverBudget`] when they do not fit.
    pub fn reserve(self: &Arc<Self>, bytes: u64) -> Result<Reservation, OverBudget> {
        let limit = self.limit().0;
        // Only the sum matters, and no other memory is published by it.
        self.used
            .fetch_update(Relaxed, Relaxed, |used| {
                used.checked_add(bytes).filter(|sum| *sum <= limit)
            })
            .map(|_| Reservation {
                budget: Arc::clone(self),
                bytes,
            })
            .map_err(|used| OverBudget {
                used: ByteSize(used),
                limit: self.limit(),
            })
    }

    /// Changes the limit. What is reserved stays reserved.
    pub fn set_limit(&self, limit: ByteSize) {
        self.limit.store(limit.0, Relaxed);
    }

    /// Bytes in use.
    pub fn used(&self) -> ByteSize {
        ByteSize(self.used.load(Relaxed))
    }

    /// Bytes that may be in use.
    pub fn limit(&self) -> ByteSize {
        ByteSize(self.limit.load(Relaxed))
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever is reserved and given back in whatever order, the budget equals the sum
        /// of what is held, and a reservation is refused exactly when it does not fit.
        #[test]
        fn used_is_the_sum_of_what_is_held(
            limit in 0u64..2_000,
            steps in prop::collection::vec((any::<bool>(), prop_oneof![0u64..1_000, Just(u64::MAX)]), 0..200),
        ) {
            let budget = Budget::new(ByteSize(limit));
            let mut held: Vec<Reservation> = Vec::new();
            for (take, amount) in steps {
                let sum: u64 = held.iter().map(|r| r.bytes).sum();
                if take {
                    let fits = u128::from(sum) + u128::from(amount) <= u128::from(limit);
                    match budget.reserve(amount) {
                        Ok(reservation) => {
                            prop_assert!(fits);
                            held.push(reservation);
                        }
                        Err(refused) => {
                            prop_assert!(!fits);
                            prop_assert_eq!(refused, OverBudget { used: ByteSize(sum), limit: ByteSize(limit) });
                        }
                    }
                } else if !held.is_empty() {
                    held.swap_remove(amount as usize % held.len());
                }
                let sum: u64 = held.iter().map(|r| r.bytes).sum();
                prop_assert_eq!(budget.used(), ByteSize(sum));
            }
            held.clear();
            prop_assert_eq!(budget.used(), ByteSize(0));
        }
    }

    #[test]
    fn threads_never_exceed_the_limit_together() {
        let budget = Budget::new(ByteSize(10));
        let granted: usize = std::thread::scope(|scope| {
            let grab = || {
                scope.spawn(|| {
                    let held: Vec<_> = (0..1_000).map_while(|_| budget.reserve(1).ok()).collect();
                    assert!(budget.used() <= ByteSize(10));
                    let got = held.len();
                    std::mem::forget(held);
                    got
                })
            };
            let threads: Vec<_> = (0..4).map(|_| grab()).collect();
            threads.into_iter().map(|t| t.join().unwrap()).sum()
        });
        assert_eq!(granted, 10);
    }
}
