//! A classic histogram of atomics.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts observations into buckets; safe to share, never locks.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [f64],
    /// One more than `bounds`: the last takes what lies above every bound.
    counts: Box<[AtomicU64]>,
    /// Sum of observations in `unit`s, so that an integer add suffices.
    sum_units: AtomicU64,
    unit: f64,
}

/// A histogram as read at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct HistogramSnapshot {
    /// Sum of all observations.
    pub sum: f64,
    /// Number of observations; always the sum of the buckets.
    pub count: u64,
    /// Upper bound and number of observations in that bucket alone (not cumulative);
    /// the last bound is infinity, which the encoder prints as `+Inf`.
    pub buckets: Vec<(f64, u64)>,
}

impl Histogram {
    /// `bounds`: ascending upper bounds. `unit`: the resolution of the sum, such as `1.0`
    /// for bytes or `1e-9` for seconds.
    pub fn new(bounds: &'static [f64], unit: f64) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self {
            bounds,
            counts,
            sum_units: AtomicU64::new(0),
            unit,
        }
    }

    /// Counts one observation.
    pub fn observe(&self, value: f64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        self.counts[bucket].fetch_add(1, Relaxed);
        self.sum_units
            .fetch_add((value / self.unit).round() as u64, Relaxed);
    }

    /// Reads the histogram.
    pub fn snapshot(&self) -> HistogramSnapshot {
        let bounds = self.bounds.iter().copied().chain([f64::INFINITY]);
        let buckets: Vec<_> = bounds
            .zip(self.counts.iter().map(|count| count.load(Relaxed)))
            .collect();
        HistogramSnapshot {
            sum: self.sum_units.load(Relaxed) as f64 * self.unit,
            count: buckets.iter().map(|(_, count)| count).sum(),
            buckets,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_on_a_bound_belongs_to_it() {
        let histogram = Histogram::new(&[1.0, 2.0], 1.0);
        for value in [0.0, 1.0, 1.5, 2.0, 3.0, 1e9] {
            histogram.observe(value);
        }
        let seen = histogram.snapshot();
        assert_eq!(seen.buckets, [(1.0, 2), (2.0, 2), (f64::INFINITY, 2)]);
        assert_eq!(seen.count, 6);
    }
}
