//! What a capture buffer costs: `cargo bench --bench buffers`.
//!
//! The bars it answers are in `docs/performance.md`.
#![allow(clippy::unwrap_used, reason = "a benchmark fails by a panic")]
#![allow(clippy::duplicate_mod, reason = "the ring with statistics and without")]

mod interleave;
mod maps;
mod ring;
mod statistics;
#[allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "included source of the library"
)]
mod with;
#[allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "included source of the library"
)]
mod without;

#[path = "../../src/closed_set.rs"]
mod closed_set;
#[path = "../../src/coarse_clock.rs"]
#[allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "included source of the library"
)]
mod coarse_clock;
mod tracker;

use std::{alloc::System, sync::Arc, time::Duration};

use audio_capture_exporter::{
    buffers::{Asker, BufferKind, CaptureBuffer},
    id::SourceId,
    units::AudioFormat,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const MONO: AudioFormat = AudioFormat {
    sample_rate: 48_000,
    channels: 1,
};
/// 1,024 samples: 2,048 B, an AAC frame.
const PUSH: usize = 1_024;
/// 60 s of 48 kHz mono: 5.76 MB.
const MINUTE: Duration = Duration::from_secs(60);
/// 60 frames of AAC: 123 kB, a ring that stays in the cache.
const SHORT: Duration = Duration::from_millis(1_280);

fn main() {
    for sources in [10, 1_000, 100_000] {
        maps::hits(sources);
    }
    maps::two_threads();
    ring::allocations();
    for duration in [SHORT, MINUTE] {
        ring::pushes(duration);
    }
    ring::statistics();
    statistics::on_and_off();
    ring::laps();
    ring::pooled_lap();
    ring::counts();
    tracker::attempts();
}

fn source(n: usize) -> SourceId {
    SourceId::new(&format!("station-{n:05}")).unwrap()
}

fn ask(asker: &Asker, duration: Duration) -> Arc<CaptureBuffer> {
    let allocation = asker.allocate_if_needed(BufferKind::Capture, MONO, duration);
    allocation.unwrap().into_buffer()
}
