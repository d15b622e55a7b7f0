//! One window of buckets: does it rise, how, and how sure is that?

use super::{
    bucket::{Bucket, PICKS},
    statistics::{MOST_POINTS, line, median, spread, variance_inflation},
};

/// Buckets of a window that growth is looked for in.
pub(super) const WINDOWS: [usize; 3] = [16, 24, 32];
/// Standard deviations from random order that growth needs.
const SCORE: f64 = 4.0;
/// Less than this part of what is held is not worth a word.
const LEAST_RISE: f64 = 0.02;
/// Nor are so few bytes, whatever is held: 128 pages of 4 KiB.
const LEAST_BYTES: f64 = 512.0 * 1024.0;
/// Nor is so slow a growth, per second of what is held: 0.02 % an hour.
const LEAST_RATE: f64 = 0.0002 / 3600.0;
/// Each part of the window takes part in the growth, with at least so much of its mean share.
const LEAST_SHARE: f64 = 0.35;
/// One jump that makes up so much of the rise is a step.
const STEP_SHARE: f64 = 0.25;
/// More steps than this in one window are growth.
const MOST_STEPS: usize = 3;
/// What is left without the steps makes up at least so much of the rise.
const LEAST_REST: f64 = 0.3;
/// Residuals of this part of the rise say nothing about its significance.
const NEGLIGIBLE: f64 = 0.02;
/// The last share of what bends is less than the first by so much of the mean one, and by so many
/// standard errors.
const BEND: (f64, f64) = (0.15, 2.0);
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
    /// What is held in the first quarter, bytes.
    pub level: f64,
    /// What is held in the last quarter, steps included, bytes.
    pub top: f64,
    /// Which of [`PICKS`] these are.
    pub pick: usize,
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

    /// Whether it provably slows down: by more than noise explains. Loud noise hides this as well as
    /// its contrary, [`Self::keeps_on`].
    pub(super) fn bends(&self) -> bool {
        let [first, _, last] = self.shares;
        let (part, errors) = BEND;
        // Of a difference of shares.
        let error = std::f64::consts::SQRT_2 * self.error;
        first - last > part * self.rise() / 3.0 + errors * error
    }

    /// Whether it has clearly slowed down.
    pub(super) fn flattens(&self) -> bool {
        let [first, _, last] = self.shares;
        last + self.error < 0.6 * (first - self.error)
    }

    /// Whether growth grows with what has grown: each share exceeds the one before it by about the
    /// same factor. The foot of a wave speeds up too, but less and less.
    pub(super) fn accelerates(&self) -> bool {
        let [first, second, third] = self.shares;
        let (early, late) = ((second / first).ln(), (third / second).ln());
        self.error <= 0.1 * first && early >= 0.15 && late >= 0.15 && late >= 0.85 * early
    }
}

/// What a window says: growth, or how near it came to it (below 1). The floors, and the
/// middles, must rise by so much.
pub(super) fn trend(window: &[Bucket], needed: [f64; 2]) -> Result<Trend, f64> {
    let mut best: Result<Trend, f64> = Err(0.0);
    for (pick, (of, needed)) in PICKS.into_iter().zip(needed).enumerate() {
        let mut values = [0.0; MOST_POINTS];
        let values = &mut values[..window.len()];
        for (value, bucket) in values.iter_mut().zip(window) {
            *value = of(bucket);
        }
        let found = series(window, values, pick, needed);
        best = match (best, found) {
            (Err(a), Err(b)) => Err(f64::max(a, b)),
            (Ok(a), Ok(b)) if a.evidence >= b.evidence => Ok(a),
            (_, Ok(b)) => Ok(b),
            (Ok(a), Err(_)) => Ok(a),
        };
    }
    best
}

/// Growth needs all of this; the cheap tests come first, as most windows end there.
fn series(window: &[Bucket], values: &mut [f64], pick: usize, needed: f64) -> Result<Trend, f64> {
    let (mut low, mut high) = (f64::INFINITY, 0.0_f64);
    for value in &*values {
        (low, high) = (low.min(*value), high.max(*value));
    }
    let least = (low * LEAST_RISE).max(LEAST_BYTES).max(needed);
    if 4.0 / 3.0 * (high - low) < least {
        let quarter = values.len() / 4;
        let sum = |part: &[f64]| part.iter().sum::<f64>();
        let rise = sum(&values[values.len() - quarter..]) - sum(&values[..quarter]);
        return Err((4.0 / 3.0 * rise / quarter as f64 / least).clamp(0.0, 1.0));
    }
    let [held, .., top] = quarters(values);
    let needed = (held * LEAST_RISE).max(least);
    let with_steps = whole_rise(values);
    let near = with_steps / needed;
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
    let near = 4.0 / 3.0 * total / needed;
    if near < 1.0 {
        return Err(near.max(0.0));
    }
    if least < LEAST_SHARE * total / 3.0 || total < LEAST_REST * 0.75 * with_steps {
        return Err(0.5);
    }
    let mut times = [0.0; MOST_POINTS];
    let times = &mut times[..values.len()];
    for (time, bucket) in times.iter_mut().zip(window) {
        *time = bucket.at;
    }
    let mut residuals = [0.0; MOST_POINTS];
    let residuals = around_quarters(values, &middles, &mut residuals);
    let line = line(
        times,
        values,
        variance_inflation(residuals, NEGLIGIBLE * total),
    );
    let evidence = near
        .min(line.score / SCORE)
        .min(line.slope / (held * LEAST_RATE));
    if evidence < 1.0 {
        return Err(evidence.max(0.0));
    }
    let mut floors = [0.0; MOST_POINTS];
    let floors = &mut floors[..values.len()];
    for (floor, bucket) in floors.iter_mut().zip(window) {
        *floor = bucket.floor;
    }
    Ok(Trend {
        slope: line.slope,
        interval: line.interval,
        from: times[0],
        to: times[times.len() - 1],
        level: middles[0],
        top,
        pick,
        shares,
        floor_rise: 0.75 * whole_rise(floors),
        error: error_of_a_share(residuals, values.len()),
        evidence,
    })
}

/// Standard error of the difference between two quarters of so many values: of a median, twice,
/// of a quarter of the points.
fn error_of_a_share(residuals: &[f64], values: usize) -> f64 {
    1.25 * spread(residuals) * (8.0 / values as f64).sqrt()
}

/// Standard error of the difference between two of these medians of quarters of values.
pub(super) fn error_between(values: &[f64], middles: &[f64; 4]) -> f64 {
    let mut residuals = [0.0; MOST_POINTS];
    let residuals = around_quarters(values, middles, &mut residuals);
    error_of_a_share(residuals, values.len())
}

/// The medians of the four quarters.
pub(super) fn quarters(values: &[f64]) -> [f64; 4] {
    let n = values.len();
    std::array::from_fn(|i| {
        let mut part = [0.0; MOST_POINTS];
        let quarter = &values[i * n / 4..(i + 1) * n / 4];
        let part = &mut part[..quarter.len()];
        part.copy_from_slice(quarter);
        median(part)
    })
}

/// How far values rise over the whole window, by its first and its last quarter.
fn whole_rise(values: &[f64]) -> f64 {
    let quarters = quarters(values);
    (quarters[3] - quarters[0]) * 4.0 / 3.0
}

/// Distances from the cubic through the middles of the quarters, which bends with the growth;
/// only between them, where it does not swing.
fn around_quarters<'a>(
    values: &[f64],
    middles: &[f64; 4],
    residuals: &'a mut [f64; MOST_POINTS],
) -> &'a [f64] {
    let quarter = values.len() as f64 / 4.0;
    let mut count = 0;
    for (i, value) in values.iter().enumerate() {
        let x = (i as f64 + 0.5) / quarter - 0.5;
        if !(0.0..=3.0).contains(&x) {
            continue;
        }
        let (x0, x1, x2, x3) = (x, x - 1.0, x - 2.0, x - 3.0);
        let cubic = -middles[0] * x1 * x2 * x3 / 6.0 + middles[1] * x0 * x2 * x3 / 2.0
            - middles[2] * x0 * x1 * x3 / 2.0
            + middles[3] * x0 * x1 * x2 / 6.0;
        residuals[count] = value - cubic;
        count += 1;
    }
    &residuals[..count]
}

/// Takes the largest jumps out, as far as they stay up and no trend explains them.
fn without_steps(values: &mut [f64]) {
    let whole = whole_rise(values);
    for _ in 0..MOST_STEPS {
        let mut jumps = [0.0; MOST_POINTS];
        let jumps = &mut jumps[..values.len() + 1 - 2 * STEP_SIDE];
        let mut largest = (f64::NEG_INFINITY, 0);
        for (i, jump) in jumps.iter_mut().enumerate() {
            let middle = |at: usize| {
                let mut side = [values[at], values[at + 1], values[at + 2]];
                median(&mut side)
            };
            let at = i + STEP_SIDE;
            *jump = middle(at) - middle(i);
            if *jump > largest.0 {
                largest = (*jump, at);
            }
        }
        // What the trend alone would do: with steps among few buckets, not the median.
        jumps.sort_unstable_by(f64::total_cmp);
        let excess = largest.0 - jumps[jumps.len() / 4].max(0.0);
        if excess < STEP_SHARE * whole {
            return;
        }
        for value in &mut values[largest.1..] {
            *value -= excess;
        }
    }
}
