//! Processes to judge the judge by. Its constants were chosen on those of `tuning.rs`, with an eye on
//! several sets of these, of seeds that no figure is given of.

use super::{
    case::{Case, DAY, Event, HOUR, INTERVAL, MINUTE, Random},
    rising::{Day, Filling},
};

type Make = fn(&mut Random) -> Case;

/// What is no leak.
pub const NEGATIVES: &[Make] = &[
    noise, wander, sawtooth, steps, cache, rhythm, restarts, gaps, bursts, trickle,
];
/// What is one, with nothing but noise about it.
pub const PLAIN: &[Make] = &[leak, leak_later];
/// What is one, under something else.
pub const HIDDEN: &[Make] = &[
    leak_under_sawtooth,
    leak_under_bursts,
    leak_by_steps,
    leak_after_cache,
    exponential,
];

/// 15 MB to 3 GB.
fn base(random: &mut Random) -> f64 {
    random.log_between(15e6, 3e9)
}

/// Normal noise, some of it with a memory.
pub struct Noise {
    white: f64,
    slow: f64,
    keep: f64,
    state: f64,
}

impl Noise {
    /// Up to so much of what is held.
    pub fn new(random: &mut Random, most: f64) -> Self {
        let memory = random.log_between(MINUTE, 20.0 * MINUTE);
        Self {
            white: random.log_between(most / 30.0, most),
            slow: random.log_between(most / 30.0, most),
            keep: (-INTERVAL / memory).exp(),
            state: 0.0,
        }
    }

    /// Its standard deviation.
    pub fn size(&self) -> f64 {
        self.white.hypot(self.slow)
    }

    pub fn next(&mut self, random: &mut Random) -> f64 {
        let fresh = (1.0 - self.keep * self.keep).sqrt();
        self.state = self.keep * self.state + fresh * random.normal();
        self.white * random.normal() + self.slow * self.state
    }
}

/// Teeth of random lengths and heights about a mean.
struct Teeth {
    period: f64,
    height: f64,
    began: f64,
    length: f64,
    top: f64,
}

impl Teeth {
    fn new(random: &mut Random, periods: (f64, f64), heights: (f64, f64)) -> Self {
        let period = random.log_between(periods.0, periods.1);
        let height = random.between(heights.0, heights.1);
        Self {
            period,
            height,
            began: -random.unit() * period,
            length: period,
            top: height,
        }
    }

    fn next(&mut self, random: &mut Random, at: f64) -> f64 {
        while at >= self.began + self.length {
            self.began += self.length;
            self.length = self.period * random.between(0.75, 1.25);
            self.top = self.height * random.between(0.75, 1.25);
        }
        self.top * (at - self.began) / self.length
    }
}

fn noise(random: &mut Random) -> Case {
    let (base, mut noise) = (base(random), Noise::new(random, 0.04));
    Case::sampled("steady, noise", None, DAY, |_| {
        base * (1.0 + noise.next(random))
    })
}

/// Comes and goes over hours, without a rhythm.
fn wander(random: &mut Random) -> Case {
    let (base, mut noise) = (base(random), Noise::new(random, 0.01));
    let size = random.between(0.005, 0.03);
    let keep = (-INTERVAL / random.log_between(HOUR, 4.0 * HOUR)).exp();
    let mut state = random.normal();
    Case::sampled("wandering over hours", None, DAY, |_| {
        state = keep * state + (1.0 - keep * keep).sqrt() * random.normal();
        base * (1.0 + size * state + noise.next(random))
    })
}

fn sawtooth(random: &mut Random) -> Case {
    let (base, mut noise) = (base(random), Noise::new(random, 0.01));
    let mut teeth = Teeth::new(random, (40.0, 2.0 * HOUR), (0.05, 0.8));
    Case::sampled("collector's sawtooth", None, DAY, |at| {
        base * (1.0 + teeth.next(random, at) + noise.next(random))
    })
}

/// One to three steps, most of them up.
fn steps(random: &mut Random) -> Case {
    let (base, mut noise) = (base(random), Noise::new(random, 0.01));
    let count = 1 + (random.unit() * 3.0) as usize;
    let steps: Vec<[f64; 3]> = (0..count)
        .map(|_| {
            let height = random.between(0.05, 0.6);
            let height = if random.chance(0.2) {
                -height / 2.0
            } else {
                height
            };
            [
                random.between(0.02, 0.95) * DAY,
                height,
                random.between(1.0, 180.0),
            ]
        })
        .collect();
    Case::sampled("steps that stay", None, DAY, |at| {
        let risen: f64 = steps
            .iter()
            .map(|[from, height, ramp]| height * ((at - from) / ramp).clamp(0.0, 1.0))
            .sum();
        base * (1.0 + risen + noise.next(random)).max(0.2)
    })
}

/// Fills up and then stays, slowing down or at once.
fn cache(random: &mut Random) -> Case {
    let (base, mut noise) = (base(random), Noise::new(random, 0.015));
    let filling = Filling::new(random);
    Case::sampled("cache that fills up", None, DAY, |at| {
        let filled = if filling.straight {
            (at / filling.time).min(1.0)
        } else {
            1.0 - (-at / filling.time).exp()
        };
        base * (1.0 + filling.size * filled + noise.next(random))
    })
}

/// Three days of a daily rhythm.
fn rhythm(random: &mut Random) -> Case {
    let (base, mut noise) = (base(random), Noise::new(random, 0.01));
    let Day {
        size,
        phase,
        shape,
        rising,
    } = Day::new(random);
    let mut day = 1.0;
    let mut last = 0.0;
    Case::sampled("daily rhythm", None, 3.0 * DAY, |at| {
        let turn = (at / DAY + phase).fract();
        if turn < last {
            day = random.between(0.85, 1.15);
        }
        last = turn;
        let height = match shape {
            0 => 0.5 - 0.5 * (std::f64::consts::TAU * turn).cos(),
            // Busy hours only.
            1 => (-(std::f64::consts::TAU * turn).cos()).max(0.0),
            _ if turn < rising => turn / rising,
            _ => (1.0 - turn) / (1.0 - rising),
        };
        base * (1.0 + size * day * height + noise.next(random))
    })
}

/// Lives of minutes to hours, each with a start of its own.
fn restarts(random: &mut Random) -> Case {
    let (base, mut noise) = (base(random), Noise::new(random, 0.01));
    let mean = random.log_between(2.0 * MINUTE, 6.0 * HOUR);
    let (size, time) = (random.between(0.0, 0.6), random.log_between(30.0, HOUR));
    let mut events = Vec::new();
    let mut born = 0.0;
    let mut dies = random.wait(mean);
    for i in 0..(DAY / INTERVAL) as usize {
        let at = i as f64 * INTERVAL;
        if at >= dies {
            events.push(Event::Restart(at));
            (born, dies) = (at, at + random.wait(mean));
        }
        let filled = 1.0 - (-(at - born) / time).exp();
        let held = base * (0.7 + size * filled + noise.next(random));
        events.push(Event::Sample(at, held));
    }
    Case {
        class: "restarts",
        leak: None,
        events,
    }
}

/// Nobody looks for a while, or the machine sleeps; afterwards it may hold more, or less.
fn gaps(random: &mut Random) -> Case {
    let (base, mut noise) = (base(random), Noise::new(random, 0.02));
    let mut events = Vec::new();
    let (mut at, mut level) = (0.0, 1.0);
    let mut next = random.wait(3.0 * HOUR);
    while at < DAY {
        if at >= next {
            at += random.log_between(5.0 * MINUTE, 6.0 * HOUR);
            next = at + random.wait(3.0 * HOUR);
            level += random.between(-0.15, 0.15);
        }
        let held = base * (level.max(0.5) + noise.next(random));
        events.push(Event::Sample(at, held));
        // Late, or left out.
        at += INTERVAL * random.between(0.9, 1.1);
        while random.chance(0.1) {
            at += INTERVAL;
        }
    }
    Case {
        class: "gaps in sampling",
        leak: None,
        events,
    }
}

/// Bursts with heavy tails, of half a minute to hours.
fn bursts(random: &mut Random) -> Case {
    let (base, mut noise) = (base(random), Noise::new(random, 0.01));
    let mut bursts = Bursts::new(random, (5.0 * MINUTE, 4.0 * HOUR));
    Case::sampled("bursts", None, DAY, |at| {
        base * (1.0 + bursts.next(random, at) + noise.next(random))
    })
}

struct Bursts {
    mean: f64,
    size: f64,
    begins: f64,
    ends: f64,
    height: f64,
}

impl Bursts {
    fn new(random: &mut Random, means: (f64, f64)) -> Self {
        let mean = random.log_between(means.0, means.1);
        Self {
            mean,
            size: random.log_between(0.01, 0.2),
            begins: random.wait(mean),
            ends: 0.0,
            height: 0.0,
        }
    }

    fn next(&mut self, random: &mut Random, at: f64) -> f64 {
        if at >= self.begins {
            self.ends = at + random.log_between(20.0, HOUR);
            self.begins = self.ends + random.wait(self.mean);
            // Pareto, of index 1.5.
            self.height = (self.size * random.unit().max(1e-6).powf(-1.0 / 1.5)).min(4.0);
        }
        if at < self.ends { self.height } else { 0.0 }
    }
}

/// Grows so slowly that nobody need care: at most 10 kB an hour on at least 100 MB.
fn trickle(random: &mut Random) -> Case {
    let base = random.log_between(100e6, 3e9);
    let rate = random.between(1e3, 1e4);
    let noise = random.log_between(1e4, 1e6);
    Case::sampled("a trickle", None, 2.0 * DAY, |at| {
        base + rate * at / HOUR + noise * random.normal()
    })
}

/// 0.5 to 50 % an hour.
fn rate(random: &mut Random) -> f64 {
    random.log_between(0.005, 0.5)
}

/// Long enough for what is to be found: it doubles, or two days pass.
fn long(rate: f64) -> f64 {
    (1.5 * HOUR / rate).clamp(4.0 * HOUR, 2.0 * DAY)
}

fn leak(random: &mut Random) -> Case {
    let (base, mut noise, rate) = (base(random), Noise::new(random, 0.02), rate(random));
    Case::sampled("leak, noise", Some((0.0, rate)), long(rate), |at| {
        base * (1.0 + rate * at / HOUR + noise.next(random))
    })
}

fn leak_later(random: &mut Random) -> Case {
    let (base, mut noise, rate) = (base(random), Noise::new(random, 0.01), rate(random));
    let onset = random.between(1.0, 12.0) * HOUR;
    let class = "leak that begins later";
    Case::sampled(class, Some((onset, rate)), onset + long(rate), |at| {
        base * (1.0 + rate * (at - onset).max(0.0) / HOUR + noise.next(random))
    })
}

fn leak_under_sawtooth(random: &mut Random) -> Case {
    let (base, mut noise, rate) = (base(random), Noise::new(random, 0.01), rate(random));
    let mut teeth = Teeth::new(random, (40.0, 40.0 * MINUTE), (0.05, 0.6));
    let class = "leak under a sawtooth";
    Case::sampled(class, Some((0.0, rate)), long(rate), |at| {
        base * (1.0 + rate * at / HOUR + teeth.next(random, at) + noise.next(random))
    })
}

fn leak_under_bursts(random: &mut Random) -> Case {
    let (base, mut noise, rate) = (base(random), Noise::new(random, 0.01), rate(random));
    let mut bursts = Bursts::new(random, (20.0 * MINUTE, 6.0 * HOUR));
    let class = "leak under bursts";
    Case::sampled(class, Some((0.0, rate)), long(rate), |at| {
        base * (1.0 + rate * at / HOUR + bursts.next(random, at) + noise.next(random))
    })
}

/// A buffer is lost with each reconnect.
fn leak_by_steps(random: &mut Random) -> Case {
    let (base, mut noise, rate) = (base(random), Noise::new(random, 0.005), rate(random));
    let mean = random.log_between(2.0 * MINUTE, 20.0 * MINUTE);
    let step = rate * mean / HOUR;
    let (mut risen, mut next) = (0.0, random.wait(mean));
    let class = "leak by steps";
    Case::sampled(class, Some((0.0, rate)), long(rate), |at| {
        while at >= next {
            next += random.wait(mean);
            risen += step * random.between(0.5, 1.5);
        }
        base * (1.0 + risen + noise.next(random))
    })
}

fn leak_after_cache(random: &mut Random) -> Case {
    let (base, mut noise, rate) = (base(random), Noise::new(random, 0.01), rate(random));
    let (size, time) = (
        random.between(0.1, 0.8),
        random.log_between(2.0 * MINUTE, 30.0 * MINUTE),
    );
    let class = "leak behind a cache";
    Case::sampled(class, Some((0.0, rate)), long(rate), |at| {
        let filled = size * (1.0 - (-at / time).exp());
        base * (1.0 + filled + rate * at / HOUR + noise.next(random))
    })
}

/// What has leaked doubles again and again. The rate is that at which a tenth has leaked.
fn exponential(random: &mut Random) -> Case {
    let (base, mut noise) = (base(random), Noise::new(random, 0.005));
    let doubling = random.log_between(20.0 * MINUTE, 4.0 * HOUR);
    let first = random.between(0.01, 0.04);
    let rate = 0.1 * 2.0_f64.ln() * HOUR / doubling;
    Case::sampled("exponential", Some((0.0, rate)), 8.0 * doubling, |at| {
        base * (1.0 + first * (at / doubling).exp2() + noise.next(random))
    })
}
