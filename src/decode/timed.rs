//! How long reading takes, as apart from taking apart and decoding what was read.

use std::{
    io::{self, Read, Seek, SeekFrom},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use symphonia::core::io::MediaSource;

/// The time that one thread's reads have taken so far. Clones share it.
#[derive(Clone, Default)]
pub(super) struct ReadingTime(Arc<AtomicU64>);

impl ReadingTime {
    pub(super) fn so_far(&self) -> Duration {
        Duration::from_nanos(self.0.load(Relaxed))
    }

    /// Counts what is done in it.
    pub(super) fn of<T>(&self, read: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let done = read();
        let took = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.0.fetch_add(took, Relaxed);
        done
    }
}

/// Bytes whose reading counts.
pub(super) struct Timed {
    pub(super) media: Box<dyn MediaSource>,
    pub(super) time: ReadingTime,
}

impl Read for Timed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.time.of(|| self.media.read(into))
    }
}

impl Seek for Timed {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.time.of(|| self.media.seek(to))
    }
}

impl MediaSource for Timed {
    fn is_seekable(&self) -> bool {
        self.media.is_seekable()
    }

    fn byte_len(&self) -> Option<u64> {
        self.media.byte_len()
    }
}
