//! What is counted, not weighed: descriptors, threads, processes. Do they pile up?
//!
//! A count has little noise but moves in leaps, so the rule is simpler than that for bytes: what
//! remains at the lowest point of each stretch of time goes up, again and again, and not back.

use std::collections::VecDeque;

use super::statistics::swing;
use crate::closed_set::closed_set;

/// Stretches that are looked at together.
const STRETCHES: usize = 12;
/// Samples of the shortest stretch.
const SAMPLES: u32 = 4;
/// Stretches of a level that are one of the next.
const RATIO: u32 = 4;
/// The longest look is so many levels: 17 days of a sample every half minute.
const LEVELS: usize = 6;
/// Once or twice is a step.
const LEAST_RISES: usize = 4;
/// Once it is told, this part of what that takes goes on with it: what rises by one at a time is
/// now above a bar, now below it.
const KEEPS_ON: f64 = 0.5;
/// A rise by less than this part is none.
const LEAST_PART: f64 = 0.10;
/// Times by which a rise exceeds what has come and gone.
const OVER_SWING: f64 = 2.0;
/// Each third takes part, with so much of the rise.
const LEAST_SHARE: f64 = 0.20;

closed_set! {
    /// What is counted of a process and all that descend from it.
    pub enum Counted {
        /// Open descriptors.
        OpenFds => "open_fds",
        /// Threads of the operating system.
        Threads => "threads",
        /// Processes.
        Processes => "processes",
    }
}

/// The past of one count, 0.7 kB of it.
#[derive(Clone, Debug)]
pub struct Counts {
    levels: Vec<Level>,
    /// A rise by fewer is none.
    least: f64,
    grows: bool,
}

#[derive(Clone, Debug)]
struct Level {
    floors: VecDeque<u32>,
    /// The open stretch: parts of it, and the least.
    parts: u32,
    floor: u32,
}

impl Counts {
    /// Of something of which fewer than `least` more are not worth a word.
    pub fn new(least: u32) -> Self {
        let level = Level {
            floors: VecDeque::with_capacity(STRETCHES),
            parts: 0,
            floor: u32::MAX,
        };
        Self {
            levels: vec![level; LEVELS],
            least: f64::from(least),
            grows: false,
        }
    }

    /// Takes a sample in; they come at even intervals.
    pub fn add(&mut self, count: u64) {
        if self.closes(count) {
            let swings = self.levels.iter().map(|level| swing(level.values()));
            let swing = swings.fold(0.0, f64::max);
            let part = if self.grows { KEEPS_ON } else { 1.0 };
            let mut levels = self.levels.iter();
            self.grows = levels.any(|level| level.grows(self.least, swing, part));
        }
    }

    /// Puts a sample where it belongs. True when a stretch ends with it.
    fn closes(&mut self, count: u64) -> bool {
        let mut part = u32::try_from(count).unwrap_or(u32::MAX);
        let mut whole = SAMPLES;
        for (index, level) in self.levels.iter_mut().enumerate() {
            level.floor = level.floor.min(part);
            level.parts += 1;
            if level.parts < whole {
                return index > 0;
            }
            part = std::mem::replace(&mut level.floor, u32::MAX);
            level.parts = 0;
            if level.floors.len() == STRETCHES {
                level.floors.pop_front();
            }
            level.floors.push_back(part);
            whole = RATIO;
        }
        true
    }

    /// Whether it piles up: 48 samples tell at the earliest.
    pub fn grows(&self) -> bool {
        self.grows
    }
}

impl Level {
    fn values(&self) -> impl ExactSizeIterator<Item = f64> + Clone {
        self.floors.iter().map(|floor| f64::from(*floor))
    }

    /// Whether it rises, by this part of what that takes.
    fn grows(&self, least: f64, swing: f64, part: f64) -> bool {
        if self.floors.len() < STRETCHES {
            return false;
        }
        let third = STRETCHES / 3;
        let at = |index: usize| f64::from(self.floors[index]);
        let [a, b, c, d] = [at(0), at(third), at(2 * third), at(STRETCHES - 1)];
        let rise = d - a;
        let rises = self.values().zip(self.values().skip(1));
        let rises = rises.filter(|(before, after)| after > before).count();
        let needed = least.max(LEAST_PART * a).max(OVER_SWING * swing);
        rise >= part * needed
            && [b - a, c - b, d - c]
                .iter()
                .all(|share| *share >= part * LEAST_SHARE * rise)
            && rises >= LEAST_RISES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many samples it takes to say that it grows.
    fn told(samples: usize, count: impl Fn(usize) -> u64) -> Option<usize> {
        let mut counts = Counts::new(5);
        (0..samples).find(|sample| {
            counts.add(count(*sample));
            counts.grows()
        })
    }

    #[test]
    fn what_piles_up_is_told() {
        // Two a minute; one in ten minutes; one with every reconnect, under a coming and going.
        assert!(told(100, |i| 10 + i as u64).is_some_and(|at| at < 50));
        assert!(told(1_000, |i| 20 + i as u64 / 20).is_some_and(|at| at < 200));
        let busy = |i: usize| 10 + i as u64 / 30 + 3 * u64::from(i % 7 < 3);
        assert!(told(1_000, busy).is_some_and(|at| at < 400));
        // It began long after the start.
        let late = |i: usize| 10 + i.saturating_sub(20_000) as u64;
        assert!(told(21_000, late).is_some_and(|at| at < 20_060));
    }

    /// However many samples lie between one more and the next, and however seldom one looks.
    #[test]
    fn it_is_told_once_and_ends_when_nothing_comes_any_more() {
        for between in [3, 7, 20, 40, 41, 170] {
            let mut counts = Counts::new(5);
            let mut changes = 0;
            for sample in 0..100 * between {
                let before = counts.grows();
                counts.add(10 + (sample / between) as u64);
                changes += u32::from(counts.grows() != before);
            }
            assert!(counts.grows(), "{between}");
            assert_eq!(changes, 1, "{between}");
            for _ in 0..200 * between {
                counts.add(110);
            }
            assert!(!counts.grows(), "{between}");
        }
    }

    #[test]
    fn what_comes_and_goes_does_not_pile_up() {
        let steps = |i: usize| 10 + 30 * u64::from(i > 100) + 30 * u64::from(i > 160);
        assert_eq!(told(5_000, steps), None);
        for period in [5, 20, 60, 300] {
            // From the second round on what comes back is known.
            let mut counts = Counts::new(5);
            let tooth = |i: usize| 10 + (40 * (i % period) / period) as u64;
            for sample in 0..20_000 {
                counts.add(tooth(sample));
                assert!(sample < 2 * period || !counts.grows(), "{period} {sample}");
            }
        }
    }
}
