//! The wall clock's time of audio, which is dated by a clock that nobody sets.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

/// A wall clock that is off by no more was read in a hurry, not set. Audio is not dated
/// that well either.
const SET: Duration = Duration::from_millis(20);

/// Both clocks, as they were when they were last found to differ from what is known. All
/// requests until the wall clock is set again use the same pair, so that ranges meet.
#[derive(Debug, Default)]
pub(super) struct Clocks(Mutex<Option<Moment>>);

impl Clocks {
    pub(super) fn now(&self) -> Moment {
        self.agree(Moment {
            wall: SystemTime::now(),
            monotonic: Instant::now(),
        })
    }

    fn agree(&self, read: Moment) -> Moment {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pair = kept.get_or_insert(read);
        let wall = pair.wall(read.monotonic);
        let off = wall.duration_since(read.wall);
        if off.unwrap_or_else(|ahead| ahead.duration()) > SET {
            *pair = read;
            return read;
        }
        Moment { wall, ..read }
    }
}

/// The same moment on both clocks. Taken once for each request, so that a wall clock that
/// is set meanwhile does no harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) wall: SystemTime,
    pub(super) monotonic: Instant,
}

impl Moment {
    /// The wall clock's time of a moment.
    pub(super) fn wall(&self, time: Instant) -> SystemTime {
        let moved = match self.monotonic.checked_duration_since(time) {
            Some(before) => self.wall.checked_sub(before),
            None => self.wall.checked_add(time.duration_since(self.monotonic)),
        };
        moved.unwrap_or(self.wall)
    }

    /// The moment of a time that lies in the past; how long ago it was.
    pub(super) fn past(&self, wall: SystemTime) -> Option<(Instant, Duration)> {
        let ago = self.wall.duration_since(wall).ok()?;
        Some((self.monotonic.checked_sub(ago)?, ago))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_date_alike_until_the_clock_is_set() {
        let (clocks, wall, monotonic) = (Clocks::default(), SystemTime::now(), Instant::now());
        let ask = |seconds: u64, ahead: i64| {
            let passed = Duration::from_secs(seconds);
            let wall = wall + passed + Duration::from_millis(1_000 + ahead.unsigned_abs())
                - Duration::from_millis(if ahead < 0 {
                    2 * ahead.unsigned_abs()
                } else {
                    0
                });
            let now = clocks.agree(Moment {
                wall,
                monotonic: monotonic + passed,
            });
            now.wall(monotonic)
        };
        let told = wall + Duration::from_secs(1);
        let millis = Duration::from_millis;
        // Read with some delay between the two, this way and that.
        for (n, ahead) in [0, 3, -7, 19, -19].into_iter().enumerate() {
            assert_eq!(ask(n as u64, ahead), told, "{ahead} ms");
        }
        // Set, and read by one and the same pair from then on.
        assert_eq!(ask(10, 3_600_000), told + millis(3_600_000));
        assert_eq!(ask(11, 3_600_015), told + millis(3_600_000));
        assert_eq!(ask(12, -30), told - millis(30));
    }
}
