//! One look at one process for a while, without any configuration: does it grow?

use std::{collections::BTreeSet, time::Duration};

use super::{
    Selector, Unreadable,
    proc::{Finder, Look, Proc},
    verdict::{self, Counted, Judge, Pattern, Sample, Verdict},
    watch::{Held, Members},
};
use crate::shutdown::Tasks;

/// The fewest samples that say anything.
pub const FEWEST_SAMPLES: usize = 6;
/// Stretches whose floors are compared.
const STRETCHES: usize = 12;
/// Times by which a rise exceeds what came and went.
const OVER_FALL: f64 = 1.5;
/// Fewer descriptors, threads or processes more are not worth a word.
const LEAST_MORE: f64 = 5.0;
/// Samples before a judge can name a pattern: its warm-up, and its shortest window.
const NAMEABLE: u32 = 24;

/// A check that is going on.
#[derive(Debug)]
pub struct LeakCheck {
    proc: Proc,
    finder: Finder,
    members: Members,
    judge: Judge,
    interval: Duration,
    held: Vec<f64>,
    /// By [`Counted::index`], as far as they could be counted.
    counted: [Vec<f64>; Counted::COUNT],
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
    /// From the floor of the first third to that of the last, relative to the first; 0 where what
    /// comes and goes explains it.
    pub growth: f64,
    /// What the judge says; a short look is rarely enough for more than `linear`.
    pub verdict: Verdict,
    /// What is counted and piled up by more than was allowed.
    pub piled_up: Vec<Counted>,
    /// Whether it leaks, or anything grew by more than was allowed.
    pub grows: bool,
    /// What to make of it, in a sentence or two of plain English.
    pub advice: String,
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
            finder: Finder::new(Selector::Pid(pid), &Tasks::default()),
            members: Members::default(),
            judge: Judge::close_up(options),
            interval,
            held: Vec::new(),
            counted: Default::default(),
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
        self.held.push(bytes as f64);
        let counts = [open_fds, Some(threads), Some(u64::from(processes))];
        for (counted, count) in self.counted.iter_mut().zip(counts) {
            counted.extend(count.map(|count| count as f64));
        }
        self.last = at;
        let first = self.held[0].max(1.0);
        Ok(CheckSample {
            at,
            resident,
            swap,
            growth: bytes as f64 / first - 1.0,
            processes,
            threads,
            open_fds,
        })
    }

    /// What the samples so far say; `None` for fewer than [`FEWEST_SAMPLES`]. `allowed` is how much
    /// it may grow, relative to its beginning.
    pub fn outcome(&self, allowed: f64) -> Option<CheckOutcome> {
        if self.held.len() < FEWEST_SAMPLES {
            return None;
        }
        let growth = rise(&self.held).map_or(0.0, Rise::relative);
        let verdict = self.judge.verdict(self.last, None);
        let grows = |what: &&Counted| {
            let rise = rise(&self.counted[what.index()]);
            rise.is_some_and(|rise| rise.by >= LEAST_MORE && rise.relative() > allowed)
        };
        let piled_up: Vec<Counted> = Counted::ALL.iter().filter(grows).copied().collect();
        let advice = match verdict.pattern {
            Pattern::Unknown if self.last < NAMEABLE * self.interval => {
                let (needed, every) = (NAMEABLE * self.interval, self.interval);
                format!(
                    "To name a pattern, look for {needed:?} at least, with a sample every {every:?}."
                )
            }
            _ => verdict.recommendation.clone(),
        };
        let leaks = matches!(verdict.pattern, Pattern::Leak | Pattern::Exponential);
        Some(CheckOutcome {
            growth,
            grows: leaks || growth > allowed || !piled_up.is_empty(),
            verdict,
            piled_up,
            advice,
        })
    }
}

/// How far a floor rose.
#[derive(Clone, Copy, Debug)]
struct Rise {
    from: f64,
    by: f64,
}

impl Rise {
    fn relative(self) -> f64 {
        self.by / self.from.max(1.0)
    }
}

/// How far the floor has risen, from the first third to the last; `None` where it has not, or
/// where something has come and gone that explains it. Teeth that are longer than the look
/// cannot be told from growth.
fn rise(values: &[f64]) -> Option<Rise> {
    let floor = |part: &[f64]| part.iter().copied().fold(f64::INFINITY, f64::min);
    let ceiling = |part: &[f64]| part.iter().copied().fold(0.0, f64::max);
    let n = values.len();
    let [first, middle, last] = [0, 1, 2].map(|i| &values[i * n / 3..(i + 1) * n / 3]);
    let (from, by) = (floor(first), floor(last) - floor(first));
    let stretches = STRETCHES.min(n);
    let floors = (0..stretches).map(|i| floor(&values[i * n / stretches..(i + 1) * n / stretches]));
    let (mut peak, mut fall) = (0.0_f64, 0.0_f64);
    for level in floors {
        peak = peak.max(level);
        fall = fall.max(peak - level);
    }
    let between = (from - 0.1 * by..=from + 1.1 * by).contains(&floor(middle));
    let ceilings = ceiling(last) - ceiling(first) >= 0.5 * by;
    (by > OVER_FALL * fall && by > 0.0 && between && ceilings).then_some(Rise { from, by })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLES: usize = 31;

    /// Numbers from 0 to 1 that look random but belong to a seed.
    fn random(seed: &mut u64) -> f64 {
        *seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (*seed >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn growth(values: &[f64]) -> f64 {
        rise(values).map_or(0.0, Rise::relative)
    }

    /// At whatever phase one happens to look, and however the teeth vary.
    #[test]
    fn a_sawtooth_does_not_grow() {
        let mut seed = 7;
        for period in [0.05, 0.1, 0.2, 0.33, 0.5, 0.66, 0.8] {
            let mut wrong = 0;
            for look in 0..1_000 {
                let phase = f64::from(look) / 1_000.0;
                let tops: Vec<f64> = (0..30)
                    .map(|_| 0.6 * (0.85 + 0.3 * random(&mut seed)))
                    .collect();
                let values: Vec<f64> = (0..SAMPLES)
                    .map(|i| {
                        let turn = i as f64 / SAMPLES as f64 / period + phase;
                        1e8 * (1.0 + tops[turn as usize] * turn.fract() + 0.01 * random(&mut seed))
                    })
                    .collect();
                wrong += u32::from(growth(&values) > 0.2);
            }
            assert!(wrong <= 10, "{period}: {wrong} of 1000");
        }
    }

    #[test]
    fn growth_is_found_at_rest_and_under_teeth() {
        let mut seed = 3;
        for period in [0.05, 0.1, 0.2] {
            let mut found = 0;
            for look in 0..1_000 {
                let phase = f64::from(look) / 1_000.0;
                let values: Vec<f64> = (0..SAMPLES)
                    .map(|i| {
                        let time = i as f64 / SAMPLES as f64;
                        let tooth = 0.3 * (time / period + phase).fract();
                        1e8 * (1.0 + 1.5 * time + tooth + 0.01 * random(&mut seed))
                    })
                    .collect();
                found += u32::from(growth(&values) > 0.2);
            }
            assert!(found >= 990, "{period}: {found} of 1000");
        }
        let step: Vec<f64> = (0..SAMPLES)
            .map(|i| if i > 12 { 14.0 } else { 10.0 })
            .collect();
        assert!(growth(&step) > 0.2);
        let burst: Vec<f64> = (0..SAMPLES)
            .map(|i| if i > 24 && i < 28 { 14.0 } else { 10.0 })
            .collect();
        assert_eq!(growth(&burst), 0.0);
    }

    /// Five minutes with a sample every ten seconds, as they are by default.
    #[test]
    fn five_minutes_name_growth() {
        let mut judge = LeakCheck::new(1, Duration::from_secs(10)).judge;
        let mut seed = 1;
        for i in 0..SAMPLES as u64 {
            judge.add(Sample {
                at: Duration::from_secs(10 * i) + Duration::from_millis(3),
                bytes: 100_000_000 + 1_000_000 * i + (1e5 * random(&mut seed)) as u64,
            });
        }
        let verdict = judge.verdict(Duration::from_secs(300), None);
        assert_eq!(verdict.pattern, Pattern::Linear, "{verdict:#?}");
    }
}
