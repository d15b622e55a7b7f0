//! Whether a number keeps growing.

use std::{collections::VecDeque, time::Duration};

/// How many minutes a number must grow for to be called growing.
pub const GROWTH_MINUTES: usize = 10;

const MINUTE: Duration = Duration::from_secs(60);

/// The least of each of the last minutes.
///
/// What comes and goes has a low point in each minute; only what is not given back lifts the low
/// points. So a busy number is not taken for a growing one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trend {
    /// The least of each full minute, the oldest first.
    lows: VecDeque<u64>,
    /// The minute at hand, and its least so far.
    current: Option<(u64, u64)>,
}

impl Trend {
    /// Takes the number as it is `since` some fixed moment.
    pub fn take(&mut self, since: Duration, number: u64) {
        let minute = since.as_secs() / MINUTE.as_secs();
        match &mut self.current {
            Some((at, low)) if *at == minute => *low = number.min(*low),
            Some((at, low)) => {
                let gap = minute.saturating_sub(*at) > 1;
                self.lows.push_back(*low);
                if self.lows.len() > GROWTH_MINUTES {
                    self.lows.pop_front();
                }
                // A machine that slept, or a clock that stood: what lies between is not known.
                if gap {
                    self.lows.clear();
                }
                self.current = Some((minute, number));
            }
            None => self.current = Some((minute, number)),
        }
    }

    /// Whether the low point rose over [`GROWTH_MINUTES`] full minutes without ever falling, and
    /// in more than half of the steps.
    pub fn is_growing(&self) -> bool {
        let steps = || self.lows.iter().zip(self.lows.iter().skip(1));
        let rises = steps().filter(|(earlier, later)| later > earlier).count();
        self.lows.len() == GROWTH_MINUTES
            && steps().all(|(earlier, later)| later >= earlier)
            && rises > (GROWTH_MINUTES - 1) / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number each second for so many minutes.
    fn after(minutes: u64, number: impl Fn(u64) -> u64) -> Trend {
        let mut trend = Trend::default();
        for second in 0..minutes * 60 {
            trend.take(Duration::from_secs(second), number(second));
        }
        trend
    }

    #[test]
    fn only_low_points_that_rise_are_growth() {
        assert!(after(12, |second| second / 30).is_growing(), "a leak");
        assert!(
            after(12, |second| second / 60 + second % 60).is_growing(),
            "a leak under a load that comes and goes"
        );
        assert!(
            after(13, |second| second / 110).is_growing(),
            "a slow leak: one in 110 s"
        );
        assert!(!after(12, |second| second % 60 * 10).is_growing(), "a load");
        assert!(!after(60, |_| 5).is_growing(), "at rest");
        assert!(!after(9, |second| second).is_growing(), "not yet");
        assert!(!after(60, |second| second.min(300)).is_growing(), "warm-up");
        assert!(
            !after(18, |second| u64::from(second >= 720)).is_growing(),
            "one step"
        );
        assert!(
            !after(18, |second| second % 60 * second).is_growing(),
            "a load whose peaks rise"
        );
    }

    #[test]
    fn what_was_not_seen_is_not_taken_for_growth() {
        let mut trend = after(11, |second| second);
        assert!(trend.is_growing());
        trend.take(Duration::from_secs(100 * 60), 1_000_000);
        assert!(!trend.is_growing());
    }
}
