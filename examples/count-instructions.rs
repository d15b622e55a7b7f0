//! Does one thing to a capture buffer so many times: `count-instructions WHAT TIMES`.
//!
//! `scripts/count-instructions` runs it under valgrind with two numbers of times; the difference
//! is what the thing costs. A name that is not known prints all names.
#![allow(clippy::unwrap_used, reason = "a measurement fails by a panic")]

use std::{hint::black_box, sync::Arc, time::Duration};

use audio_capture_exporter::{
    buffers::{Asker, BufferKind, Buffers, CaptureBuffer, Lease, Reader, ReaderKind, StartAt},
    id::SourceId,
    units::{AudioFormat, ByteSize},
};

const MONO: AudioFormat = AudioFormat {
    sample_rate: 48_000,
    channels: 1,
};
/// 60 pushes of an AAC frame: wraps are part of the cost.
const LENGTH: Duration = Duration::from_millis(1_280);

struct Bench {
    _lease: Lease,
    asker: Asker,
    buffer: Arc<CaptureBuffer>,
    /// 2,048 B.
    audio: [i16; 1_024],
    into: [i16; 1_024],
}

fn ask(asker: &Asker) -> Arc<CaptureBuffer> {
    let allocation = asker.allocate_if_needed(BufferKind::Capture, MONO, LENGTH);
    allocation.unwrap().into_buffer()
}

impl Bench {
    fn new() -> Self {
        let buffers = Buffers::new(ByteSize(1 << 30));
        let lease = buffers.lease(SourceId::new("garden").unwrap()).unwrap();
        let asker = lease.asker();
        let buffer = ask(&asker);
        let bench = Self {
            _lease: lease,
            asker,
            buffer,
            audio: [1; 1_024],
            into: [0; 1_024],
        };
        // Beyond the first lap.
        (0..100).for_each(|_| bench.push(1_024));
        bench
    }

    fn push(&self, samples: usize) {
        let audio = black_box(&self.audio[..samples]);
        self.buffer.push(audio).unwrap();
    }

    fn reader(&self) -> Reader {
        self.buffer.subscribe(ReaderKind::Live, StartAt::Now)
    }

    fn readers(&self, count: usize) -> Vec<Reader> {
        (0..count).map(|_| self.reader()).collect()
    }

    fn stats(&self, readers: usize, times: u64) {
        let _readers = self.readers(readers);
        for _ in 0..times {
            black_box(self.buffer.stats());
        }
    }

    /// Pushes and lets this many readers read.
    fn push_and_read(&mut self, readers: usize, times: u64) {
        let mut readers = self.readers(readers);
        for _ in 0..times {
            self.push(1_024);
            for reader in &mut readers {
                black_box(reader.read(&mut self.into));
            }
        }
    }

    fn run(&mut self, what: &str, times: u64) -> bool {
        match what {
            "copy" => (0..times).for_each(|_| {
                self.into.copy_from_slice(black_box(&self.audio));
                black_box(&self.into);
            }),
            "push" => (0..times).for_each(|_| self.push(1_024)),
            "push_80" => (0..times).for_each(|_| self.push(80)),
            "push_stalled_100" => {
                let _stalled = self.readers(100);
                (0..times).for_each(|_| self.push(1_024));
            }
            "push_read" => self.push_and_read(1, times),
            "push_read_3" => self.push_and_read(3, times),
            "subscribe" => (0..times).for_each(|_| drop(black_box(self.reader()))),
            "stats" => self.stats(0, times),
            "stats_3" => self.stats(3, times),
            "allocate" => (0..times).for_each(|_| drop(black_box(ask(&self.asker)))),
            _ => return false,
        }
        true
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_default();
    let times = arguments.next().and_then(|times| times.parse().ok());
    let known = times.is_some_and(|times| Bench::new().run(&what, times));
    if !known {
        eprintln!(
            "count-instructions copy|push|push_80|push_stalled_100|push_read|push_read_3|subscribe|\
             stats|stats_3|allocate TIMES"
        );
        std::process::exit(2);
    }
}
