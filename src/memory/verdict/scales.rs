//! The past at several time scales: buckets of time, each scale four times as wide as the one
//! below it.

use std::collections::VecDeque;

use super::{
    bucket::{Bucket, PARTS, PICKS},
    statistics::{MOST_POINTS, swing},
    trend::{Trend, WINDOWS},
};

/// Buckets of a scale that are one bucket of the next.
const RATIO: f64 = 4.0;
/// Samples of the finest bucket, where they are frequent enough.
pub(super) const SAMPLES: f64 = 4.0;
/// How far back the coarsest scale must reach at least, seconds.
const REACH: f64 = 3.0 * 86_400.0;
/// A ring of buckets of one width.
#[derive(Clone, Debug)]
pub(super) struct Scale {
    /// Width of a bucket, seconds.
    pub width: f64,
    /// The newest closed buckets, oldest first.
    pub ring: VecDeque<Bucket>,
    /// Which bucket is open, counted from the start.
    open: u64,
    parts: Vec<Bucket>,
    /// How far the floors, and the middles, have swung.
    pub swings: [f64; 2],
    /// How far floors, and middles, must rise to be more than has come and gone, bytes.
    pub needed: [f64; 2],
    /// What the ring says, as of the newest closed bucket.
    pub trends: Vec<Trend>,
    /// How near its strongest growth came to being one: below 1 it is none.
    pub evidence: f64,
}

/// The finest scale's width for this interval of samples, both in seconds: four samples, but
/// not more than two minutes unless samples are rarer.
fn finest(interval: f64) -> f64 {
    (SAMPLES * interval).min(120.0).max(interval)
}

/// All scales for this interval of samples, seconds.
pub(super) fn scales(interval: f64) -> Vec<Scale> {
    let mut width = finest(interval);
    let mut all = Vec::new();
    loop {
        all.push(Scale {
            width,
            ring: VecDeque::with_capacity(MOST_POINTS),
            open: 0,
            parts: Vec::with_capacity(PARTS),
            swings: [0.0; 2],
            needed: [0.0; 2],
            trends: Vec::with_capacity(WINDOWS.len()),
            evidence: 0.0,
        });
        if width * MOST_POINTS as f64 >= REACH {
            all.shrink_to_fit();
            return all;
        }
        width *= RATIO;
    }
}

impl Scale {
    /// Takes a part in. The bucket that this closes, if it closes one.
    pub(super) fn add(&mut self, part: Bucket) -> Option<Bucket> {
        let index = (part.at / self.width) as u64;
        let closed = (index != self.open).then(|| self.close()).flatten();
        self.open = index;
        if self.parts.len() < PARTS {
            self.parts.push(part);
        } else if let Some(last) = self.parts.last_mut() {
            // More samples than announced: the last part stands for all of them.
            last.floor = last.floor.min(part.floor);
            last.ceiling = last.ceiling.max(part.ceiling);
        }
        closed
    }

    fn close(&mut self) -> Option<Bucket> {
        let bucket = Bucket::of(&self.parts)?;
        self.parts.clear();
        if self.ring.len() == MOST_POINTS {
            self.ring.pop_front();
        }
        self.ring.push_back(bucket);
        self.swings = PICKS.map(|pick| swing(self.ring.iter().map(pick)));
        Some(bucket)
    }

    /// Bytes of the buckets' storage.
    #[cfg(test)]
    pub(super) fn allocated(&self) -> usize {
        (self.ring.capacity() + self.parts.capacity()) * size_of::<Bucket>()
    }
}
