//! One window of buckets: does it rise, how, and how sure is that?

use super::{
    bucket::{Bucket, PICKS},
    statistics::{self, MOST_POINTS, line, median, spread, variance_inflation},
};

/// Standard deviations from random order that growth needs.
const SCORE: f64 = 3.5;
/// A rise counts when it is so many times as large as what has come and gone.
const OVER_SWING: f64 = 1.5;
/// Less than this part of what is held is not worth a word.
const LEAST_RISE: f64 = 0.01;
/// Nor are so few bytes, whatever is held: 128 pages of 4 KiB.
const LEAST_BYTES: f64 = 512.0 * 1024.0;
/// Nor is so slow a growth, per second of what is held: 0.02 % an hour.
const LEAST_RATE: f64 = 0.0002 / 3600.0;
/// Each part of the window takes part in the growth, with at least so much of its mean share.
const LEAST_SHARE: f64 = 0.2;
/// One jump that makes up so much of the rise is a step.
const STEP_SHARE: f64 = 0.25;
/// More steps than this in one window are growth.
const MOST_STEPS: usize = 3;
/// Buckets on each side that a jump is measured between.
const STEP_SIDE: usize = 3;

/// Growth over one window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Trend {
    /// Bytes per second.
    pub slope: f64,
    /// Bounds of the slope in 95 of 100 cases.
    pub interval: (f64, f64),
    /// First and last bucket, seconds.
    pub from: f64,
    /// See [`Self::from`].
    pub to: f64,
    /// What the line says for the first bucket, bytes.
    pub level: f64,
    /// Growth between the quarters of the window, bytes.
    pub shares: [f64; 3],
    /// The same of the floors.
    pub floor_rise: f64,
    /// Standard error of each share, bytes.
    pub error: f64,
    /// How far the evidence exceeds what is needed, 1 and more.
    pub evidence: f64,
}

impl Trend {
    /// Seconds that the window spans.
    pub(super) fn span(&self) -> f64 {
        self.to - self.from
    }

    /// Growth over three quarters of the window.
    pub(super) fn rise(&self) -> f64 {
        self.shares.iter().sum()
    }

    /// Whether the growth provably does not flatten: a cache that fills up would have slowed
    /// down by more.
    pub(super) fn keeps_on(&self) -> bool {
        let [first, _, last] = self.shares;
        self.error <= 0.1 * self.rise() / 3.0
            && last - self.error >= 0.75 * (first + self.error)
            && self.floor_rise >= 0.5 * self.rise()
    }

    /// Whether growth grows with what has grown: each share exceeds the one before it by about the
    /// same factor. The foot of a wave speeds up too, but less and less.
    pub(super) fn accelerates(&self) -> bool {
        let [first, second, third] = self.shares;
        let (early, late) = ((second / first).ln(), (third / second).ln());
        self.error <= 0.1 * first && early >= 0.15 && late >= 0.15 && late >= 0.85 * early
    }
}

/// What a window says: growth, or how near it came to it (below 1).
pub(super) fn trend(window: &[Bucket], swings: [f64; 2]) -> Result<Trend, f64> {
    let mut best: Result<Trend, f64> = Err(0.0);
    for (pick, swing) in PICKS.into_iter().zip(swings) {
        let mut values = [0.0; MOST_POINTS];
        let values = &mut values[..window.len()];
        for (value, bucket) in values.iter_mut().zip(window) {
            *value = pick(bucket);
        }
        let found = series(window, values, swing);
        best = match (best, found) {
            (Err(a), Err(b)) => Err(f64::max(a, b)),
            (Ok(a), Ok(b)) if a.evidence >= b.evidence => Ok(a),
            (_, Ok(b)) => Ok(b),
            (Ok(a), Err(_)) => Ok(a),
        };
    }
    best
}

/// Growth needs all of this; the cheap tests come first.
fn series(window: &[Bucket], values: &mut [f64], swing: f64) -> Result<Trend, f64> {
    let held = quarters(values)[0];
    let needed = (held * LEAST_RISE).max(LEAST_BYTES).max(OVER_SWING * swing);
    let whole = 4.0 / 3.0;
    let near = whole * rise(values) / needed;
    if near < 1.0 {
        return Err(near.max(0.0));
    }
    without_steps(values);
    let middles = quarters(values);
    let shares = [
        middles[1] - middles[0],
        middles[2] - middles[1],
        middles[3] - middles[2],
    ];
    let total: f64 = shares.iter().sum();
    let least = shares.iter().copied().fold(f64::INFINITY, f64::min);
    let near = whole * total / needed;
    if near < 1.0 {
        return Err(near.max(0.0));
    }
    if least < LEAST_SHARE * total / 3.0 {
        return Err(0.5);
    }
    let mut times = [0.0; MOST_POINTS];
    let times = &mut times[..values.len()];
    for (time, bucket) in times.iter_mut().zip(window) {
        *time = bucket.at;
    }
    let mut residuals = [0.0; MOST_POINTS];
    let residuals = &mut residuals[..values.len()];
    around_quarters(values, &middles, residuals);
    let line = line(times, values, variance_inflation(residuals));
    let evidence = near
        .min(line.score / SCORE)
        .min(line.slope / (held * LEAST_RATE));
    if evidence < 1.0 {
        return Err(evidence.max(0.0));
    }
    let (from, to) = (times[0], times[times.len() - 1]);
    let mut offsets = [0.0; MOST_POINTS];
    let offsets = &mut offsets[..values.len()];
    for ((offset, value), time) in offsets.iter_mut().zip(&*values).zip(&*times) {
        *offset = value - line.slope * (time - from);
    }
    let mut floors = [0.0; MOST_POINTS];
    let floors = &mut floors[..values.len()];
    for (floor, bucket) in floors.iter_mut().zip(window) {
        *floor = bucket.floor;
    }
    Ok(Trend {
        slope: line.slope,
        interval: line.interval,
        from,
        to,
        level: median(offsets),
        shares,
        floor_rise: rise(floors),
        // Of a median, twice, of a quarter of the points.
        error: 1.25 * spread(residuals) * (8.0 / values.len() as f64).sqrt(),
        evidence,
    })
}

/// The medians of the four quarters.
fn quarters(values: &[f64]) -> [f64; 4] {
    let n = values.len();
    std::array::from_fn(|i| {
        let mut part = [0.0; MOST_POINTS];
        let quarter = &values[i * n / 4..(i + 1) * n / 4];
        let part = &mut part[..quarter.len()];
        part.copy_from_slice(quarter);
        median(part)
    })
}

fn rise(values: &[f64]) -> f64 {
    let n = values.len();
    let of = |range: std::ops::Range<usize>| {
        let mut part = [0.0; MOST_POINTS];
        let part = &mut part[..range.len()];
        part.copy_from_slice(&values[range]);
        median(part)
    };
    of(n - n / 4..n) - of(0..n / 4)
}

/// Distances from the line through the middles of the quarters, which bends with the growth.
fn around_quarters(values: &[f64], middles: &[f64; 4], residuals: &mut [f64]) {
    let quarter = values.len() as f64 / 4.0;
    for (i, residual) in residuals.iter_mut().enumerate() {
        let place = (i as f64 + 0.5) / quarter - 0.5;
        let left = (place.floor().max(0.0) as usize).min(2);
        let along = place - left as f64;
        *residual = values[i] - middles[left] - along * (middles[left + 1] - middles[left]);
    }
}

/// Takes the largest jumps out, as far as they stay up and no trend explains them.
fn without_steps(values: &mut [f64]) {
    let n = values.len();
    let whole = rise(values) * 4.0 / 3.0;
    for _ in 0..MOST_STEPS {
        let total = rise(values) * 4.0 / 3.0;
        let expected = total.max(0.0) * STEP_SIDE as f64 / n as f64;
        let mut largest = (0.0, 0);
        for i in STEP_SIDE..=n - STEP_SIDE {
            let mut before = [values[i - 3], values[i - 2], values[i - 1]];
            let mut after = [values[i], values[i + 1], values[i + 2]];
            let jump = statistics::median(&mut after) - statistics::median(&mut before) - expected;
            if jump > largest.0 {
                largest = (jump, i);
            }
        }
        if largest.0 < STEP_SHARE * whole {
            return;
        }
        for value in &mut values[largest.1..] {
            *value -= largest.0;
        }
    }
}
