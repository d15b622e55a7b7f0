//! Whether the thread still makes its rounds.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// How late a round may be; a busy machine makes some wait.
const LATE: Duration = Duration::from_secs(10);

/// When the last round ended, and until when the next one should have.
#[derive(Debug)]
pub(super) struct Pulse {
    began: Instant,
    last_ms: AtomicU64,
    due_ms: AtomicU64,
}

impl Pulse {
    pub(super) fn new() -> Self {
        let pulse = Self {
            began: Instant::now(),
            last_ms: AtomicU64::new(0),
            due_ms: AtomicU64::new(0),
        };
        pulse.beat(Duration::ZERO);
        pulse
    }

    /// A round has ended; the next one comes after this time.
    pub(super) fn beat(&self, period: Duration) {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let now = self.began.elapsed();
        self.last_ms.store(ms(now), Relaxed);
        self.due_ms.store(ms(now + period + LATE), Relaxed);
    }

    /// Since the last round.
    pub(super) fn age(&self) -> Duration {
        let last = Duration::from_millis(self.last_ms.load(Relaxed));
        self.began.elapsed().saturating_sub(last)
    }

    /// The age, where the next round should have ended long ago.
    pub(super) fn overdue(&self) -> Option<Duration> {
        let due = Duration::from_millis(self.due_ms.load(Relaxed));
        (self.began.elapsed() > due).then(|| self.age())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_overdue_when_a_round_does_not_end() {
        let minute = Duration::from_secs(60);
        let began = Instant::now().checked_sub(minute).unwrap();
        let pulse = Pulse {
            began,
            ..Pulse::new()
        };
        assert!(pulse.overdue().unwrap() >= minute);
        pulse.beat(Duration::from_secs(5));
        assert_eq!(pulse.overdue(), None);
        assert!(pulse.age() < minute);
    }
}
