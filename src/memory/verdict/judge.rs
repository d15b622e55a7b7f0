//! The judge: a bounded memory of what a process held, and the verdict on it.

use std::time::Duration;

use super::{
    Options, Pattern, Sample, Verdict, advice,
    bucket::{Bucket, PARTS},
    growth::{self, Growth},
    recent::Recent,
    scales::{Scale, scales},
    statistics::MOST_POINTS,
    trend::{Trend, WINDOWS, trend},
};

/// Swings of scales up to this width count against the growth at finer ones, seconds: the
/// coarsest of them remembers about three days.
const RHYTHMS: f64 = 3.0 * 3600.0;
/// A rise counts when it is so many times as large as what has come and gone at its scale.
const OVER_OWN: f64 = 1.5;
/// The same for coarser scales: no day is like another.
const OVER_RHYTHM: f64 = 2.0;
/// Newest samples that make the present level.
const LEVEL: usize = 5;
/// Before growth can be judged, what stays within this part of itself is stable.
const CALM: f64 = 0.05;
/// Intervals without a sample that are a gap.
const GAP: f64 = 8.0;
/// A step that was announced has settled after so many intervals, and then is measured over as
/// many samples.
const SETTLING: f64 = 4.0;

/// Judges the memory of one process. What it keeps is bounded: see [`Judge::footprint`].
#[derive(Clone, Debug)]
pub struct Judge {
    options: Options,
    /// Seconds between samples.
    interval: f64,
    samples: u64,
    /// Seconds that nobody looked. What nobody saw is no evidence, so the scales and the growth
    /// know a time without them.
    skipped: f64,
    first: Option<f64>,
    recent: Recent,
    scales: Vec<Scale>,
    baseline: Option<f64>,
    warm: bool,
    /// End of the warm-up, seconds.
    warm_since: f64,
    step: Option<Step>,
    growth: Option<Growth>,
}

/// A step that was announced and has not settled yet.
#[derive(Clone, Copy, Debug)]
struct Step {
    at: f64,
    /// What was held before it.
    before: f64,
    settled: f64,
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
            options,
            interval,
            samples: 0,
            skipped: 0.0,
            first: None,
            recent: Recent::new(options.window),
            scales: scales(interval),
            baseline: None,
            warm: false,
            warm_since: 0.0,
            step: None,
            growth: None,
        }
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
        }
        self.samples += 1;
        self.recent.add(at, bytes);
        let first = *self.first.get_or_insert(at);
        if !self.warm {
            let enough = self.samples >= self.options.min_points as u64;
            self.warm = enough && at - first >= self.options.baseline_after.as_secs_f64();
            if self.warm {
                self.warm_since = at - self.skipped;
                self.baseline = self.baseline.or(self.recent.level(at, LEVEL));
            }
            return;
        }
        match self.step {
            Some(step) if at < step.settled => {}
            Some(step) => self.settle(step),
            None => self.feed(at - self.skipped, bytes),
        }
    }

    /// Another process has the name now: nothing before counts for growth, and the warm-up
    /// begins anew.
    pub fn restarted(&mut self, at: Duration) {
        *self = Self::new(self.options);
        self.first = Some(at.as_secs_f64());
    }

    /// Something is about to change on purpose, a reload for instance: a step here is not growth,
    /// up or down. The baseline moves with it. What is sampled within the next eight intervals
    /// only serves to measure the step; until then further calls belong to the same one.
    pub fn step_expected(&mut self, at: Duration) {
        let at = at.as_secs_f64();
        if !self.warm || self.step.is_some() {
            return;
        }
        if let Some(before) = self.recent.level(at, LEVEL) {
            let settled = at + 2.0 * SETTLING * self.interval;
            self.step = Some(Step {
                at,
                before,
                settled,
            });
        }
    }

    /// What is held now is the baseline from now on. Without this it is what was held at the end
    /// of the warm-up.
    pub fn set_baseline(&mut self, at: Duration) {
        let level = self.recent.level(at.as_secs_f64(), LEVEL);
        self.baseline = level.or(self.baseline);
    }

    /// The baseline, bytes; `None` during the warm-up.
    pub fn baseline(&self) -> Option<u64> {
        self.baseline.map(|bytes| bytes as u64)
    }

    fn settle(&mut self, step: Step) {
        self.step = None;
        let measured = step.settled - SETTLING * self.interval;
        let Some(after) = self.recent.level_after(measured) else {
            return;
        };
        let by = after - step.before;
        self.recent.shift(step.at, by);
        for scale in &mut self.scales {
            scale.shift(by);
        }
        self.baseline = self.baseline.map(|baseline| (baseline + by).max(0.0));
        if let Some(growth) = &mut self.growth {
            growth.level += by;
            growth.trend.level += by;
        }
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
            self.growth = growth::next(self.growth, &self.scales, self.warm_since, at);
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

    /// The verdict at `now`, with the time until `limit` bytes if there is a limit.
    pub fn verdict(&self, now: Duration, limit: Option<u64>) -> Verdict {
        let now = now.as_secs_f64();
        let (mut pattern, mut confidence) = self.pattern(now);
        let mut spike = self.spike();
        if let Some(spike) = spike.filter(|_| matches!(pattern, Pattern::Linear | Pattern::Stable))
        {
            (pattern, confidence) = (Pattern::Spike, confidence_of(spike.evidence));
        } else {
            spike = None;
        }
        if confidence < self.options.confidence {
            pattern = Pattern::Unknown;
        }
        let growth = self.growth.filter(|_| {
            matches!(
                pattern,
                Pattern::Linear | Pattern::Exponential | Pattern::Leak
            )
        });
        let (last, held) = self.recent.last().unwrap_or_default();
        let first = self.first.unwrap_or(last);
        let span = (last - first).max(0.0);
        // Peaks reach the limit first.
        let room = limit.map(|limit| (limit as f64 - self.recent.range().1).max(0.0));
        let until = |slope: f64| {
            room.map(|room| {
                if slope > 0.0 {
                    room / slope
                } else {
                    f64::INFINITY
                }
            })
        };
        let to_limit = growth.and_then(|growth| until(growth.trend.slope));
        let level = self.recent.level(now, LEVEL).zip(self.baseline);
        let growth_ratio = level.map(|(level, baseline)| (level - baseline) / baseline.max(1.0));
        let case = advice::Case {
            pattern,
            confidence,
            held,
            growth,
            growth_ratio,
            jump: spike.map_or(0.0, |spike| spike.height),
            to_limit,
            looked: span,
        };
        let trend = growth.map(|growth| growth.trend);
        Verdict {
            pattern,
            confidence,
            slope_bytes_per_second: trend.map_or(0.0, |trend| trend.slope),
            slope_interval: trend.map(|trend| trend.interval),
            lasting: duration(match (growth, spike) {
                (Some(growth), _) => last - self.skipped - growth.since,
                (_, Some(spike)) => last - spike.at,
                _ => span,
            }),
            growth_ratio,
            severity: advice::severity(&case),
            recommendation: advice::recommendation(&case),
            seconds_to_limit: to_limit,
            seconds_to_limit_interval: trend
                .and_then(|trend: Trend| until(trend.interval.1).zip(until(trend.interval.0))),
            samples: self.samples,
            span: duration(span),
        }
    }

    fn pattern(&self, now: f64) -> (Pattern, f64) {
        let Some((last, held)) = self.recent.last() else {
            return (Pattern::Unknown, 0.0);
        };
        let enough = self.recent.len() >= self.options.min_points;
        if !self.warm || !enough || now - last > (GAP * self.interval).max(600.0) {
            return (Pattern::Unknown, 0.0);
        }
        if let Some(growth) = &self.growth {
            let pattern = if growth.exponential {
                Pattern::Exponential
            } else if growth.leak {
                Pattern::Leak
            } else {
                Pattern::Linear
            };
            return (pattern, confidence_of(growth.evidence));
        }
        let finest = &self.scales[0];
        if finest.ring.len() < WINDOWS[0] {
            let range = finest
                .ring
                .iter()
                .fold(self.recent.range(), |(low, high), b| {
                    (low.min(b.floor), high.max(b.ceiling))
                });
            return if range.1 - range.0 <= CALM * held {
                (Pattern::Stable, 0.70)
            } else {
                (Pattern::Unknown, 0.0)
            };
        }
        let near = self.scales.iter().map(|scale| scale.evidence);
        let near = near.fold(0.0, f64::max);
        (Pattern::Stable, 1.0 - 0.3 * near * near)
    }

    fn spike(&self) -> Option<super::recent::Spike> {
        if !self.warm || self.step.is_some() {
            return None;
        }
        let finest = &self.scales[0];
        let most_before = |at: f64| {
            let at = at - self.skipped;
            let before = finest.ring.iter().filter(|b| b.at + finest.width < at);
            before.map(|bucket| bucket.ceiling).reduce(f64::max)
        };
        let least = self.options.min_points;
        self.recent.spike(4.0 * self.interval, least, most_before)
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

/// 0.7 for evidence that is just enough, towards 1 for more.
fn confidence_of(evidence: f64) -> f64 {
    1.0 - 0.3 / (evidence * evidence)
}

/// Seconds as a duration; before zero is zero.
fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX)
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
