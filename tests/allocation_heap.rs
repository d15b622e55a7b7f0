//! One buffer per source, by the heap's own account.
//!
//! One test only: the counters are the whole process's.

use std::{alloc::System, sync::Arc, time::Duration};

use audio_capture_exporter::{
    buffers::{Allocation, BufferKind, Buffers, CaptureBuffer},
    id::SourceId,
    units::{AudioFormat, ByteSize},
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Heap allocations of the quietest of some rounds: the harness has a thread of its own, which
/// allocates now and then.
fn fewest<T>(prepare: impl Fn() -> T, measured: impl Fn(&T)) -> usize {
    let rounds = (0..10).map(|_| {
        let prepared = prepare();
        let region = Region::new(HEAP);
        measured(&prepared);
        let change = region.change();
        change.allocations + change.reallocations
    });
    rounds.min().unwrap_or_default()
}

#[test]
fn a_thousand_asks_keep_one_buffer_and_allocate_nothing() {
    const MINUTE_OF_MONO: usize = 5_760_000;
    let buffers = Buffers::new(ByteSize(64 << 20));
    let garden = SourceId::new("garden").unwrap();
    let mono = AudioFormat {
        sample_rate: 48_000,
        channels: 1,
    };
    let heap = Region::new(HEAP);
    let live = |heap: &Region<'_, System>| {
        let change = heap.change();
        change.bytes_allocated.cast_signed() - change.bytes_deallocated.cast_signed()
    };

    let lease = buffers.lease(garden).unwrap();
    let asker = lease.asker();
    let ask = || asker.allocate_if_needed(BufferKind::Capture, mono, Duration::from_secs(60));
    drop(ask().unwrap());
    let with_one = live(&heap);
    let one = MINUTE_OF_MONO.cast_signed();
    assert!((one..one + 16_384).contains(&with_one), "{with_one} bytes");

    let again = |(): &()| {
        for _ in 0..1_000 {
            let Ok(Allocation::Repeated(_)) = ask() else {
                panic!("the buffer was there");
            };
        }
    };
    assert_eq!(fewest(|| (), again), 0);

    // Nor does the whole first lap allocate, nor a lap that overwrites.
    let audio = vec![1_i16; 48_000];
    let fresh = || {
        lease.clear();
        ask().unwrap().into_buffer()
    };
    let laps = |buffer: &Arc<CaptureBuffer>| {
        (0..130).for_each(|_| buffer.push(&audio).unwrap());
    };
    assert_eq!(fewest(fresh, laps), 0);

    drop((audio, asker, lease));
    let left = live(&heap);
    assert!(left.abs() < 16_384, "{left} bytes stay after the removal");
}
