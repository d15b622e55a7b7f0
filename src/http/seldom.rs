//! Saying seldom what happens again and again.

use std::time::{Duration, Instant};

/// Between two lines about the same, at least.
const ENOUGH: Duration = Duration::from_secs(60);

/// What is said the first time, and then once a minute at most.
#[derive(Debug, Default)]
pub(super) struct Seldom {
    said: Option<Instant>,
    unsaid: u64,
}

impl Seldom {
    /// Takes note that it has happened once more. If that is to be said: how often it was not since
    /// it last was.
    pub(super) fn happened(&mut self, now: Instant) -> Option<u64> {
        let enough = |at| now.saturating_duration_since(at) > ENOUGH;
        if self.said.is_none_or(enough) {
            self.said = Some(now);
            return Some(std::mem::take(&mut self.unsaid));
        }
        self.unsaid += 1;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_counted_until_it_is() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut seldom = Seldom::default();
        let said = [0, 1, 30, 60, 61, 62, 122, 123, 300].map(|s| seldom.happened(at(s)));
        let (first, minute, again, last) = (Some(0), Some(3), Some(1), Some(1));
        assert_eq!(
            said,
            [first, None, None, None, minute, None, again, None, last]
        );
    }
}
