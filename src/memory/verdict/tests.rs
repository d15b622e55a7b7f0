//! What a user relies on, on memory that can be computed. How often the verdict is right on
//! memory that cannot is measured in `tests/verdict.rs`.

mod ended;
mod even;
mod evidence;
mod growth;
mod shapes;
mod soundness;

use std::time::Duration;

use super::{Judge, Options, Pattern, Sample, Severity, Verdict};

const MIB: f64 = 1_048_576.0;
const HELD: f64 = 300.0 * MIB;
const HOUR: u64 = 3600;

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Feeds `bytes(seconds)` every 30 s, from one time up to another.
fn feed(judge: &mut Judge, from: u64, to: u64, bytes: impl Fn(f64) -> f64) {
    for seconds in (from..to).step_by(30) {
        judge.add(Sample {
            at: at(seconds),
            bytes: (bytes(seconds as f64) / 4096.0).round().max(0.0) as u64 * 4096,
        });
    }
}

/// The verdict after so many hours.
fn after(hours: u64, bytes: impl Fn(f64) -> f64) -> Verdict {
    let mut judge = Judge::new(Options::default());
    feed(&mut judge, 0, hours * HOUR, bytes);
    judge.verdict(at(hours * HOUR), None)
}

/// A number between -1 and 1 that belongs to a time.
fn noise(seconds: f64) -> f64 {
    let mut z = (seconds as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

const EVEN: f64 = 0.9;

/// Whether it is said to be even, or worse.
fn is_even(verdict: &Verdict) -> bool {
    match verdict.pattern {
        Pattern::Linear => verdict.confidence >= EVEN,
        pattern => matches!(pattern, Pattern::Leak | Pattern::Exponential),
    }
}

/// Growth by this part of [`HELD`] an hour.
fn leak(percent: f64) -> impl Fn(f64) -> f64 + Copy {
    move |t| HELD * (1.0 + percent / 100.0 * t / 3600.0 + 0.003 * noise(t))
}
