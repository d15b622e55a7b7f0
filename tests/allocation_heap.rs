//! One buffer per source, by the heap's own account.
//!
//! One test only: the counters are the whole process's.

use std::{alloc::System, sync::Arc, time::Duration};

use audio_capture_exporter::{
    buffers::{Allocation, BufferKind, Buffers, CaptureBuffer, ReaderKind, StartAt},
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

    let buffer = fresh();
    // Nor do a read and a look; a look at readers takes one block for their list.
    let count = |what: &mut dyn FnMut()| {
        let region = Region::new(HEAP);
        (0..1_000).for_each(|_| what());
        let change = region.change();
        change.allocations + change.reallocations
    };
    assert_eq!(count(&mut || drop(buffer.stats())), 0);
    let mut reader = buffer.subscribe(ReaderKind::Live, StartAt::Now);
    let mut into = vec![0; 4_800];
    let mut follow = || {
        buffer.push(&audio[..4_800]).unwrap();
        assert_eq!(reader.read(&mut into).frames, 4_800);
    };
    assert_eq!(count(&mut follow), 0);
    let looks = if cfg!(feature = "buffer-stats") {
        1_000
    } else {
        0
    };
    assert_eq!(count(&mut || drop(buffer.stats())), looks);
    // The ring's own list of readers has grown for the first one and has room now.
    drop(reader);
    let mut come_and_go = || drop(buffer.subscribe(ReaderKind::Clip, StartAt::Now));
    assert_eq!(count(&mut come_and_go), 0);

    drop((audio, into, buffer, asker, lease));
    let left = live(&heap);
    assert!(left.abs() < 16_384, "{left} bytes stay after the removal");
}
