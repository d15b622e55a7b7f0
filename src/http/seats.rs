//! The connection cap.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio_util::sync::CancellationToken;

/// At most `capacity` connections. When all seats are taken, a newcomer gets that of the
/// connection that has waited longest without a request in progress: silent or slow
/// clients cannot lock out a scrape.
#[derive(Debug)]
pub(super) struct Seats {
    capacity: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    count: usize,
    next: u64,
    /// Those without a request in progress, longest first.
    waiting: BTreeMap<u64, CancellationToken>,
}

/// One connection's seat, given back on drop.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Arc<Seats>,
    evicted: CancellationToken,
    /// Its key among those that wait.
    ticket: Mutex<Option<u64>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing between lock and unlock can panic half-way.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Taken {
    fn queue(&mut self, token: &CancellationToken) -> u64 {
        let ticket = self.next;
        self.next += 1;
        self.waiting.insert(ticket, token.clone());
        ticket
    }
}

impl Seats {
    pub(super) fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self {
            capacity,
            taken: Mutex::default(),
        })
    }

    /// A seat, and whether another connection lost its own; `None` when all are busy.
    pub(super) fn take(self: &Arc<Self>) -> Option<(Seat, bool)> {
        let mut taken = lock(&self.taken);
        let full = taken.count >= self.capacity;
        if full {
            let (_, longest) = taken.waiting.pop_first()?;
            longest.cancel();
        } else {
            taken.count += 1;
        }
        let evicted = CancellationToken::new();
        let ticket = taken.queue(&evicted);
        drop(taken);
        let seat = Seat {
            seats: Arc::clone(self),
            evicted,
            ticket: Mutex::new(Some(ticket)),
        };
        Some((seat, full))
    }

    /// Takes its seat from the connection that has waited longest; false when all are busy.
    pub(super) fn evict(&self) -> bool {
        let mut taken = lock(&self.taken);
        let Some((_, longest)) = taken.waiting.pop_first() else {
            return false;
        };
        longest.cancel();
        taken.count -= 1;
        true
    }
}

impl Seat {
    /// A request has begun: the seat is safe.
    pub(super) fn busy(&self) {
        if let Some(ticket) = lock(&self.ticket).take() {
            lock(&self.seats.taken).waiting.remove(&ticket);
        }
    }

    /// The request was answered: the connection waits again, last in line.
    pub(super) fn waits(&self) {
        if !self.evicted.is_cancelled() {
            *lock(&self.ticket) = Some(lock(&self.seats.taken).queue(&self.evicted));
        }
    }

    /// Completes when the seat was given to another. Cancellation safe.
    pub(super) async fn evicted(&self) {
        self.evicted.cancelled().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.busy();
        // An evicted connection's seat is already someone else's.
        if !self.evicted.is_cancelled() {
            lock(&self.seats.taken).count -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_that_waited_longest_makes_room() {
        let seats = Seats::new(2);
        let (first, _) = seats.take().unwrap();
        let (second, _) = seats.take().unwrap();
        first.busy();
        first.waits();
        let (third, evicting) = seats.take().unwrap();
        assert!(evicting && second.evicted.is_cancelled() && !first.evicted.is_cancelled());
        first.busy();
        third.busy();
        assert!(seats.take().is_none(), "both are busy");
        drop(second);
        assert!(seats.take().is_none(), "its seat was not its own any more");
        drop(third);
        let (_fourth, evicting) = seats.take().unwrap();
        assert!(!evicting);
    }

    #[test]
    fn a_seat_is_taken_from_who_waits_and_from_nobody_else() {
        let seats = Seats::new(2);
        let (busy, _) = seats.take().unwrap();
        busy.busy();
        let (waits, _) = seats.take().unwrap();
        assert!(seats.evict() && waits.evicted.is_cancelled());
        assert!(!seats.evict() && !busy.evicted.is_cancelled());
        drop(waits);
        assert_eq!(lock(&seats.taken).count, 1);
        let (_next, evicting) = seats.take().unwrap();
        assert!(!evicting);
    }

    #[test]
    fn every_seat_comes_back() {
        let seats = Seats::new(3);
        for round in 0..50 {
            let held: Vec<_> = (0..round % 6).filter_map(|_| seats.take()).collect();
            held.iter().step_by(2).for_each(|(seat, _)| seat.busy());
        }
        assert_eq!(lock(&seats.taken).count, 0);
        assert!(lock(&seats.taken).waiting.is_empty());
    }
}
