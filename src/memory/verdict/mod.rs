//! The verdict on a process's memory: does it grow, how, and what would a person do about it?
//!
//! Pure: samples and the time go in, a [`Verdict`] comes out. Nothing here reads a file or a
//! clock. `docs/memory.md` says in words what each pattern means, how it is told from the
//! others and how often that goes wrong.

mod advice;
mod bucket;
mod counts;
mod early;
mod ended;
mod growth;
mod judge;
mod recent;
mod saying;
mod scales;
mod statistics;
#[cfg(test)]
mod tests;
mod trend;

use std::time::Duration;

use crate::closed_set::closed_set;

pub use counts::{Counted, Counts};
pub use judge::Judge;

/// What a process held at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Time since any fixed start, by a clock that never steps back. An older sample than the
    /// one before it is ignored.
    pub at: Duration,
    /// Memory held, bytes.
    pub bytes: u64,
}

/// How a [`Judge`] looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// How often a sample is expected, at least a tenth of a second. A rarer one is a gap, not an
    /// error.
    pub sample_interval: Duration,
    /// How often the owner asks for a verdict. The judge itself has no schedule.
    pub analysis_interval: Duration,
    /// Warm-up: growth in this time after the first sample does not count, and the baseline is
    /// what is held at its end.
    pub baseline_after: Duration,
    /// Newest samples that are kept one by one, 2 to 1,000; a spike is told while it lies among
    /// them.
    pub window: usize,
    /// Fewer samples than this say nothing, 2 or more.
    pub min_points: usize,
    /// A pattern is named from this confidence on, 0 to 1. 0.7 is what the measured quality holds
    /// for.
    pub confidence: f64,
}

impl Default for Options {
    /// 30 s, asked every 2 min, 10 min of warm-up.
    fn default() -> Self {
        Self {
            sample_interval: Duration::from_secs(30),
            analysis_interval: Duration::from_secs(120),
            baseline_after: Duration::from_secs(600),
            window: 20,
            min_points: 5,
            confidence: 0.70,
        }
    }
}

closed_set! {
    /// How memory has behaved, up to now.
    pub enum Pattern {
        /// Too little is known: warming up, just restarted, or nothing is clear enough.
        Unknown => "unknown",
        /// It does not grow, or so little that it does not matter. Teeth, bursts, a step that
        /// stays, a rhythm seen before are all stable.
        Stable => "stable",
        /// It grows steadily, or fast; a warming cache or the morning of a daily rhythm could still
        /// explain it.
        Linear => "linear",
        /// It grows, and the faster the more there is.
        Exponential => "exponential",
        /// It has just jumped.
        Spike => "spike",
        /// It grows without flattening, by more or for longer than anything bounded explains.
        Leak => "leak",
    }
}

closed_set! {
    /// How soon a person should look.
    pub enum Severity {
        /// Nothing to do.
        None => "none",
        /// Confidence below 70 %.
        Low => "low",
        /// Confidence from 70 %.
        Medium => "medium",
        /// Confidence from 80 %.
        High => "high",
        /// Confidence from 90 %, or it grows and reaches its limit within an hour.
        Critical => "critical",
    }
}

/// What a [`Judge`] says at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// How memory behaves.
    pub pattern: Pattern,
    /// How far the evidence for it exceeds what is needed, 0 to 1. No probability: 0.7 is just
    /// enough, 0.9 about 1.7 times that. That of [`Pattern::Linear`] is 0.9 or more if the growth
    /// has been even for long enough for its speed (42 minutes at a tenth an hour, four hours at a
    /// hundredth), and less if not.
    pub confidence: f64,
    /// Robust slope over the time that the verdict is about, bytes per second; 0 where none can be
    /// told from chance. Before a pattern can be named it is that of the newest samples.
    pub slope_bytes_per_second: f64,
    /// Between what the slope lies in 95 of 100 cases, bytes per second.
    pub slope_interval: Option<(f64, f64)>,
    /// For how long it has behaved so: since when it grows, or for how long it has not grown; while
    /// neither is known, how long has been looked at.
    pub lasting: Duration,
    /// Growth relative to the baseline: 0.2 is a fifth more. `None` without a baseline.
    pub growth_ratio: Option<f64>,
    /// The same without what comes and goes: of the least that was held lately, unless it is
    /// known to grow. Teeth do not move it.
    pub floor_growth_ratio: Option<f64>,
    /// How soon a person should look.
    pub severity: Severity,
    /// What a person should do, with the figures. A sentence or two of plain English.
    pub recommendation: String,
    /// Until the limit is reached if it goes on like this, seconds. `None` unless it grows and
    /// there is a limit.
    pub seconds_to_limit: Option<f64>,
    /// The same for the ends of [`Self::slope_interval`]: the earliest and the latest, which may
    /// be infinite.
    pub seconds_to_limit_interval: Option<(f64, f64)>,
    /// Samples since the process began to be watched, or was restarted.
    pub samples: u64,
    /// Time between the first and the last of them.
    pub span: Duration,
}
