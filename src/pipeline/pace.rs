//! A file held to real time, and whose doing it is when it falls behind.

use std::time::Duration;

use tokio::time::Instant;

/// A file that falls this far behind its pace goes on from now instead of catching up.
const MAX_CATCH_UP: Duration = Duration::from_secs(1);

/// When the next block is due.
pub(super) struct Pace {
    due: Instant,
    /// So much of the time by which it is behind was spent reading the file.
    reading: Duration,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            due: now,
            reading: Duration::ZERO,
        }
    }

    /// A block of so much audio came, after we waited for it and the file was read for so long.
    /// Returns when it is due, and the time that was lost by this machine's doing: no CPU for us.
    pub(super) fn block(
        &mut self,
        now: Instant,
        length: Duration,
        (waited, read): (Duration, Duration),
    ) -> (Instant, Duration) {
        self.due += length;
        let behind = now.saturating_duration_since(self.due);
        // What was read while nobody waited held nothing up, and what has been caught up with is
        // over.
        self.reading = (self.reading + waited.min(read)).min(behind);
        let mut lost = Duration::ZERO;
        if behind > MAX_CATCH_UP {
            self.due += behind;
            lost = behind.saturating_sub(self.reading);
            self.reading = Duration::ZERO;
        }
        (self.due, lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: Duration = Duration::from_millis(100);
    const NOTHING: (Duration, Duration) = (Duration::ZERO, Duration::ZERO);

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn time_without_cpu_is_ours_also_while_something_is_decoded() {
        let began = Instant::now();
        let mut pace = Pace::new(began);
        // Three seconds were waited for a block, of which reading took a tenth of one.
        let late = began + seconds(3.1);
        let (due, lost) = pace.block(late, BLOCK, (seconds(3.0), seconds(0.1)));
        assert_eq!((due, lost), (late, seconds(2.9)));
        // Half a second is caught up with.
        let (due, lost) = pace.block(late + seconds(0.6), BLOCK, NOTHING);
        assert_eq!((due, lost), (late + BLOCK, Duration::ZERO));
    }

    #[test]
    fn time_that_reading_took_is_the_files() {
        let began = Instant::now();
        let mut pace = Pace::new(began);
        let late = began + seconds(5.1);
        let (due, lost) = pace.block(late, BLOCK, (seconds(5.0), seconds(5.0)));
        assert_eq!((due, lost), (late, Duration::ZERO));
        // In two goes, neither of which is too much.
        for behind in [0.7, 1.4] {
            let now = late + seconds(behind) + BLOCK.mul_f64(behind / 0.7);
            let (_, lost) = pace.block(now, BLOCK, (seconds(0.7), seconds(0.7)));
            assert_eq!(lost, Duration::ZERO, "{behind}");
        }
    }

    #[test]
    fn hours_of_reading_are_not_taken_off_a_later_stop() {
        let mut now = Instant::now();
        let mut pace = Pace::new(now);
        // Half a second behind all the time, and reading takes as long as the audio lasts.
        now += seconds(0.5);
        for _ in 0..36_000 {
            now += BLOCK;
            let (_, lost) = pace.block(now, BLOCK, (BLOCK, BLOCK));
            assert_eq!(lost, Duration::ZERO);
        }
        let (_, lost) = pace.block(now + seconds(10.0) + BLOCK, BLOCK, NOTHING);
        assert_eq!(lost, seconds(10.0));
    }

    #[test]
    fn what_is_read_ahead_holds_nothing_up() {
        let began = Instant::now();
        let mut pace = Pace::new(began);
        let (_, lost) = pace.block(began + seconds(3.1), BLOCK, (Duration::ZERO, seconds(3.0)));
        assert_eq!(lost, seconds(3.0));
    }
}
