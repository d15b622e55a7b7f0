//! How much of the audio that was due has come, over the last minutes, hour and day.
//!
//! Kept as marks of running sums, four a minute for five minutes, one a minute for an hour and one
//! a quarter of an hour for a day: about 5 KB a source.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use crate::{coarse_clock::CoarseInstant, id::SourceId};

/// How far back a window goes, and the time between two of its marks.
const MINUTES: (Duration, Duration) = (Duration::from_secs(300), Duration::from_secs(15));
const HOUR: (Duration, Duration) = (Duration::from_secs(3_600), Duration::from_secs(60));
const DAY: (Duration, Duration) = (Duration::from_secs(86_400), Duration::from_secs(900));

/// What came of what was due, in one window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Covered {
    /// How far back it goes: less than asked for after a start.
    pub over: Duration,
    /// Seconds of audio that were due.
    pub expected_seconds: f64,
    /// Seconds of it that came.
    pub audio_seconds: f64,
    /// Sessions that ended in it.
    pub disconnects: u64,
}

impl Covered {
    /// The part that came, 0 to 1; `None` when nothing was due.
    pub fn ratio(&self) -> Option<f64> {
        let due = self.expected_seconds > 0.0;
        due.then(|| (self.audio_seconds / self.expected_seconds).clamp(0.0, 1.0))
    }
}

/// The windows of one source.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Coverage {
    /// The last five minutes.
    pub minutes: Covered,
    /// The last hour.
    pub hour: Covered,
    /// The last day.
    pub day: Covered,
}

/// The running sums of one source at one moment; audio in seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sums {
    pub(super) expected: f64,
    pub(super) audio: f64,
    pub(super) disconnects: u64,
}

/// The marks of all sources. The heartbeat keeps them.
#[derive(Debug, Default)]
pub(super) struct Coverages {
    of: HashMap<SourceId, Marks>,
}

#[derive(Debug, Default)]
struct Marks {
    minutes: VecDeque<(CoarseInstant, Sums)>,
    hour: VecDeque<(CoarseInstant, Sums)>,
    day: VecDeque<(CoarseInstant, Sums)>,
    last_expected: f64,
}

impl Coverages {
    /// Takes note of a source's sums, and yields what they mean.
    pub(super) fn note(&mut self, id: &SourceId, now: CoarseInstant, sums: Sums) -> Coverage {
        if !self.of.contains_key(id) {
            self.of.insert(id.clone(), Marks::default());
        }
        let Some(marks) = self.of.get_mut(id) else {
            return Coverage::default();
        };
        // A source that was removed and came back counts from its own beginning.
        if sums.expected < marks.last_expected {
            *marks = Marks::default();
        }
        marks.last_expected = sums.expected;
        Coverage {
            minutes: window(&mut marks.minutes, MINUTES, now, sums),
            hour: window(&mut marks.hour, HOUR, now, sums),
            day: window(&mut marks.day, DAY, now, sums),
        }
    }

    /// Forgets the sources that are not among these.
    pub(super) fn keep(&mut self, count: usize, is_there: impl Fn(&SourceId) -> bool) {
        if self.of.len() > count {
            self.of.retain(|id, _| is_there(id));
        }
    }
}

fn window(
    marks: &mut VecDeque<(CoarseInstant, Sums)>,
    (span, step): (Duration, Duration),
    now: CoarseInstant,
    sums: Sums,
) -> Covered {
    let since = |at: &CoarseInstant| now.saturating_since(*at);
    if marks.back().is_none_or(|(at, _)| since(at) >= step) {
        marks.push_back((now, sums));
    }
    // The oldest is the last one that lies outside.
    while marks.get(1).is_some_and(|(at, _)| since(at) >= span) {
        marks.pop_front();
    }
    let Some((at, first)) = marks.front() else {
        return Covered::default();
    };
    Covered {
        over: since(at).min(span),
        expected_seconds: (sums.expected - first.expected).max(0.0),
        audio_seconds: (sums.audio - first.audio).max(0.0),
        disconnects: sums.disconnects.saturating_sub(first.disconnects),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(expected: f64, audio: f64) -> Sums {
        Sums {
            expected,
            audio,
            disconnects: expected as u64 / 100,
        }
    }

    #[test]
    fn a_window_forgets_what_lies_before_it() {
        let garden = SourceId::new("garden").unwrap();
        let start = CoarseInstant::now();
        let mut all = Coverages::default();
        let mut told = Coverage::default();
        // Nothing comes in the first half hour, everything afterwards.
        for second in (0..=7_200).step_by(10) {
            let now = start.later(Duration::from_secs(second));
            let came = second.saturating_sub(1_800) as f64;
            told = all.note(&garden, now, sums(second as f64, came));
            if second == 1_800 {
                assert_eq!(told.hour.ratio(), Some(0.0));
                assert_eq!(
                    told.hour.over,
                    Duration::from_secs(1_800),
                    "since the start"
                );
            }
        }
        assert_eq!(told.hour.ratio(), Some(1.0));
        assert_eq!(told.hour.over, Duration::from_secs(3_600));
        assert_eq!((told.hour.disconnects, told.minutes.disconnects), (36, 3));
        assert_eq!(told.minutes.over, Duration::from_secs(300));
        assert_eq!(told.day.ratio(), Some(0.75));
        assert_eq!(told.day.over, Duration::from_secs(7_200));
        let marks = &all.of[&garden];
        assert!(
            marks.minutes.len() <= 22 && marks.hour.len() <= 62 && marks.day.len() <= 98,
            "{marks:?}"
        );
    }

    #[test]
    fn a_source_that_came_back_begins_anew() {
        let garden = SourceId::new("garden").unwrap();
        let start = CoarseInstant::now();
        let mut all = Coverages::default();
        all.note(&garden, start, sums(500.0, 0.0));
        let told = all.note(&garden, start.later(Duration::from_secs(5)), sums(4.0, 4.0));
        assert_eq!(told.hour, Covered::default());
        assert_eq!(told.hour.ratio(), None);
        all.keep(0, |_| false);
        assert!(all.of.is_empty());
    }
}
