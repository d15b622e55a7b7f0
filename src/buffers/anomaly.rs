//! Whether a source keeps asking for a buffer that it has, or cannot have.
//!
//! Judged by the ledger alone, over the last five minutes. The threshold is that of the alert
//! `HighRepeatedBufferAllocations`: a source that flaps with its backoff stays below it.

use std::{collections::VecDeque, fmt, time::Duration};

use crate::closed_set::closed_set;

/// How far back attempts count.
const WINDOW: Duration = Duration::from_secs(300);
/// Attempts of one outcome in each second, over [`WINDOW`], beyond which it is an anomaly.
const THRESHOLD: f64 = 0.1;
/// How often the ledger is looked at; more often tells nothing more.
const STEP: Duration = Duration::from_secs(5);

closed_set! {
    /// What a source keeps doing.
    pub enum AnomalyKind {
        /// It asks again and again for the buffer that it has.
        Repeating => "repeating",
        /// It asks again and again for a buffer that it cannot have.
        Failing => "failing",
    }
}

/// A source that keeps asking.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AllocationAnomaly {
    /// In which way.
    pub kind: AnomalyKind,
    /// Attempts of that kind in each second, over the last five minutes.
    pub per_second: f64,
    /// How long it has been beyond the threshold.
    pub lasting: Duration,
}

/// The ledger's counters at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) repeated: u64,
    pub(super) errors: u64,
}

/// The counters of the last five minutes, and since when they are beyond the threshold.
#[derive(Debug, Default)]
pub(super) struct History {
    /// Times since an origin of the caller's choice.
    counts: VecDeque<(Duration, Counts)>,
    since: [Option<Duration>; AnomalyKind::COUNT],
}

impl History {
    /// Looks at the counters. `now` never goes back.
    pub(super) fn note(&mut self, now: Duration, counts: Counts) {
        if self.counts.is_empty() {
            // The books begin empty; without this the attempts until the first look
            // would not count.
            self.counts.push_back((now, Counts::default()));
        }
        // The one at the window's start stays: the increase is counted from it.
        while (self.counts.get(1)).is_some_and(|(at, _)| now.saturating_sub(*at) >= WINDOW) {
            self.counts.pop_front();
        }
        // The last one is replaced until it is a step away from the one before.
        let last_but_one = self.counts.iter().rev().nth(1);
        if last_but_one.is_some_and(|(at, _)| now.saturating_sub(*at) < STEP) {
            self.counts.pop_back();
        }
        self.counts.push_back((now, counts));
        for kind in AnomalyKind::ALL {
            let beyond = self.per_second(*kind) > THRESHOLD;
            let since = &mut self.since[kind.index()];
            *since = if beyond { since.or(Some(now)) } else { None };
        }
    }

    /// What is wrong, the worse of two.
    pub(super) fn anomaly(&self) -> Option<AllocationAnomaly> {
        let now = self.counts.back()?.0;
        let found = AnomalyKind::ALL.iter().filter_map(|kind| {
            let since = self.since[kind.index()]?;
            Some(AllocationAnomaly {
                kind: *kind,
                per_second: self.per_second(*kind),
                lasting: now.saturating_sub(since),
            })
        });
        found.max_by(|a, b| a.per_second.total_cmp(&b.per_second))
    }

    /// Over the whole window, also when less of it has passed: a few attempts at the start
    /// are no rate.
    fn per_second(&self, kind: AnomalyKind) -> f64 {
        let of = |counts: &Counts| match kind {
            AnomalyKind::Repeating => counts.repeated,
            AnomalyKind::Failing => counts.errors,
        };
        let (Some((_, old)), Some((_, new))) = (self.counts.front(), self.counts.back()) else {
            return 0.0;
        };
        of(new).saturating_sub(of(old)) as f64 / WINDOW.as_secs_f64()
    }
}

impl fmt::Display for AllocationAnomaly {
    /// In words, with what to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, remedy) = match self.kind {
            AnomalyKind::Repeating => (
                "asks again and again for the buffer that it has",
                "its sessions begin faster than the backoff should let them; see why they end, \
                 and connect.backoff",
            ),
            AnomalyKind::Failing => (
                "asks again and again for a buffer that it cannot have",
                "its errors are counted by type, and the log says of each what to do; for \
                 over_budget, raise buffers.memory_budget or shorten buffers.capture.duration",
            ),
        };
        let (rate, lasting) = (self.per_second, self.lasting.as_secs());
        write!(
            f,
            "{what}, {rate:.2} times a second for {lasting} s: {remedy}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a source that does so much in each second is judged to do, second by second.
    fn judged(repeats: f64, errors: f64, seconds: u64) -> Vec<Option<AnomalyKind>> {
        let mut history = History::default();
        (0..seconds)
            .map(|second| {
                let counts = Counts {
                    repeated: (repeats * second as f64) as u64,
                    errors: (errors * second as f64) as u64,
                };
                history.note(Duration::from_secs(second), counts);
                assert!(history.counts.len() < 80, "bounded");
                Some(history.anomaly()?.kind)
            })
            .collect()
    }

    #[test]
    fn beyond_the_threshold_it_is_an_anomaly_and_below_it_is_not() {
        use AnomalyKind::{Failing, Repeating};
        for (repeats, errors, seconds, expected) in [
            (0.0, 0.0, 900, None),
            // A source that flaps at the backoff's cap, and one just below the threshold.
            (1.0 / 30.0, 0.0, 900, None),
            (0.099, 0.0, 900, None),
            (0.11, 0.0, 900, Some(Repeating)),
            (0.0, 0.11, 900, Some(Failing)),
            (0.2, 5.0, 900, Some(Failing)),
            // A hot loop is seen soon, not after five minutes.
            (10.0, 0.0, 6, Some(Repeating)),
            // A few attempts at the start are no loop.
            (1.0, 0.0, 20, None),
        ] {
            let last = *judged(repeats, errors, seconds).last().unwrap();
            assert_eq!(last, expected, "{repeats} {errors} {seconds}");
        }
    }

    #[test]
    fn it_begins_when_the_rate_does_and_ends_five_minutes_after_it() {
        let mut history = History::default();
        let mut repeated = 0;
        let mut states = Vec::new();
        for second in 0..1_000 {
            if (100..200).contains(&second) {
                repeated += 1;
            }
            let counts = Counts {
                repeated,
                errors: 0,
            };
            history.note(Duration::from_secs(second), counts);
            let anomaly = history.anomaly();
            if let Some(anomaly) = anomaly {
                assert_eq!(anomaly.lasting.as_secs(), second - 130);
                assert!(anomaly.to_string().contains("backoff"), "{anomaly}");
            }
            states.push(anomaly.is_some());
        }
        let begins = states.iter().position(|on| *on).unwrap();
        let ends = states.iter().rposition(|on| *on).unwrap();
        assert_eq!(begins, 130, "the 31st repeat");
        assert!((460..=480).contains(&ends), "{ends}");
    }
}
