//! How many connections may be being opened at once, per host and in all.
//!
//! A source waits for its turn before it dials and gives it back when its session plays or
//! has failed. Those who wait for one host wait in that host's own line, in the order in
//! which they came, and only the foremost of each line stand in the common one: a dead host
//! with hundreds of sources holds its own share of the turns and never those of the others.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many connections may be being opened at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DialLimits {
    /// To one host, at least 1.
    pub per_host: usize,
    /// In all, at least 1.
    pub total: usize,
}

impl Default for DialLimits {
    fn default() -> Self {
        Self {
            per_host: 4,
            total: 32,
        }
    }
}

/// Hands out turns; clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Gate(Arc<Mutex<Lines>>);

#[derive(Debug)]
struct Lines {
    limits: DialLimits,
    total: Arc<Semaphore>,
    hosts: HashMap<String, Arc<Semaphore>>,
}

impl Default for Lines {
    fn default() -> Self {
        Self::new(DialLimits::default())
    }
}

impl Lines {
    fn new(limits: DialLimits) -> Self {
        Self {
            limits,
            total: Arc::new(Semaphore::new(limits.total)),
            hosts: HashMap::new(),
        }
    }
}

/// The right to open one connection; dropping it lets the next one in.
#[derive(Debug)]
pub struct Turn {
    // In this order: the place is the last to leave, and takes an empty line with it.
    _of_total: Option<OwnedSemaphorePermit>,
    _of_host: Option<OwnedSemaphorePermit>,
    _place: Place,
}

/// A place in the line of one host, waiting or having its turn.
#[derive(Debug)]
struct Place {
    gate: Gate,
    host: String,
    line: Arc<Semaphore>,
    total: Arc<Semaphore>,
}

impl Gate {
    /// Changes the limits. Who waits or has a turn already keeps it under the old ones.
    pub(super) fn set_limits(&self, limits: DialLimits) {
        let mut lines = self.lock();
        if lines.limits != limits {
            *lines = Lines::new(limits);
        }
    }

    /// Waits for a turn, first come first served. Cancellation safe: whoever stops waiting
    /// leaves the line.
    pub(super) async fn enter(&self, host: &str) -> Turn {
        let place = self.place(host.to_ascii_lowercase());
        // Nobody closes these semaphores, so both always grant a permit.
        let of_host = Arc::clone(&place.line).acquire_owned().await.ok();
        let of_total = Arc::clone(&place.total).acquire_owned().await.ok();
        Turn {
            _of_total: of_total,
            _of_host: of_host,
            _place: place,
        }
    }

    fn place(&self, host: String) -> Place {
        let mut lines = self.lock();
        let per_host = lines.limits.per_host;
        let line = lines
            .hosts
            .entry(host.clone())
            .or_insert_with(|| Arc::new(Semaphore::new(per_host)));
        let line = Arc::clone(line);
        let total = Arc::clone(&lines.total);
        drop(lines);
        Place {
            gate: self.clone(),
            host,
            line,
            total,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        // No change below the lock can be left half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut lines = self.gate.lock();
        // The map and this place are the only ones left that know the line.
        let last =
            |line: &Arc<Semaphore>| Arc::ptr_eq(line, &self.line) && Arc::strong_count(line) == 2;
        if lines.hosts.get(&self.host).is_some_and(last) {
            lines.hosts.remove(&self.host);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt as _, poll};

    use super::*;

    fn gate(per_host: usize, total: usize) -> Gate {
        let gate = Gate::default();
        gate.set_limits(DialLimits { per_host, total });
        gate
    }

    fn known_hosts(gate: &Gate) -> usize {
        gate.lock().hosts.len()
    }

    #[tokio::test]
    async fn a_host_full_of_waiters_leaves_the_other_hosts_their_turns() {
        let gate = gate(2, 3);
        let held = [gate.enter("dead").await, gate.enter("DEAD").await];
        let mut waiting: Vec<_> = (0..300).map(|_| Box::pin(gate.enter("dead"))).collect();
        for waiter in &mut waiting {
            assert!(poll!(waiter.as_mut()).is_pending(), "two at most");
        }
        let other = gate.enter("alive").now_or_never();
        assert!(other.is_some(), "the third turn is for another host");
        let mut fourth = Box::pin(gate.enter("more"));
        assert!(poll!(fourth.as_mut()).is_pending(), "three in all");
        drop(other);
        assert!(poll!(fourth.as_mut()).is_ready());
        drop(held);
    }

    #[tokio::test]
    async fn turns_come_in_the_order_of_asking_and_a_leaver_holds_nobody_up() {
        let gate = gate(1, 1);
        let first = gate.enter("host").await;
        let mut leaves = Box::pin(gate.enter("host"));
        let mut second = Box::pin(gate.enter("host"));
        let mut third = Box::pin(gate.enter("host"));
        for waiter in [&mut leaves, &mut second, &mut third] {
            assert!(poll!(waiter.as_mut()).is_pending());
        }
        drop(leaves);
        drop(first);
        assert!(poll!(third.as_mut()).is_pending(), "the second comes first");
        let second = second.now_or_never().expect("its turn");
        drop(second);
        drop(third.now_or_never().expect("its turn"));
        assert_eq!(known_hosts(&gate), 0, "an empty line is forgotten");
    }

    #[tokio::test]
    async fn new_limits_hold_for_those_who_come_later() {
        let gate = gate(1, 1);
        let old = gate.enter("host").await;
        gate.set_limits(DialLimits {
            per_host: 1,
            total: 2,
        });
        let new = gate.enter("host").now_or_never().expect("a new line");
        let mut waits = Box::pin(gate.enter("host"));
        assert!(poll!(waits.as_mut()).is_pending());
        drop(old);
        assert!(
            poll!(waits.as_mut()).is_pending(),
            "an old turn is no new one"
        );
        drop(new);
        drop(waits.now_or_never().expect("its turn"));
        assert_eq!(known_hosts(&gate), 0);
    }
}
