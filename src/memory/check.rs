//! One look at one process for a while, without any configuration: does it grow?

use std::{collections::BTreeSet, time::Duration};

use super::{
    Selector, Unreadable,
    proc::{Finder, Look, Proc},
    verdict::{self, Judge, Pattern, Sample, Verdict},
    watch::{Held, Members},
};

/// Samples at either end whose medians are compared.
const END: usize = 3;
/// The fewest samples that say anything.
pub const FEWEST_SAMPLES: usize = 2 * END;

/// A check that is going on.
#[derive(Debug)]
pub struct LeakCheck {
    proc: Proc,
    finder: Finder,
    members: Members,
    judge: Judge,
    held: Vec<u64>,
    last: Duration,
}

/// One sample of it, summed over the process and its descendants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CheckSample {
    /// Since the beginning.
    pub at: Duration,
    /// Bytes in RAM.
    pub resident: u64,
    /// Bytes swapped out.
    pub swap: u64,
    /// Relative to the first sample: 0.2 is a fifth more.
    pub growth: f64,
    /// How many processes.
    pub processes: u32,
    /// Threads of the operating system.
    pub threads: u64,
    /// Open descriptors, where they may be counted.
    pub open_fds: Option<u64>,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct CheckOutcome {
    /// From the median of the first samples to that of the last, relative to the first.
    pub growth: f64,
    /// What the judge says; a short look is rarely enough for more than `linear`.
    pub verdict: Verdict,
    /// Whether it leaks, or grew by more than was allowed.
    pub grows: bool,
}

impl LeakCheck {
    /// Begins. `interval` is how often [`Self::sample`] will be called.
    pub fn new(pid: u32, interval: Duration) -> Self {
        let options = verdict::Options {
            sample_interval: interval,
            analysis_interval: interval,
            // Who asks about a running process does not ask about its start.
            baseline_after: Duration::ZERO,
            window: 1_000,
            ..verdict::Options::default()
        };
        Self {
            proc: Proc::of_this_system(),
            finder: Finder::new(Selector::Pid(pid)),
            members: Members::default(),
            judge: Judge::new(options),
            held: Vec::new(),
            last: Duration::ZERO,
        }
    }

    /// Reads it, `at` after the beginning. Some tens of microseconds for each process.
    ///
    /// # Errors
    /// [`Unreadable`] when it has ended, was never there, or may not be read.
    pub fn sample(&mut self, at: Duration) -> Result<CheckSample, Unreadable> {
        let look = Look::new(&self.proc);
        let heads: BTreeSet<u32> = self.finder.find(&look)?;
        self.members.update(&look, &heads)?;
        let Held {
            resident,
            swap,
            processes,
            threads,
            open_fds,
            ..
        } = self.members.read(&self.proc)?;
        let swap = swap.unwrap_or(0);
        let bytes = resident.saturating_add(swap);
        self.judge.add(Sample { at, bytes });
        self.held.push(bytes);
        self.last = at;
        let first = self.held[0].max(1);
        Ok(CheckSample {
            at,
            resident,
            swap,
            growth: bytes as f64 / first as f64 - 1.0,
            processes,
            threads,
            open_fds,
        })
    }

    /// What the samples so far say; `None` for fewer than [`FEWEST_SAMPLES`]. `allowed` is how much
    /// it may grow, relative to its beginning.
    pub fn outcome(&self, allowed: f64) -> Option<CheckOutcome> {
        let (first, last) = (self.held.get(..END)?, self.held.len().checked_sub(END)?);
        if self.held.len() < FEWEST_SAMPLES {
            return None;
        }
        let growth = median(&self.held[last..]) / median(first).max(1.0) - 1.0;
        let verdict = self.judge.verdict(self.last, None);
        Some(CheckOutcome {
            growth,
            grows: verdict.pattern == Pattern::Leak || growth > allowed,
            verdict,
        })
    }
}

fn median(values: &[u64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted[sorted.len() / 2] as f64
}
