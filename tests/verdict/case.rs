//! A process's memory over time, made up, and what a judge says along the way.

use std::time::Duration;

use audio_capture_exporter::memory::verdict::{Judge, Options, Pattern, Sample, Verdict};

pub const MINUTE: f64 = 60.0;
pub const DAY: f64 = 24.0 * HOUR;
pub const HOUR: f64 = 3600.0;
/// Seconds between samples.
pub const INTERVAL: f64 = 30.0;
const PAGE: f64 = 4096.0;

/// Numbers that look random but belong to a seed.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    /// From 0 up to 1.
    pub fn unit(&mut self) -> f64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Every factor between them is as likely.
    pub fn log_between(&mut self, low: f64, high: f64) -> f64 {
        low * (high / low).powf(self.unit())
    }

    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// About normal, standard deviation 1.
    pub fn normal(&mut self) -> f64 {
        let sum: f64 = (0..4).map(|_| self.unit()).sum();
        (sum - 2.0) * 3.0_f64.sqrt()
    }

    /// Time to the next event, with this mean.
    pub fn wait(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }
}

/// What happens to a process.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// At so many seconds it holds so many bytes.
    Sample(f64, f64),
    Restart(f64),
}

pub struct Case {
    /// Its row in the table.
    pub class: &'static str,
    /// When its leak begins and how fast it is, seconds and part of the memory per hour.
    pub leak: Option<(f64, f64)>,
    pub events: Vec<Event>,
}

impl Case {
    /// Samples every [`INTERVAL`] for so many seconds.
    pub fn sampled(
        class: &'static str,
        leak: Option<(f64, f64)>,
        seconds: f64,
        mut bytes: impl FnMut(f64) -> f64,
    ) -> Self {
        let count = (seconds / INTERVAL) as usize;
        let events = (0..count).map(|i| {
            let at = i as f64 * INTERVAL;
            Event::Sample(at, bytes(at))
        });
        Self {
            class,
            leak,
            events: events.collect(),
        }
    }
}

/// What a judge said in the course of a case.
#[derive(Clone, Debug, Default)]
pub struct Course {
    /// First time of each pattern, seconds.
    pub first: [Option<f64>; Pattern::COUNT],
    /// How often each was said.
    pub said: [u32; Pattern::COUNT],
    /// The last word.
    pub last: Option<Pattern>,
    /// By [`ALARMS`].
    pub alarms: [Told; ALARMS.len()],
}

/// An alarm in the course of a case.
#[derive(Clone, Copy, Debug, Default)]
pub struct Told {
    /// When it was first on, seconds.
    pub first: Option<f64>,
    /// At how many analyses it was on.
    pub times: u32,
    /// At how many it could have been from then on.
    pub since: u32,
}

/// What somebody may alert on.
pub struct Alarm {
    /// Its row in the table.
    pub name: &'static str,
    /// `linear` counts from this confidence on; what is worse always.
    confidence: f64,
    /// And if it grows by this part of the baseline an hour.
    speed: f64,
}

/// From the one that is hardly ever wrong to the one that is hardly ever late.
pub const ALARMS: [Alarm; 4] = [
    Alarm {
        name: "`leak` or `exponential`",
        // None is as high.
        confidence: 2.0,
        speed: 0.0,
    },
    Alarm {
        name: "those, or `linear` at a confidence of 0.9 by 5 % an hour",
        confidence: 0.9,
        speed: 0.05,
    },
    Alarm {
        name: "those, or `linear` at a confidence of 0.9",
        confidence: 0.9,
        speed: 0.0,
    },
    Alarm {
        name: "`linear` or worse",
        confidence: 0.0,
        speed: 0.0,
    },
];
/// The one of [`ALARMS`] that the bars for both are held against.
pub const SOON_AND_SELDOM_WRONG: usize = 2;

impl Alarm {
    /// With a baseline of so many bytes, if there is one yet.
    fn is_on(&self, verdict: &Verdict, baseline: Option<u64>) -> bool {
        let hourly = verdict.slope_bytes_per_second * HOUR;
        let fast = baseline.map_or(self.speed == 0.0, |bytes| {
            hourly >= self.speed * bytes as f64
        });
        match verdict.pattern {
            Pattern::Leak | Pattern::Exponential => true,
            Pattern::Linear => fast && verdict.confidence >= self.confidence,
            _ => false,
        }
    }
}

impl Course {
    fn hear(&mut self, at: f64, verdict: &Verdict, baseline: Option<u64>) {
        let pattern = verdict.pattern;
        self.said[pattern.index()] += 1;
        self.first[pattern.index()].get_or_insert(at);
        self.last = Some(pattern);
        for (alarm, told) in ALARMS.iter().zip(&mut self.alarms) {
            if alarm.is_on(verdict, baseline) {
                told.first.get_or_insert(at);
                told.times += 1;
            }
            told.since += u32::from(told.first.is_some());
        }
    }

    pub fn first(&self, patterns: &[Pattern]) -> Option<f64> {
        let times = patterns
            .iter()
            .filter_map(|pattern| self.first[pattern.index()]);
        times.reduce(f64::min)
    }

    pub fn ever(&self, patterns: &[Pattern]) -> bool {
        self.first(patterns).is_some()
    }
}

/// Asks for a verdict at every analysis.
pub fn follow(case: &Case, options: Options) -> Course {
    let mut judge = Judge::new(options);
    let mut course = Course::default();
    let mut asked = 0.0;
    for event in &case.events {
        match *event {
            Event::Restart(at) => judge.restarted(Duration::from_secs_f64(at)),
            Event::Sample(at, bytes) => {
                let now = Duration::from_secs_f64(at);
                judge.add(Sample {
                    at: now,
                    bytes: ((bytes / PAGE).round().max(1.0) * PAGE) as u64,
                });
                if at - asked < options.analysis_interval.as_secs_f64() {
                    continue;
                }
                asked = at;
                // What is told before a leak is not told of it.
                if case.leak.is_some_and(|(onset, _)| at < onset) {
                    continue;
                }
                course.hear(at, &judge.verdict(now, None), judge.baseline());
            }
        }
    }
    course
}
