//! The judge: a bounded memory of what a process held, and the verdict on it.

use std::time::Duration;

use super::{
    Options, Sample,
    bucket::{Bucket, PARTS},
    early::{self, Early},
    ended::Ended,
    growth::{self, Growth},
    recent::Recent,
    scales::{SAMPLES, Scale, scales},
    statistics::MOST_POINTS,
    trend::{Trend, WINDOWS, trend},
};

/// Swings of scales up to this width count against the growth at finer ones, seconds: the
/// coarsest of them remembers about three days.
pub(super) const RHYTHMS: f64 = 3.0 * 3600.0;
/// A rise counts when it is so many times as large as what has come and gone at its scale.
pub(super) const OVER_OWN: f64 = 1.5;
/// The same for coarser scales: no day is like another.
const OVER_RHYTHM: f64 = 2.0;
/// Newest samples that make the present level.
pub(super) const LEVEL: usize = 5;
/// Intervals without a sample that are a gap.
pub(super) const GAP: f64 = 8.0;
/// Judges the memory of one process. What it keeps is bounded: see [`Judge::footprint`].
#[derive(Clone, Debug)]
pub struct Judge {
    pub(super) options: Options,
    /// Seconds between samples.
    pub(super) interval: f64,
    pub(super) samples: u64,
    /// Seconds that nobody looked. What nobody saw is no evidence, so the scales and the growth
    /// know a time without them.
    pub(super) skipped: f64,
    /// When somebody looked again after the last time that nobody did, and how long that was,
    /// seconds.
    pub(super) unseen: Option<(f64, f64)>,
    pub(super) first: Option<f64>,
    pub(super) recent: Recent,
    pub(super) scales: Vec<Scale>,
    pub(super) baseline: Option<f64>,
    pub(super) warm: bool,
    /// End of the warm-up, seconds.
    pub(super) warm_since: f64,
    /// The same by the least of the newer samples, bytes.
    pub(super) baseline_floor: f64,
    /// The first sample.
    pub(super) first_held: f64,
    pub(super) early: Option<Early>,
    pub(super) growth: Option<Growth>,
    ended: Option<Ended>,
}

impl Judge {
    /// A judge that knows nothing yet. Options outside their ranges are moved into them.
    pub fn new(options: Options) -> Self {
        let options = Options {
            window: options.window.clamp(2, 1000),
            min_points: options.min_points.max(2),
            ..options
        };
        let interval = options.sample_interval.as_secs_f64().max(0.1);
        Self {
            scales: scales(interval),
            options,
            interval,
            samples: 0,
            skipped: 0.0,
            unseen: None,
            first: None,
            recent: Recent::new(options.window),
            baseline: None,
            warm: false,
            warm_since: 0.0,
            baseline_floor: 0.0,
            first_held: 0.0,
            early: None,
            growth: None,
            ended: None,
        }
    }

    /// A judge for a short look: every sample is a bucket of its own, so that sixteen of them are
    /// a window. Teeth shorter than a few samples are noise to it.
    pub fn close_up(options: Options) -> Self {
        let mut judge = Self::new(options);
        judge.scales = scales(judge.interval / SAMPLES);
        judge
    }

    /// Takes a sample in.
    pub fn add(&mut self, sample: Sample) {
        let (at, bytes) = (sample.at.as_secs_f64(), sample.bytes as f64);
        let last = self.recent.last();
        if last.is_some_and(|(last, _)| at <= last) {
            return;
        }
        if let Some((last, _)) = last.filter(|(last, _)| at - last > GAP * self.interval) {
            self.skipped += at - last - self.interval;
            self.unseen = Some((at, at - last));
        }
        self.samples += 1;
        self.recent.add(at, bytes);
        let first = *self.first.get_or_insert(at);
        if self.samples == 1 {
            self.first_held = bytes;
        }
        if self.warm {
            self.feed(at - self.skipped, bytes);
        } else {
            let enough = self.samples >= self.options.min_points as u64;
            self.warm = enough && at - first >= self.options.baseline_after.as_secs_f64();
            if self.warm {
                self.warm_since = at - self.skipped;
                if self.baseline.is_none() {
                    self.set_baseline(sample.at);
                }
            }
        }
        self.early = early::early(&self.recent, self.known(), self.early);
    }

    /// What the scales know that the newest samples do not.
    fn known(&self) -> early::Known {
        let remembered = self.scales.iter().filter(|scale| scale.width <= RHYTHMS);
        let swings = remembered.flat_map(|scale| scale.swings);
        let newest = self.recent.newest().map(|(at, _)| at - self.skipped);
        let oldest = newest.reduce(f64::min).unwrap_or(0.0);
        let before = |bucket: &&Bucket| bucket.at + self.scales[0].width < oldest;
        let past = self.scales[0].ring.iter().filter(before);
        early::Known {
            swing: swings.fold(0.0, f64::max),
            most: past.map(|bucket| bucket.middle).fold(0.0, f64::max),
            gap: GAP * self.interval,
            least: self.options.min_points,
        }
    }

    /// Another process has the name now: nothing before counts for growth, and the warm-up
    /// begins anew.
    pub fn restarted(&mut self, at: Duration) {
        *self = Self::new(self.options);
        self.first = Some(at.as_secs_f64());
    }

    /// What is held now is the baseline from now on. Without this it is what was held at the end
    /// of the warm-up.
    pub fn set_baseline(&mut self, at: Duration) {
        let level = self.recent.level(at.as_secs_f64(), LEVEL);
        self.baseline = level.or(self.baseline);
        // What it held while it was still loading is no floor.
        self.baseline_floor = self.recent.floor();
    }

    /// The baseline, bytes; `None` during the warm-up.
    pub fn baseline(&self) -> Option<u64> {
        self.baseline.map(|bytes| bytes as u64)
    }

    fn feed(&mut self, at: f64, bytes: f64) {
        let mut part = Bucket::at(at, bytes);
        let mut closed = 0;
        while let Some(scale) = self.scales.get_mut(closed) {
            let Some(bucket) = scale.add(part) else { break };
            part = bucket;
            closed += 1;
        }
        // Coarse scales first: finer ones measure their growth against the swings there.
        for index in (0..closed).rev() {
            self.examine(index);
        }
        if closed > 0 {
            let (before, ended) = (self.growth, &mut self.ended);
            self.growth = growth::next(before, ended, &self.scales, self.warm_since, at);
        }
    }

    /// What a scale says, now that one of its buckets has closed.
    fn examine(&mut self, index: usize) {
        let (finer, coarser) = self.scales.split_at_mut(index + 1);
        let Some(scale) = finer.last_mut() else {
            return;
        };
        let rhythms = coarser.iter().filter(|scale| scale.width <= RHYTHMS);
        let needed = rhythms.fold(scale.swings.map(|own| OVER_OWN * own), |[a, b], coarse| {
            let [c, d] = coarse.swings;
            [a.max(OVER_RHYTHM * c), b.max(OVER_RHYTHM * d)]
        });
        scale.needed = needed;
        scale.trends.clear();
        scale.evidence = 0.0;
        let ring = scale.ring.make_contiguous();
        for window in WINDOWS {
            let Some(from) = ring.len().checked_sub(window) else {
                break;
            };
            match trend(&ring[from..], needed) {
                Ok(trend) => scale.trends.push(trend),
                Err(near) => scale.evidence = scale.evidence.max(near.min(0.99)),
            }
        }
    }

    /// Bytes that this judge holds at most, itself included.
    pub fn footprint(&self) -> usize {
        let scale = MOST_POINTS * size_of::<Bucket>()
            + PARTS * size_of::<Bucket>()
            + WINDOWS.len() * size_of::<Trend>()
            + size_of::<Scale>();
        size_of::<Self>()
            + self.recent.capacity() * size_of::<(f64, f64)>()
            + self.scales.len() * scale
    }
}

/// Bytes that a judge holds indeed, by the capacities of what it allocated.
#[cfg(test)]
pub(super) fn held(judge: &Judge) -> usize {
    let scale = |scale: &Scale| {
        scale.allocated() + size_of::<Scale>() + scale.trends.capacity() * size_of::<Trend>()
    };
    size_of::<Judge>()
        + judge.recent.capacity() * size_of::<(f64, f64)>()
        + judge.scales.iter().map(scale).sum::<usize>()
        + (judge.scales.capacity() - judge.scales.len()) * size_of::<Scale>()
}
