//! A clock for stamps on the way of every block of audio.
//!
//! It reads what the kernel noted at its last timer tick (1 to 10 ms ago), which costs a
//! fraction of a precise reading. It never goes back, and stands still while the machine sleeps.

use std::time::{Duration, SystemTime};

use rustix::time::{ClockId, clock_gettime};

/// A moment on the coarse monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CoarseInstant {
    nanos: u64,
}

impl CoarseInstant {
    /// Now, or at most one timer tick earlier.
    #[inline]
    pub fn now() -> Self {
        Self::read(ClockId::MonotonicCoarse)
    }

    /// How long ago it was; a timer tick too much at most.
    pub fn elapsed(self) -> Duration {
        // The precise clock of the same time line, so that one moment is always told alike.
        Self::read(ClockId::Monotonic).saturating_since(self)
    }

    /// The time from `earlier` to this moment; zero if it was later.
    pub fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.nanos.saturating_sub(earlier.nanos))
    }

    /// A moment so much later.
    #[cfg(test)]
    pub(crate) fn later(self, by: Duration) -> Self {
        Self {
            nanos: self.nanos + by.as_nanos() as u64,
        }
    }

    /// A moment so much earlier, since the start of the machine.
    #[cfg(test)]
    pub(crate) fn earlier(self, by: Duration) -> Self {
        Self {
            nanos: self.nanos - by.as_nanos() as u64,
        }
    }

    /// When that was by today's wall clock: a clock that was set in between is right here.
    /// Wrong by the time that the machine has slept since.
    pub fn wall(self) -> SystemTime {
        let now = SystemTime::now();
        now.checked_sub(self.elapsed())
            .unwrap_or(SystemTime::UNIX_EPOCH)
    }

    #[inline]
    fn read(clock: ClockId) -> Self {
        let now = clock_gettime(clock);
        // Neither is negative; 584 years of uptime fit.
        let nanos = now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64;
        Self { nanos }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_with_the_precise_clocks() {
        let tick = Duration::from_millis(20);
        let precise = std::time::Instant::now();
        let coarse = CoarseInstant::now();
        while precise.elapsed() < 2 * tick {
            assert!(CoarseInstant::now() >= coarse);
        }
        let passed = CoarseInstant::now().saturating_since(coarse);
        assert!(passed > tick, "{passed:?}");
        assert!(coarse.elapsed() >= passed);
        assert_eq!(
            coarse.saturating_since(CoarseInstant::now()),
            Duration::ZERO
        );
    }

    #[test]
    fn one_moment_is_always_told_alike() {
        let moment = CoarseInstant::now();
        let told: Vec<_> = (0..100).map(|_| moment.wall()).collect();
        let (first, last) = (told.iter().min().unwrap(), told.iter().max().unwrap());
        let apart = last.duration_since(*first).unwrap();
        assert!(apart < Duration::from_millis(50), "{apart:?}");
        let now = SystemTime::now();
        assert!(now.duration_since(told[0]).unwrap() < Duration::from_secs(5));
    }
}
