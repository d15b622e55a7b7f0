//! The judge: a bounded memory of what a process held, and the verdict on it.

use std::time::Duration;

use super::{Options, Pattern, Sample, Severity, Verdict};

/// Judges the memory of one process. Its own memory is bounded: see [`Judge::footprint`].
#[derive(Clone, Debug)]
pub struct Judge {
    options: Options,
    samples: u64,
}

impl Judge {
    /// A judge that knows nothing yet. Options outside their ranges are moved into them.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            samples: 0,
        }
    }

    /// Takes a sample in. Amortised below a microsecond.
    pub fn add(&mut self, sample: Sample) {
        let _ = sample;
        self.samples += 1;
    }

    /// Another process has the name now: nothing before counts for growth, and the warm-up
    /// begins anew.
    pub fn restarted(&mut self, at: Duration) {
        let _ = at;
        *self = Self::new(self.options);
    }

    /// Something is about to change on purpose, a reload for instance: a step here is not growth,
    /// up or down. The baseline moves with it.
    pub fn step_expected(&mut self, at: Duration) {
        let _ = at;
    }

    /// What is held now is the baseline from now on. Without this it is what was held at the end
    /// of the warm-up.
    pub fn set_baseline(&mut self, at: Duration) {
        let _ = at;
    }

    /// The baseline, bytes; `None` during the warm-up.
    pub fn baseline(&self) -> Option<u64> {
        None
    }

    /// The verdict at `now`, with the time until `limit` bytes if there is a limit.
    pub fn verdict(&self, now: Duration, limit: Option<u64>) -> Verdict {
        let _ = (now, limit);
        Verdict {
            pattern: Pattern::Unknown,
            confidence: 0.0,
            slope_bytes_per_second: 0.0,
            slope_interval: None,
            lasting: Duration::ZERO,
            growth_ratio: None,
            severity: Severity::None,
            recommendation: String::new(),
            seconds_to_limit: None,
            seconds_to_limit_interval: None,
            samples: self.samples,
            span: Duration::ZERO,
        }
    }

    /// Bytes that this judge holds, itself included.
    pub fn footprint(&self) -> usize {
        size_of::<Self>()
    }
}
