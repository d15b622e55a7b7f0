//! What is no leak and rises for hours: caches and days, and which of them are a leak at first.

use super::case::{DAY, HOUR, MINUTE, Random};

/// How a cache fills up.
pub struct Filling {
    pub size: f64,
    pub straight: bool,
    pub time: f64,
}

impl Filling {
    pub fn new(random: &mut Random) -> Self {
        let size = random.log_between(0.1, 2.0);
        let straight = random.chance(0.3);
        let time = if straight {
            random.log_between(MINUTE, 2.0 * HOUR)
        } else {
            random.log_between(2.0 * MINUTE, 4.0 * HOUR)
        };
        Self {
            size,
            straight,
            time,
        }
    }

    /// Whether for its first hour it is a leak of a tenth an hour or more, number for number.
    pub fn is_a_leak_for_an_hour(&self) -> bool {
        self.straight && self.time >= HOUR && self.size / self.time * HOUR >= 0.1
    }
}

/// How a process follows the hours.
pub struct Day {
    pub size: f64,
    /// At which part of the day it is first seen.
    pub phase: f64,
    pub shape: u32,
    /// For which part of a day of straight flanks it rises.
    pub rising: f64,
}

impl Day {
    pub fn new(random: &mut Random) -> Self {
        let (size, phase) = (random.between(0.05, 0.5), random.unit());
        Self {
            size,
            phase,
            shape: (random.unit() * 3.0) as u32,
            rising: random.between(0.3, 0.7),
        }
    }

    /// Whether for the first six hours it is a leak of a hundredth an hour or more, number for
    /// number.
    pub fn is_a_leak_for_six_hours(&self) -> bool {
        let flank = self.rising * DAY;
        self.shape == 2
            && flank - self.phase * DAY >= 6.0 * HOUR
            && self.size / flank * HOUR >= 0.01
    }
}
