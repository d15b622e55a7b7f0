//! The earliest that audio can have been, by when it came.

/// Marks older than one to two of these, in nanoseconds, say nothing about new audio.
const WINDOW: i64 = 10_000_000_000;

/// The least of the latest marks: arrival − frames ÷ rate, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    least: i64,
    least_before: i64,
    since: i64,
}

impl Clock {
    pub(super) const UNTOLD: Self = Self {
        least: i64::MAX,
        least_before: i64::MAX,
        since: i64::MIN,
    };

    pub(super) fn least(&self) -> i64 {
        self.least.min(self.least_before)
    }

    pub(super) fn mark(&mut self, start: i64, now: i64) {
        if now.saturating_sub(self.since) >= WINDOW {
            (self.least_before, self.least, self.since) = (self.least, start, now);
        } else {
            self.least = self.least.min(start);
        }
    }

    /// The axis was moved below it.
    pub(super) fn shift(&mut self, nanos: i64) {
        for least in [&mut self.least, &mut self.least_before] {
            if *least != i64::MAX {
                *least = least.saturating_add(nanos);
            }
        }
    }
}
