//! One look at one process for a while, without any configuration: does it grow?

use std::{collections::BTreeSet, time::Duration};

use super::{
    ReadFailure, Selector, Unreadable,
    proc::{Finder, Look, Proc, Stat},
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
    pid: u32,
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
    pub piled_up: Vec<More>,
    /// How much more it holds than at the first sample, where that is more than was allowed and most
    /// of it came too early to be growth that goes on; relative.
    pub early: Option<f64>,
    /// The same of what is counted.
    pub early_piles: Vec<More>,
    /// Whether it leaks, or anything grew by more than was allowed.
    pub grows: bool,
    /// What to make of it, in a sentence or two of plain English.
    pub advice: String,
}

/// There is more of what is counted than at the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct More {
    /// Of what.
    pub what: Counted,
    /// The least in the first third, or at the first sample.
    pub from: u64,
    /// The least in the last third.
    pub to: u64,
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
            pid,
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

    /// Whether [`Self::sample`] failed so because the process has ended, seen before; not because
    /// what goes on could not be read.
    pub fn has_ended(&self, unreadable: &Unreadable) -> bool {
        match unreadable.reason {
            ReadFailure::Vanished => true,
            // Of one whose first thread alone has ended the number is still there.
            ReadFailure::NotFound => {
                let goes_on = |stat: Stat| stat.ended && stat.threads > 1;
                !self.held.is_empty() && !self.proc.stat(self.pid).is_ok_and(goes_on)
            }
            _ => false,
        }
    }

    /// What the samples so far say; `None` for fewer than [`FEWEST_SAMPLES`]. `allowed` is how much
    /// it may grow, relative to its beginning.
    pub fn outcome(&self, allowed: f64) -> Option<CheckOutcome> {
        if self.held.len() < FEWEST_SAMPLES {
            return None;
        }
        let growth = rise(&self.held).map_or(0.0, Rise::relative);
        let verdict = self.judge.verdict(self.last, None);
        let (mut piled_up, mut early_piles) = (Vec::new(), Vec::new());
        for what in Counted::ALL.iter().copied() {
            let values = &self.counted[what.index()];
            let enough = |rise: &Rise| rise.by >= LEAST_MORE && rise.relative() > allowed;
            let more = |rise: Rise| More {
                what,
                from: rise.from as u64,
                to: (rise.from + rise.by) as u64,
            };
            let goes_on = rise(values).filter(enough).map(more);
            let early = || risen_early(values).filter(enough).map(more);
            match goes_on {
                Some(grown) => piled_up.push(grown),
                None => early_piles.extend(early()),
            }
        }
        let all = risen_early(&self.held).map_or(0.0, Rise::relative);
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
            early: (all > allowed && growth <= allowed).then_some(all),
            early_piles,
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

/// How far the floor of the last third is above the first sample, where most of that was there in
/// the middle third; `None` where it is not.
fn risen_early(values: &[f64]) -> Option<Rise> {
    let from = *values.first()?;
    let (n, above) = (values.len(), |level: f64| level - from);
    let floor = |part: &[f64]| part.iter().copied().fold(f64::INFINITY, f64::min);
    let by = above(floor(&values[2 * n / 3..]));
    let came_early = above(floor(&values[n / 3..2 * n / 3])) >= 0.5 * by;
    (by > 0.0 && came_early).then_some(Rise { from, by })
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

    /// The table of docs/processes.md, as far as it costs little.
    #[test]
    fn how_long_a_leak_takes_to_be_told() {
        const EVERY: u64 = 10;
        for (hourly, minutes, sure, grows) in [
            (0.5, 45, false, true),
            (0.2, 120, true, true),
            (0.1, 45, false, false),
            (0.1, 60, true, false),
            (0.1, 240, true, true),
        ] {
            let mut seed = 1;
            let mut check = LeakCheck::new(1, Duration::from_secs(EVERY));
            for second in (0..=minutes * 60).step_by(EVERY as usize) {
                let noise = 0.01 * 12_f64.sqrt() * (random(&mut seed) - 0.5);
                let bytes = 1e8 * (1.0 + hourly * second as f64 / 3600.0 + noise);
                check.last = Duration::from_secs(second);
                let (at, bytes) = (check.last, bytes as u64);
                check.judge.add(Sample { at, bytes });
                check.held.push(bytes as f64);
            }
            let outcome = check.outcome(0.2).unwrap();
            let verdict = &outcome.verdict;
            let said = format!("{hourly} an hour, {minutes} min: {outcome:#?}");
            assert_eq!(verdict.pattern, Pattern::Linear, "{said}");
            assert_eq!(verdict.confidence >= 0.9, sure, "{said}");
            assert_eq!(outcome.grows, grows, "{said}");
        }
    }

    /// What rose early, for the most part, is no growth that goes on; but it is told.
    #[test]
    fn what_came_early_is_told() {
        let mut check = LeakCheck::new(1, Duration::from_secs(2));
        for i in 0..SAMPLES {
            let more = i.min(8) as f64;
            check.held.push(5e7 * (1.0 + more));
            check.counted[Counted::OpenFds.index()].push(5.0 + 5.0 * more);
            check.counted[Counted::Threads.index()].push(9.0 + i as f64);
            check.counted[Counted::Processes.index()].push(1.0);
        }
        let outcome = check.outcome(0.2).unwrap();
        assert_eq!((outcome.growth, outcome.early), (0.0, Some(8.0)));
        let names = |piles: &[More]| piles.iter().map(|more| more.what).collect::<Vec<_>>();
        assert_eq!(names(&outcome.early_piles), [Counted::OpenFds]);
        assert_eq!(names(&outcome.piled_up), [Counted::Threads]);
        let files = &outcome.early_piles[0];
        assert_eq!((files.from, files.to), (5, 45));

        // It fell, and more came late.
        for (i, held) in check.held.iter_mut().enumerate() {
            *held = [1e8, 5e7, 2e8][3 * i / SAMPLES];
        }
        let outcome = check.outcome(0.2).unwrap();
        assert_eq!((outcome.growth, outcome.early), (0.0, None));
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
