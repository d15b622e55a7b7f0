//! Allocation, pushes and reads.

use std::{
    hint::black_box,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use audio_capture_exporter::{
    buffers::{Buffers, CaptureBuffer, Lease, Reader, ReaderKind, ReleaseReason, StartAt},
    units::ByteSize,
};
use stats_alloc::Region;

use super::{HEAP, MINUTE, MONO, PUSH, SHORT, ask, interleave::compare_rounds, source};

pub(crate) fn allocations() {
    let buffers = Buffers::new(ByteSize(1 << 30));
    let audio = [1_i16; PUSH];
    let fresh = |touch: bool| {
        let buffers = Arc::clone(&buffers);
        move |operations| {
            for _ in 0..operations {
                let lease = buffers.lease(source(0)).unwrap();
                let buffer = ask(&lease.asker(), MINUTE);
                if touch {
                    for _ in 0..2_880_000 / PUSH {
                        buffer.push(&audio).unwrap();
                    }
                }
                lease.release(ReleaseReason::Removed);
            }
        }
    };
    let zeroed = |operations| {
        for _ in 0..operations {
            black_box(vec![0_i16; 2_880_000]);
        }
    };
    compare_rounds(
        "allocate and release 5.76 MB",
        10,
        41,
        vec![
            ("`vec![0; n]` (limit)", Box::new(zeroed)),
            (
                "lease, allocate, release; untouched",
                Box::new(fresh(false)),
            ),
            ("the same, filled once", Box::new(fresh(true))),
        ],
    );
}

/// The floor: a ring of the same size that only copies.
struct BareRing {
    samples: Vec<i16>,
    offset: usize,
}

impl BareRing {
    fn push(&mut self, audio: &[i16]) {
        let (first, wrapped) = audio.split_at(audio.len().min(self.samples.len() - self.offset));
        self.samples[self.offset..self.offset + first.len()].copy_from_slice(first);
        self.samples[..wrapped.len()].copy_from_slice(wrapped);
        self.offset = (self.offset + audio.len()) % self.samples.len();
    }
}

fn buffer_of(duration: Duration) -> (Lease, Arc<CaptureBuffer>) {
    let buffers = Buffers::new(ByteSize(1 << 30));
    let lease = buffers.lease(source(0)).unwrap();
    let buffer = ask(&lease.asker(), duration);
    (lease, buffer)
}

fn repeat<'a>(mut once: impl FnMut() + 'a) -> Box<dyn FnMut(u64) + 'a> {
    Box::new(move |operations| (0..operations).for_each(|_| once()))
}

pub(crate) fn pushes(duration: Duration) {
    let audio = [1_i16; PUSH];
    let audio = &audio;
    let frames = usize::try_from(MONO.frames_in(duration).unwrap()).unwrap();
    let bare = || BareRing {
        samples: vec![1; frames],
        offset: 0,
    };
    let (mut plain, locked) = (bare(), Mutex::new(bare()));
    let (_lease, ring) = buffer_of(duration);
    let (_lease, followed) = buffer_of(duration);
    let (_lease, three) = buffer_of(duration);
    for buffer in [&ring, &followed, &three] {
        for _ in 0..=frames / PUSH {
            buffer.push(audio).unwrap();
        }
    }
    let mut reader = followed.subscribe(ReaderKind::Live, StartAt::Now);
    let mut readers: Vec<Reader> = (0..3)
        .map(|_| three.subscribe(ReaderKind::Live, StartAt::Now))
        .collect();
    let mut into = [0_i16; PUSH];
    let mut into3 = [0_i16; PUSH];
    // As many messages as the ring holds pushes; one receiver, as without one nothing is kept.
    let (sender, mut kept) = tokio::sync::broadcast::channel::<Arc<[i16]>>(frames / PUSH);
    let (sender_both, mut kept_both) = tokio::sync::broadcast::channel::<Arc<[i16]>>(frames / PUSH);
    let mut receiver_both = sender_both.subscribe();
    let (sender_read, mut receiver) = tokio::sync::broadcast::channel::<Arc<[i16]>>(frames / PUSH);
    let bytes = frames * 2;
    compare_rounds(
        &format!("push of 2,048 B, ring of {bytes} B"),
        // Enough laps that a ring is in the cache again after the others had their turn.
        (frames / PUSH * 10) as u64,
        61,
        vec![
            (
                "memcpy into the same ring (limit)",
                repeat(|| plain.push(black_box(audio))),
            ),
            (
                "the same under a mutex",
                repeat(|| locked.lock().unwrap().push(black_box(audio))),
            ),
            (
                "`push`, all statistics",
                repeat(|| ring.push(black_box(audio)).unwrap()),
            ),
            (
                "`push` and 1 read",
                repeat(|| {
                    followed.push(black_box(audio)).unwrap();
                    black_box(reader.read(&mut into));
                }),
            ),
            (
                "`push` and 3 reads",
                repeat(|| {
                    three.push(black_box(audio)).unwrap();
                    for reader in &mut readers {
                        black_box(reader.read(&mut into3));
                    }
                }),
            ),
            (
                "broadcast: send, history kept",
                repeat(|| {
                    black_box(sender.send(Arc::from(&black_box(audio)[..])).is_ok());
                }),
            ),
            (
                "broadcast: send and 1 receive, history kept",
                repeat(|| {
                    black_box(sender_both.send(Arc::from(&black_box(audio)[..])).is_ok());
                    black_box(receiver_both.try_recv().is_ok());
                }),
            ),
            (
                "broadcast: send and 1 receive, nothing kept",
                repeat(|| {
                    black_box(sender_read.send(Arc::from(&black_box(audio)[..])).is_ok());
                    black_box(receiver.try_recv().is_ok());
                }),
            ),
        ],
    );
    black_box((kept.try_recv().is_ok(), kept_both.try_recv().is_ok()));
}

/// What looking at a buffer costs, and a reader's coming and going.
pub(crate) fn statistics() {
    let (_lease, quiet) = buffer_of(SHORT);
    let (_lease, read) = buffer_of(SHORT);
    let _readers: Vec<Reader> = (0..3)
        .map(|_| read.subscribe(ReaderKind::Live, StartAt::Now))
        .collect();
    let (sender, _kept) = tokio::sync::broadcast::channel::<Arc<[i16]>>(64);
    compare_rounds(
        "looking, coming and going",
        2_000,
        61,
        vec![
            (
                "broadcast: subscribe and drop",
                repeat(|| drop(black_box(sender.subscribe()))),
            ),
            (
                "`subscribe` and drop",
                repeat(|| drop(black_box(quiet.subscribe(ReaderKind::Live, StartAt::Now)))),
            ),
            (
                "`stats()` without readers",
                repeat(|| drop(black_box(quiet.stats()))),
            ),
            (
                "`stats()` with 3 readers",
                repeat(|| drop(black_box(read.stats()))),
            ),
        ],
    );
}

pub(crate) fn laps() {
    let audio = [1_i16; PUSH];
    let pushes = 2_880_000 / PUSH;
    let mut seen = [Vec::new(), Vec::new(), Vec::new()];
    // All are kept, as recycled memory is mapped already.
    let buffers: Vec<_> = (0..31).map(|_| buffer_of(MINUTE)).collect();
    for (_, buffer) in &buffers {
        for lap in &mut seen {
            let start = Instant::now();
            for _ in 0..pushes {
                buffer.push(black_box(&audio)).unwrap();
            }
            lap.push(start.elapsed().as_secs_f64() * 1e9 / pushes as f64);
        }
    }
    println!("\n| push of 2,048 B into 5.76 MB | ns (median) |\n|---|---|");
    for (lap, mut times) in ["first", "second", "third"].into_iter().zip(seen) {
        times.sort_by(f64::total_cmp);
        println!("| {lap} lap | {:.1} |", times[times.len() / 2]);
    }
}

/// The first lap in fresh memory against the first lap in memory from the pool.
pub(crate) fn pooled_lap() {
    let audio = [1_i16; PUSH];
    let pushes = 2_880_000 / PUSH;
    let lap = |pool: ByteSize| {
        let buffers = Buffers::new(ByteSize(1 << 30));
        buffers.set_pool(pool);
        move |operations| {
            for _ in 0..operations {
                let lease = buffers.lease(source(0)).unwrap();
                let buffer = ask(&lease.asker(), MINUTE);
                for _ in 0..pushes {
                    buffer.push(black_box(&audio)).unwrap();
                }
                lease.release(ReleaseReason::Removed);
            }
        }
    };
    compare_rounds(
        "allocate 5.76 MB, fill it once, release",
        3,
        41,
        vec![
            ("no pool", Box::new(lap(ByteSize(0)))),
            ("from the pool", Box::new(lap(ByteSize(8 << 20)))),
        ],
    );
}

pub(crate) fn counts() {
    let (lease, buffer) = buffer_of(MINUTE);
    let asker = lease.asker();
    let mut reader = buffer.subscribe(ReaderKind::Live, StartAt::Now);
    let mut into = [0; PUSH];
    println!("\n| heap allocations of 1,000 | |\n|---|---|");
    let count = |name: &str, mut once: Box<dyn FnMut() + '_>| {
        let region = Region::new(HEAP);
        (0..1_000).for_each(|_| once());
        let change = region.change();
        println!("| {name} | {} |", change.allocations + change.reallocations);
    };
    count(
        "repeated `allocate_if_needed`",
        Box::new(|| drop(black_box(ask(&asker, MINUTE)))),
    );
    count("`push`", Box::new(|| buffer.push(&[0; PUSH]).unwrap()));
    count(
        "`read`",
        Box::new(|| {
            black_box(reader.read(&mut into));
        }),
    );
}
