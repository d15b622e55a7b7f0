//! Robust statistics of few points.
//!
//! Slope: the median of the slopes of all pairs (Theil 1950, Sen 1968); up to 29 % of the points
//! may be anything at all. Significance: Mann (1945) and Kendall, with the variance corrected for
//! ties, and widened where neighbours resemble each other (Hamed and Rao 1998, first order).

/// The most points that are looked at together.
pub(super) const MOST_POINTS: usize = 32;
const MOST_PAIRS: usize = MOST_POINTS * (MOST_POINTS - 1) / 2;

/// The median of these values, which are put in another order. 0 of none.
pub(super) fn median(values: &mut [f64]) -> f64 {
    let n = values.len();
    if n == 0 {
        return 0.0;
    }
    let (below, middle, _) = values.select_nth_unstable_by(n / 2, f64::total_cmp);
    let middle = *middle;
    if n % 2 == 1 {
        return middle;
    }
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    f64::midpoint(lower, middle)
}

/// Median distance from zero, scaled so that it is the standard deviation of normal values.
pub(super) fn spread(residuals: &[f64]) -> f64 {
    let mut sizes: [f64; MOST_POINTS] = [0.0; MOST_POINTS];
    let sizes = &mut sizes[..residuals.len()];
    for (size, residual) in sizes.iter_mut().zip(residuals) {
        *size = residual.abs();
    }
    1.4826 * median(sizes)
}

/// A line through points, and how sure it is that it rises.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Line {
    /// Per unit of time.
    pub slope: f64,
    /// Bounds of the slope in 95 of 100 cases.
    pub interval: (f64, f64),
    /// Standard deviations between these points and points in random order.
    pub score: f64,
}

/// How much more the order of points varies by chance when each resembles the one before it:
/// 1 for residuals without memory. Residuals far smaller than `negligible` are only where a
/// curve does not quite fit.
pub(super) fn variance_inflation(residuals: &[f64], negligible: f64) -> f64 {
    let power: f64 = residuals
        .iter()
        .map(|r| r * r + negligible * negligible)
        .sum();
    if power <= 0.0 {
        return 1.0;
    }
    let lagged: f64 = residuals.windows(2).map(|pair| pair[0] * pair[1]).sum();
    let correlation = (lagged / power).clamp(0.0, 0.9);
    (1.0 + correlation) / (1.0 - correlation)
}

/// The line through at most [`MOST_POINTS`] points in order of time. `inflation` is that of the
/// variance.
pub(super) fn line(times: &[f64], values: &[f64], inflation: f64) -> Line {
    let n = values.len().min(times.len()).min(MOST_POINTS);
    let mut slopes = [0.0; MOST_PAIRS];
    let (mut pairs, mut order) = (0, 0_i32);
    for late in 1..n {
        for early in 0..late {
            let (run, rise) = (times[late] - times[early], values[late] - values[early]);
            if run > 0.0 {
                slopes[pairs] = rise / run;
                pairs += 1;
            }
            order += i32::from(rise > 0.0) - i32::from(rise < 0.0);
        }
    }
    let slopes = &mut slopes[..pairs];
    slopes.sort_unstable_by(f64::total_cmp);
    let deviation = (variance_of_order(&values[..n]) * inflation).sqrt();
    let at = |rank: f64| {
        let last = pairs.saturating_sub(1) as f64;
        slopes
            .get(rank.clamp(0.0, last) as usize)
            .copied()
            .unwrap_or(0.0)
    };
    let half = 1.96 * deviation / 2.0;
    let middle = pairs as f64 / 2.0;
    let order = f64::from(order);
    Line {
        slope: f64::midpoint(at(middle - 0.5), at(middle)),
        interval: (at(middle - half), at(middle + half)),
        score: if deviation > 0.0 {
            (order.abs() - 1.0).max(0.0).copysign(order) / deviation
        } else {
            0.0
        },
    }
}

/// Variance of Kendall's sum over values in random order, ties counted.
fn variance_of_order(values: &[f64]) -> f64 {
    let mut sorted = [0.0; MOST_POINTS];
    let sorted = &mut sorted[..values.len()];
    sorted.copy_from_slice(values);
    sorted.sort_unstable_by(f64::total_cmp);
    let term = |n: f64| n * (n - 1.0) * (2.0 * n + 5.0);
    let ties: f64 = sorted
        .chunk_by(|a, b| a == b)
        .map(|group| term(group.len() as f64))
        .sum();
    (term(values.len() as f64) - ties) / 18.0
}

/// How far values have come up and gone down again: the height of the highest point over the
/// higher of the lowest before it and the lowest after it. What only rises, or only falls, has
/// none.
pub(super) fn swing(values: impl ExactSizeIterator<Item = f64> + Clone) -> f64 {
    let mut after = [f64::INFINITY; MOST_POINTS + 1];
    let n = values.len().min(MOST_POINTS);
    let mut lowest = [0.0; MOST_POINTS];
    for (slot, value) in lowest.iter_mut().zip(values) {
        *slot = value;
    }
    for i in (0..n).rev() {
        after[i] = after[i + 1].min(lowest[i]);
    }
    let mut before = f64::INFINITY;
    let mut most: f64 = 0.0;
    for i in 0..n {
        before = before.min(lowest[i]);
        most = most.max(lowest[i] - before.max(after[i]));
    }
    most
}
