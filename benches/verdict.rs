//! What a verdict on memory costs: `cargo bench --bench verdict`.
//!
//! The figures are in `docs/memory.md`.
#![allow(clippy::unwrap_used, reason = "a benchmark fails by a panic")]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use audio_capture_exporter::memory::verdict::{Judge, Options, Sample};

/// Ten days of samples.
const SAMPLES: u64 = 28_800;
const ROUNDS: usize = 31;
const HELD: u64 = 300 << 20;

/// Bytes held at a sample.
type Shape = fn(u64) -> u64;

fn main() {
    let shapes: [(&str, Shape); 3] = [
        ("steady, noise of 1 %", |tick| {
            HELD + noise(tick) % (HELD / 100)
        }),
        ("sawtooth of 20 minutes", |tick| {
            HELD + tick % 40 * (HELD / 100)
        }),
        ("leak of 1 % an hour, noise", |tick| {
            HELD + tick * (HELD / 12_000) + noise(tick) % (HELD / 100)
        }),
    ];
    println!(
        "a judge holds at most {} bytes",
        Judge::new(Options::default()).footprint()
    );
    for (name, shape) in shapes {
        let add = median((0..ROUNDS).map(|_| {
            let mut judge = Judge::new(Options::default());
            let start = Instant::now();
            fill(&mut judge, shape);
            per(start.elapsed(), SAMPLES)
        }));
        let mut judge = Judge::new(Options::default());
        fill(&mut judge, shape);
        let now = Duration::from_secs(SAMPLES * 30);
        let verdict = median((0..ROUNDS).map(|_| {
            let start = Instant::now();
            for _ in 0..1000 {
                black_box(judge.verdict(black_box(now), Some(1 << 34)));
            }
            per(start.elapsed(), 1000)
        }));
        let pattern = judge.verdict(now, None).pattern;
        println!("{name} ({pattern}): add {add:.0} ns, verdict {verdict:.0} ns");
    }
}

fn fill(judge: &mut Judge, shape: Shape) {
    for tick in 0..SAMPLES {
        judge.add(black_box(Sample {
            at: Duration::from_secs(tick * 30),
            bytes: shape(tick),
        }));
    }
}

/// Nanoseconds for one of so many.
fn per(elapsed: Duration, count: u64) -> f64 {
    elapsed.as_nanos() as f64 / count as f64
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

fn noise(tick: u64) -> u64 {
    let mut z = tick.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z ^ (z >> 31)
}
