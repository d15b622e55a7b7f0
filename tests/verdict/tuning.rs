//! Processes that the judge's constants were chosen on: other shapes, other ranges and other
//! random numbers than those of `judging.rs`.

use super::case::{Case, Event, HOUR, INTERVAL, MINUTE, Random};

const HOURS: f64 = 20.0 * HOUR;

type Make = fn(&mut Random) -> Case;

/// What is no leak.
pub const NEGATIVES: &[Make] = &[
    hum, collector, jump, fill, shifts, lives, naps, jobs, tide, pool,
];
/// What is one.
pub const POSITIVES: &[Make] = &[
    drip,
    drip_under_collector,
    drip_by_chunks,
    avalanche,
    drip_one_day,
];

fn held(random: &mut Random) -> f64 {
    random.between(30e6, 900e6)
}

/// Differences of exponentials, of this mean: peaked, with long tails.
fn grain(random: &mut Random, mean: f64) -> f64 {
    random.wait(mean) - random.wait(mean)
}

/// Uniform noise that moves in small walks between two walls.
fn hum(random: &mut Random) -> Case {
    let (held, grains) = (held(random), random.log_between(0.0005, 0.02));
    let (walls, stride) = (
        random.between(0.003, 0.04),
        random.log_between(0.0003, 0.004),
    );
    let mut place = 0.0;
    Case::sampled("hum", None, HOURS, |_| {
        place = f64::clamp(place + stride * random.between(-1.0, 1.0), -walls, walls);
        held * (1.0 + place + grains * random.between(-1.0, 1.0))
    })
}

/// Rises quickly first, falls not quite to the ground; sometimes a full collection.
fn teeth(random: &mut Random, periods: (f64, f64)) -> impl FnMut(&mut Random, f64) -> f64 + use<> {
    let period = random.between(periods.0, periods.1);
    let height = random.log_between(0.04, 1.0);
    let (mut began, mut ground) = (-period * random.unit(), 0.0);
    move |random, at| {
        while at >= began + period {
            began += period;
            ground = if random.chance(0.2) {
                0.0
            } else {
                height * 0.15 * random.unit()
            };
        }
        ground + (height - ground) * ((at - began) / period).sqrt()
    }
}

fn collector(random: &mut Random) -> Case {
    let held = held(random);
    let mut teeth = teeth(random, (MINUTE, 90.0 * MINUTE));
    Case::sampled("collector", None, HOURS, |at| {
        held * (1.0 + teeth(random, at) + grain(random, 0.002))
    })
}

/// Two levels or three; between them a slope of minutes.
fn jump(random: &mut Random) -> Case {
    let held = held(random);
    let first = random.between(0.5, 10.0) * HOUR;
    let second = first + random.between(0.2, 8.0) * HOUR;
    let [a, b] = [random.between(0.03, 0.9), random.between(-0.2, 0.5)];
    let slope = random.between(0.5, 8.0) * MINUTE;
    Case::sampled("jump", None, HOURS, |at| {
        let risen = |from: f64| ((at - from) / slope).clamp(0.0, 1.0);
        held * (1.0 + a * risen(first) + b * risen(second) + grain(random, 0.003))
    })
}

/// Fills as hits become rarer: by t / (t + time).
fn fill(random: &mut Random) -> Case {
    let (held, size) = (held(random), random.between(0.1, 1.5));
    let time = random.log_between(MINUTE, 100.0 * MINUTE);
    Case::sampled("fill", None, HOURS, |at| {
        let filled = (at / time).powi(2) / (1.0 + (at / time).powi(2));
        held * (1.0 + size * filled + grain(random, 0.004))
    })
}

/// Work in shifts: up in the morning, down at night, with ramps of an hour or two.
fn shifts(random: &mut Random) -> Case {
    let (held, size) = (held(random), random.between(0.03, 0.45));
    let ramp = random.between(0.5, 4.0);
    let start = random.between(0.0, 24.0);
    let days: [f64; 5] = std::array::from_fn(|_| random.between(0.8, 1.2));
    Case::sampled("shifts", None, 84.0 * HOUR, |at| {
        let hour = (at / HOUR + start) % 24.0;
        let size = size * days[((at / HOUR + start) / 24.0) as usize];
        let busy = ((hour - 7.0) / ramp).clamp(0.0, 1.0) - ((hour - 18.0) / ramp).clamp(0.0, 1.0);
        held * (1.0 + size * busy + grain(random, 0.004))
    })
}

fn lives(random: &mut Random) -> Case {
    let held = held(random);
    let life = random.log_between(MINUTE, 5.0 * HOUR);
    let mut events = Vec::new();
    let mut born = 0.0;
    for i in 0..(HOURS / INTERVAL) as usize {
        let at = i as f64 * INTERVAL;
        if at - born >= life {
            events.push(Event::Restart(at));
            born = at;
        }
        let ramp = ((at - born) / (0.3 * life).min(900.0)).min(1.0);
        events.push(Event::Sample(
            at,
            held * (0.5 + 0.5 * ramp + grain(random, 0.003)),
        ));
    }
    Case {
        class: "lives",
        leak: None,
        events,
    }
}

fn naps(random: &mut Random) -> Case {
    let held = held(random);
    let (awake, asleep) = (
        random.between(0.3, 6.0) * HOUR,
        random.between(0.1, 9.0) * HOUR,
    );
    let drift = random.between(-0.1, 0.1);
    let (mut at, mut events, mut naps) = (0.0, Vec::new(), 0.0);
    let mut nap = awake;
    while at < HOURS {
        if at > nap {
            at += asleep;
            nap = at + awake;
            naps = drift - naps;
        }
        events.push(Event::Sample(
            at,
            held * (1.0 + naps + grain(random, 0.006)),
        ));
        at += INTERVAL;
    }
    Case {
        class: "naps",
        leak: None,
        events,
    }
}

/// Jobs at regular times, of one size.
fn jobs(random: &mut Random) -> Case {
    let (held, size) = (held(random), random.log_between(0.05, 2.0));
    let every = random.log_between(10.0 * MINUTE, 6.0 * HOUR);
    let takes = every * random.between(0.02, 0.4);
    Case::sampled("jobs", None, HOURS, |at| {
        let busy = if at % every < takes {
            1.0 + 0.2 * random.unit()
        } else {
            0.0
        };
        held * (1.0 + size * busy + grain(random, 0.003))
    })
}

fn speed(random: &mut Random) -> f64 {
    [0.006, 0.01, 0.02, 0.05, 0.1, 0.3][(random.unit() * 6.0) as usize]
}

fn time(speed: f64) -> f64 {
    (HOUR / speed).clamp(3.0 * HOUR, 40.0 * HOUR)
}

fn drip(random: &mut Random) -> Case {
    let (held, speed) = (held(random), speed(random));
    let grains = random.log_between(0.0005, 0.012);
    Case::sampled("drip", Some((0.0, speed)), time(speed), |at| {
        held * (1.0 + speed * at / HOUR + grain(random, grains))
    })
}

fn drip_under_collector(random: &mut Random) -> Case {
    let (held, speed) = (held(random), speed(random));
    let mut teeth = teeth(random, (MINUTE, 30.0 * MINUTE));
    let class = "drip under collector";
    Case::sampled(class, Some((0.0, speed)), time(speed), |at| {
        held * (1.0 + speed * at / HOUR + teeth(random, at) + grain(random, 0.003))
    })
}

fn drip_by_chunks(random: &mut Random) -> Case {
    let (held, speed) = (held(random), speed(random));
    let every = random.between(1.0, 25.0) * MINUTE;
    let class = "drip by chunks";
    Case::sampled(class, Some((0.0, speed)), time(speed), |at| {
        let chunks = (at / every).floor() * every / HOUR;
        held * (1.0 + speed * chunks + grain(random, 0.002))
    })
}

fn avalanche(random: &mut Random) -> Case {
    let (held, growth) = (held(random), random.between(0.2, 1.5));
    let rate = growth * 0.1;
    Case::sampled("avalanche", Some((0.0, rate)), 6.0 * HOUR / growth, |at| {
        held * (0.97 + 0.03 * (growth * at / HOUR).exp() + grain(random, 0.002))
    })
}

/// Two waves a day, of which one may hardly show.
fn tide(random: &mut Random) -> Case {
    let (held, size) = (held(random), random.log_between(0.02, 0.3));
    let (second, shift) = (random.between(0.0, 0.6), random.unit());
    let start = random.unit();
    let grains = random.log_between(0.0005, 0.008);
    Case::sampled("tide", None, 60.0 * HOUR, |at| {
        let turn = std::f64::consts::TAU * (at / (24.0 * HOUR) + start);
        let wave = turn.sin() + second * (2.0 * turn + shift * 6.0).sin();
        held * (1.0 + 0.5 * size * wave + grain(random, grains))
    })
}

/// Fills ever more slowly, by the logarithm, until it is full.
fn pool(random: &mut Random) -> Case {
    let (held, size) = (held(random), random.log_between(0.05, 1.0));
    let full = random.log_between(5.0 * MINUTE, 5.0 * HOUR);
    let bend = random.log_between(0.2, 20.0);
    let grains = random.log_between(0.0005, 0.008);
    Case::sampled("pool", None, HOURS, |at| {
        let filled = (bend * (at / full).min(1.0)).ln_1p() / bend.ln_1p();
        held * (1.0 + size * filled + grain(random, grains))
    })
}

/// A leak that a request of some hour sets off, in noise with a memory.
fn drip_one_day(random: &mut Random) -> Case {
    let (held, speed) = (held(random), speed(random));
    let begins = random.between(0.0, 9.0) * HOUR;
    let (grains, keep) = (random.log_between(0.0005, 0.02), random.between(0.0, 0.96));
    let mut place = 0.0;
    let class = "drip one day";
    Case::sampled(class, Some((begins, speed)), begins + time(speed), |at| {
        place = keep * place + grain(random, grains) * (1.0 - keep * keep).sqrt();
        held * (1.0 + speed * (at - begins).max(0.0) / HOUR + place)
    })
}
