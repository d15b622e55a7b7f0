//! Growth that has ended: it has gone, or a later and shorter look no longer shows it.
//!
//! A window of growth reaches far back and closes late, so it tells of growth for long after the
//! last of it.

use std::collections::VecDeque;

use super::{
    bucket::{Bucket, PICKS},
    scales::Scale,
    statistics::{MOST_POINTS, median},
    trend::{Trend, WINDOWS, error_between, quarters},
};

/// The shorter look has at least this part of the window's time: what grows by steps rests in
/// between.
const LATER: f64 = 0.25;
/// In it growth as fast would be at least this part of what makes growth out of swings.
const SEEN: f64 = 0.5;
/// And it shows at most this part of the growth, by so many standard errors.
const LEFT: (f64, f64) = (0.3, 2.0);
/// What has ended goes on if it grows at this part of its slope since then.
const GOES_ON: f64 = 0.2;

/// Growth that was contradicted. Wider windows over the same rise close later, and would tell of
/// it again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ended {
    /// When, seconds.
    at: f64,
    /// What was held then, by each of [`PICKS`], bytes.
    levels: [f64; 2],
}

impl Ended {
    /// At `now`, with these as the finest buckets.
    pub(super) fn now(now: f64, finest: &VecDeque<Bucket>) -> Self {
        let level = |pick: fn(&Bucket) -> f64| {
            let mut newest = [0.0; MOST_POINTS];
            let mut count = 0;
            for (slot, bucket) in newest.iter_mut().zip(finest.iter().rev()) {
                *slot = pick(bucket);
                count += 1;
            }
            median(&mut newest[..count])
        };
        Self {
            at: now,
            levels: PICKS.map(level),
        }
    }

    /// Whether this window tells of what grew before the end, and of too little since then.
    pub(super) fn covers(&self, trend: &Trend) -> bool {
        let since = trend.to - self.at;
        let grown = trend.top - self.levels[trend.pick];
        trend.from < self.at && (since <= 0.0 || grown < GOES_ON * trend.slope * since)
    }
}

impl Trend {
    /// Whether at least half of it still stands, where so many bytes are held.
    pub(super) fn is_held(&self, bytes: f64) -> bool {
        bytes >= self.top - 0.5 * self.rise()
    }

    /// Whether a shorter look back from now contradicts it: growth as fast would be seen there,
    /// and is not.
    pub(super) fn has_ended(&self, scales: &[Scale]) -> bool {
        scales.iter().any(|scale| {
            WINDOWS
                .into_iter()
                .any(|window| self.is_missing_in(scale, window))
        })
    }

    /// Whether it would be seen in so many of the newest buckets, and is not.
    fn is_missing_in(&self, scale: &Scale, window: usize) -> bool {
        let Some(skip) = scale.ring.len().checked_sub(window) else {
            return false;
        };
        let (first, last) = (scale.ring[skip].at, scale.ring[skip + window - 1].at);
        let expected = self.slope * (last - first);
        if !(LATER * self.span()..self.span()).contains(&(last - first))
            || expected < SEEN * scale.needed[self.pick]
        {
            return false;
        }
        let mut values = [0.0; MOST_POINTS];
        let values = &mut values[..window];
        for (value, bucket) in values.iter_mut().zip(scale.ring.iter().skip(skip)) {
            *value = PICKS[self.pick](bucket);
        }
        let middles = quarters(values);
        let rise = 4.0 / 3.0 * (middles[3] - middles[0]);
        let (left, errors) = LEFT;
        rise + errors * error_between(values, &middles) < left * expected
    }
}
