//! What a judge says of what it remembers.

use std::time::Duration;

use super::{
    Pattern, Verdict,
    advice::{self, Rise},
    judge::{GAP, Judge, LEVEL, OVER_OWN, RHYTHMS},
    recent::Spike,
    scales::Scale,
    statistics,
    trend::WINDOWS,
};

/// A rise by less than this part is none.
const FLAT: f64 = 0.02;
/// Confidence, at least, in growth that has been even for long enough for its speed.
const EVEN: f64 = 0.9;
/// And, at most, in other growth.
const MAY_END: f64 = 0.89;
/// What has grown by more since the baseline is stable with less confidence the more it grew.
const GROWN: f64 = 0.20;

impl Judge {
    /// The verdict at `now`, with the time until `limit` bytes if there is a limit.
    pub fn verdict(&self, now: Duration, limit: Option<u64>) -> Verdict {
        let now = now.as_secs_f64();
        let (last, held) = self.recent.last().unwrap_or_default();
        let level = self.recent.level(now, LEVEL);
        let grown = |level: Option<f64>, from: f64| {
            let (level, baseline) = level.zip(self.baseline)?;
            Some((level - from) / baseline.max(1.0))
        };
        let growth_ratio = grown(level, self.baseline.unwrap_or(0.0));
        let (mut pattern, mut confidence) = self.pattern(now);
        if pattern == Pattern::Stable {
            let part = GROWN / growth_ratio.unwrap_or(0.0).max(GROWN);
            confidence = confidence.min(0.7 + 0.3 * part);
        }
        let mut spike = self.spike();
        let jumps = match pattern {
            Pattern::Stable => true,
            Pattern::Linear => self.growth.is_some(),
            _ => false,
        };
        if let Some(spike) = spike.filter(|_| jumps) {
            (pattern, confidence) = (Pattern::Spike, confidence_of(spike.evidence));
        } else {
            spike = None;
        }
        if confidence < self.options.confidence {
            pattern = Pattern::Unknown;
        }
        let rise = self.rise(pattern, now);
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
        let to_limit = rise.and_then(|rise| until(rise.slope));
        let lasting = match (rise, spike) {
            (Some(rise), _) => rise.lasting,
            (_, Some(spike)) => last - spike.at,
            _ if pattern == Pattern::Stable => self.quiet(),
            _ => span,
        };
        let case = advice::Case {
            pattern,
            confidence,
            held,
            first_held: self.first_held,
            rise,
            growth_ratio,
            jump: spike.map_or(0.0, |spike| spike.height),
            to_limit,
            lasting,
            span,
            missing: self.missing(last),
            unseen: self.unseen.and_then(|(until, unseen)| {
                let all = pattern == Pattern::Stable && last - lasting <= until;
                all.then_some(unseen)
            }),
        };
        // What is known to grow is no tooth.
        let floor = match pattern {
            Pattern::Linear | Pattern::Exponential | Pattern::Leak => growth_ratio,
            _ => grown(Some(self.floor()), self.baseline_floor),
        };
        Verdict {
            pattern,
            confidence,
            slope_bytes_per_second: rise.map_or(0.0, |rise| rise.slope),
            slope_interval: rise.map(|rise| rise.interval),
            lasting: duration(lasting),
            growth_ratio,
            floor_growth_ratio: floor,
            severity: advice::severity(&case),
            recommendation: advice::recommendation(&case),
            seconds_to_limit: to_limit,
            seconds_to_limit_interval: rise
                .and_then(|rise| until(rise.interval.1).zip(until(rise.interval.0))),
            samples: self.samples,
            span: duration(span),
        }
    }

    /// The growth that the verdict is about, or what the newest samples say before there is one.
    fn rise(&self, pattern: Pattern, now: f64) -> Option<Rise> {
        let (last, _) = self.recent.last()?;
        match (pattern, self.growth, self.early) {
            (Pattern::Linear | Pattern::Exponential | Pattern::Leak, Some(growth), _) => {
                Some(Rise {
                    slope: growth.trend.slope,
                    interval: growth.trend.interval,
                    lasting: last - self.skipped - growth.since,
                    sure: true,
                })
            }
            (Pattern::Linear | Pattern::Unknown, None, Some(early)) if !self.is_stale(now) => {
                Some(Rise {
                    slope: early.slope,
                    interval: early.interval,
                    lasting: last - early.since,
                    sure: early.sure,
                })
            }
            _ => None,
        }
    }

    /// Whether the last sample is too old to say anything.
    fn is_stale(&self, now: f64) -> bool {
        let last = self.recent.last().map_or(f64::NEG_INFINITY, |(at, _)| at);
        now - last > (GAP * self.interval).max(600.0)
    }

    fn pattern(&self, now: f64) -> (Pattern, f64) {
        if self.recent.len() < self.options.min_points || self.is_stale(now) {
            return (Pattern::Unknown, 0.0);
        }
        if let Some(growth) = &self.growth {
            let confidence = confidence_of(growth.evidence);
            return if growth.exponential {
                (Pattern::Exponential, confidence)
            } else if growth.leak {
                (Pattern::Leak, confidence)
            } else if growth.even {
                (Pattern::Linear, confidence.max(EVEN))
            } else {
                (Pattern::Linear, confidence.min(MAY_END))
            };
        }
        match self.early {
            Some(early) if early.named => {
                let confidence = confidence_of(early.evidence).min(MAY_END);
                return (Pattern::Linear, confidence);
            }
            // Neither provably growing nor at rest.
            Some(early) if early.sure => return (Pattern::Unknown, 0.0),
            _ => {}
        }
        if self.scales[0].ring.len() < WINDOWS[0] {
            return (Pattern::Unknown, 0.0);
        }
        let near = self.scales.iter().map(|scale| scale.evidence);
        let near = near.fold(0.0, f64::max);
        (Pattern::Stable, 1.0 - 0.3 * near * near)
    }

    /// Seconds until there can be a verdict; `None` once there can.
    fn missing(&self, last: f64) -> Option<f64> {
        let finest = &self.scales[0];
        let buckets = WINDOWS[0].checked_sub(finest.ring.len())? as f64;
        let began = self.first.unwrap_or(last);
        let warming = self.options.baseline_after.as_secs_f64() - (last - began);
        let warming = if self.warm { 0.0 } else { warming.max(0.0) };
        (buckets > 0.0).then_some(warming + buckets * finest.width)
    }

    /// The least of the newest samples and of the shortest window.
    fn floor(&self) -> f64 {
        let newest = self.scales[0].ring.iter().rev().take(WINDOWS[0]);
        let floors = newest.map(|bucket| bucket.floor);
        floors.fold(self.recent.range().0, f64::min)
    }

    /// For how long nothing was lower than now by more than comes and goes, seconds. What was
    /// before somebody looked again says nothing of the time between.
    fn quiet(&self) -> f64 {
        let (last, _) = self.recent.last().unwrap_or_default();
        let level = self.recent.level(last, LEVEL).unwrap_or(0.0);
        let remembered = self.scales.iter().filter(|scale| scale.width <= RHYTHMS);
        let swings = remembered.flat_map(|scale| scale.swings);
        let own = statistics::swing(self.recent.values());
        let lower = level - (FLAT * level).max(OVER_OWN * swings.fold(own, f64::max));
        let ends = |scale: &Scale| self.skipped + scale.width / 2.0;
        let past = self.scales.iter().flat_map(|scale| {
            let ends = ends(scale);
            let ring = scale.ring.iter();
            ring.map(move |bucket| (bucket.at + ends, bucket.middle))
        });
        let past = past.chain(self.recent.newest());
        let rose = past.filter(|(_, bytes)| *bytes < lower).map(|(at, _)| at);
        let looked = self
            .unseen
            .map_or(0.0, |(until, _)| until)
            .max(self.remembered(last));
        last - rose.fold(looked, f64::max).min(last)
    }

    /// Since when anything is remembered, at most until `last`, seconds.
    fn remembered(&self, last: f64) -> f64 {
        let oldest = |scale: &Scale| {
            let oldest = scale.ring.front()?;
            Some(self.skipped + (oldest.at - scale.width / 2.0).max(self.warm_since))
        };
        let oldest = self.scales.iter().filter_map(oldest);
        oldest.chain(self.recent.since()).fold(last, f64::min)
    }

    fn spike(&self) -> Option<Spike> {
        if !self.warm {
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
}

/// 0.7 for evidence that is just enough, towards 1 for more.
fn confidence_of(evidence: f64) -> f64 {
    1.0 - 0.3 / (evidence * evidence)
}

/// Seconds as a duration; before zero is zero.
fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX)
}
