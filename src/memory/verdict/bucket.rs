//! What was held during a stretch of time, in three numbers.

use super::statistics::median;

/// Parts of a bucket that its middle is made of.
pub(super) const PARTS: usize = 8;

/// What was held during one stretch of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bucket {
    /// The mean time of its parts, seconds.
    pub at: f64,
    /// The least: what a collector leaves, and no burst.
    pub floor: f64,
    /// The median: no burst, and no dip.
    pub middle: f64,
    /// The most.
    pub ceiling: f64,
}

/// One of a bucket's values.
pub(super) type Pick = fn(&Bucket) -> f64;

impl Bucket {
    /// One sample.
    pub(super) fn at(at: f64, bytes: f64) -> Self {
        Self {
            at,
            floor: bytes,
            middle: bytes,
            ceiling: bytes,
        }
    }

    /// At most [`PARTS`] parts together.
    pub(super) fn of(parts: &[Self]) -> Option<Self> {
        if parts.is_empty() {
            return None;
        }
        let mut middles = [0.0; PARTS];
        let middles = &mut middles[..parts.len()];
        for (middle, part) in middles.iter_mut().zip(parts) {
            *middle = part.middle;
        }
        let (mut floor, mut ceiling) = (f64::INFINITY, f64::NEG_INFINITY);
        for part in parts {
            (floor, ceiling) = (floor.min(part.floor), ceiling.max(part.ceiling));
        }
        Some(Self {
            at: parts.iter().map(|part| part.at).sum::<f64>() / parts.len() as f64,
            floor,
            middle: median(middles),
            ceiling,
        })
    }
}

/// The values that growth is looked for in.
pub(super) const PICKS: [Pick; 2] = [|bucket| bucket.floor, |bucket| bucket.middle];
