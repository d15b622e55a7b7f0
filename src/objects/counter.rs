//! Counting up and, for certain, down again.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use super::Amount;

/// How many objects of a kind are held right now, and the bytes in them.
///
/// Counting takes two atomic additions; reading takes none of the counters' owners' time. The two
/// numbers are read one after the other, so that they may be one change apart.
#[derive(Debug, Default)]
pub struct Counter {
    count: AtomicU64,
    bytes: AtomicU64,
}

/// One object; dropping it, however that comes about, counts it down.
#[derive(Debug)]
pub struct Held {
    counter: Arc<Counter>,
    bytes: u64,
}

impl Counter {
    /// Counts an object of `bytes` up until the answer is dropped.
    #[must_use = "dropping it counts down"]
    pub fn hold(self: &Arc<Self>, bytes: u64) -> Held {
        self.count.fetch_add(1, Relaxed);
        self.bytes.fetch_add(bytes, Relaxed);
        Held {
            counter: Arc::clone(self),
            bytes,
        }
    }

    /// What is held.
    pub fn amount(&self) -> Amount {
        Amount::sized(self.count.load(Relaxed), self.bytes.load(Relaxed))
    }
}

impl Held {
    /// The object has another size now, in bytes.
    pub fn resize(&mut self, bytes: u64) {
        // Each holder's part is in the sum, so that it never falls below zero.
        if bytes >= self.bytes {
            self.counter.bytes.fetch_add(bytes - self.bytes, Relaxed);
        } else {
            self.counter.bytes.fetch_sub(self.bytes - bytes, Relaxed);
        }
        self.bytes = bytes;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.counter.count.fetch_sub(1, Relaxed);
        self.counter.bytes.fetch_sub(self.bytes, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever is taken, resized and given back in whatever order, the counter is the sum of
        /// what is held.
        #[test]
        fn the_counter_is_the_sum_of_what_is_held(
            steps in prop::collection::vec((0u8..3, 0u64..1_000_000, any::<prop::sample::Index>()), 0..200),
        ) {
            let counter = Arc::<Counter>::default();
            let mut held: Vec<Held> = Vec::new();
            for (step, bytes, which) in steps {
                match step {
                    0 => held.push(counter.hold(bytes)),
                    _ if held.is_empty() => {}
                    1 => {
                        let at = which.index(held.len());
                        held[at].resize(bytes);
                    }
                    _ => drop(held.swap_remove(which.index(held.len()))),
                }
                let sum = held.iter().map(|held| held.bytes).sum();
                prop_assert_eq!(counter.amount(), Amount::sized(held.len() as u64, sum));
            }
            drop(held);
            prop_assert_eq!(counter.amount(), Amount::sized(0, 0));
        }
    }

    #[test]
    fn nothing_is_left_by_threads_that_race_and_die() {
        let counter = Arc::<Counter>::default();
        std::thread::scope(|scope| {
            for thread in 0..8_u64 {
                let counter = &counter;
                scope.spawn(move || {
                    for round in 0..2_000 {
                        let mut held = counter.hold(round);
                        held.resize(round * thread);
                        if round % 100 == 0 {
                            let died =
                                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                                    let _held = counter.hold(7);
                                    std::panic::resume_unwind(Box::new("on purpose"));
                                }));
                            assert!(died.is_err());
                        }
                    }
                });
            }
        });
        assert_eq!(counter.amount(), Amount::sized(0, 0));
    }
}
