//! The newest samples, one by one.

use std::collections::VecDeque;

use super::statistics::{MOST_POINTS, median};

/// A jump of less than this part of what was held is no spike.
const LEAST_JUMP: f64 = 0.10;
/// Nor is one of fewer bytes.
const LEAST_BYTES: f64 = 1024.0 * 1024.0;

/// One jump is at least this part of all that the samples rose by. Of many it is growth.
const OF_THE_RISE: f64 = 0.5;
/// The oldest samples that make the level before.
const OLDEST: usize = 5;

/// A jump that has not gone back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spike {
    /// When, seconds.
    pub at: f64,
    /// Bytes above anything shortly before.
    pub height: f64,
    /// The height relative to what a spike needs, 1 and more.
    pub evidence: f64,
}

/// The newest samples, oldest first: seconds and bytes.
#[derive(Clone, Debug)]
pub(super) struct Recent {
    samples: VecDeque<(f64, f64)>,
    window: usize,
}

impl Recent {
    pub(super) fn new(window: usize) -> Self {
        Self {
            samples: VecDeque::with_capacity(window),
            window,
        }
    }

    pub(super) fn add(&mut self, at: f64, bytes: f64) {
        if self.samples.len() == self.window {
            self.samples.pop_front();
        }
        self.samples.push_back((at, bytes));
    }

    pub(super) fn len(&self) -> usize {
        self.samples.len()
    }

    pub(super) fn capacity(&self) -> usize {
        self.samples.capacity()
    }

    pub(super) fn last(&self) -> Option<(f64, f64)> {
        self.samples.back().copied()
    }

    /// Seconds and bytes, the newest first.
    pub(super) fn newest(&self) -> impl Iterator<Item = (f64, f64)> {
        self.samples.iter().rev().copied()
    }

    /// Bytes, the oldest first.
    pub(super) fn values(&self) -> impl ExactSizeIterator<Item = f64> + Clone {
        self.samples.iter().map(|(_, bytes)| *bytes)
    }

    /// The median of the newest samples up to `until`, at most `most` of them.
    pub(super) fn level(&self, until: f64, most: usize) -> Option<f64> {
        let mut newest = [0.0; MOST_POINTS];
        let mut count = 0;
        let up_to = self.samples.iter().rev().filter(|(at, _)| *at <= until);
        for (slot, (_, bytes)) in newest.iter_mut().zip(up_to.take(most)) {
            *slot = *bytes;
            count += 1;
        }
        (count > 0).then(|| median(&mut newest[..count]))
    }

    /// The least of the newer half.
    pub(super) fn floor(&self) -> f64 {
        let newest = self.newest().map(|(_, bytes)| bytes);
        newest
            .take(self.len().div_ceil(2))
            .fold(f64::INFINITY, f64::min)
    }

    /// When the oldest was taken, seconds.
    pub(super) fn since(&self) -> Option<f64> {
        self.samples.front().map(|(at, _)| *at)
    }

    /// The least and the most.
    pub(super) fn range(&self) -> (f64, f64) {
        let values = self.samples.iter().map(|(_, bytes)| *bytes);
        values.fold((f64::INFINITY, 0.0), |(low, high): (f64, f64), value| {
            (low.min(value), high.max(value))
        })
    }

    /// From the oldest samples to what both of the newest hold.
    fn rise(&self) -> f64 {
        let oldest = self.samples.get(OLDEST - 1);
        let oldest = oldest.and_then(|(at, _)| self.level(*at, OLDEST));
        let newest = self.newest().take(2).map(|(_, bytes)| bytes);
        newest.fold(f64::INFINITY, f64::min) - oldest.unwrap_or(0.0)
    }

    /// The highest jump that has not gone back. `most_before` tells the most that was held before
    /// a time, beyond these samples. A jump may take two intervals of at most `gap` seconds each;
    /// over a longer one nobody knows how sudden it was.
    pub(super) fn spike(
        &self,
        gap: f64,
        least_before: usize,
        most_before: impl Fn(f64) -> Option<f64>,
    ) -> Option<Spike> {
        let (low, high) = self.range();
        if high - low < needed(low) {
            return None;
        }
        let least_height = OF_THE_RISE * self.rise();
        let mut best: Option<Spike> = None;
        let mut least_since = f64::INFINITY;
        for i in (2..self.samples.len()).rev() {
            let (at, bytes) = self.samples[i];
            least_since = least_since.min(bytes);
            let (before_at, before) = self.samples[i - 2];
            // One sample may be a misreading.
            if i + 1 == self.samples.len() || at - before_at > 2.0 * gap {
                continue;
            }
            let earlier = self.samples.iter().take(i - 1).map(|(_, bytes)| *bytes);
            let known = most_before(before_at);
            if i - 1 < least_before && known.is_none() {
                continue;
            }
            let most = earlier.fold(known.unwrap_or(0.0), f64::max);
            let height = least_since - most;
            let evidence = height / needed(before);
            if height >= least_height && evidence >= best.map_or(1.0, |best| best.evidence) {
                best = Some(Spike {
                    at,
                    height,
                    evidence,
                });
            }
        }
        best
    }
}

/// How high a spike is at least above so many bytes.
fn needed(before: f64) -> f64 {
    (before * LEAST_JUMP).max(LEAST_BYTES)
}
