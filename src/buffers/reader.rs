//! Reading a capture buffer.

use std::{fmt, sync::Arc, time::Instant};

use super::{
    capture::CaptureBuffer,
    cursors::{ReaderId, ReaderKind, StartAt},
    switch::STATISTICS,
};
use crate::objects::Held;

/// One read in this many is timed.
const TIMED_READS: u64 = 64;

/// Reads a buffer at its own pace. Dropping it detaches it.
///
/// It polls: the writer wakes nobody. Synchronous, so a task that is cancelled between two
/// reads loses nothing.
pub struct Reader {
    buffer: Arc<CaptureBuffer>,
    id: ReaderId,
    reads: u64,
    _counted: Held,
}

/// What one read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// Position of the first frame that was read, counted from the buffer's first; where
    /// nothing was read, of the next one.
    pub position: u64,
    /// Frames at the start of the destination, without a gap.
    pub frames: usize,
    /// Frames that were overwritten before they could be read; they precede `position`.
    pub missed: u64,
}

impl CaptureBuffer {
    /// Attaches a reader, which keeps this buffer alive until it is dropped.
    pub fn subscribe(self: &Arc<Self>, kind: ReaderKind, from: StartAt) -> Reader {
        Reader {
            id: self.ring().attach(kind, from),
            _counted: self.booked().reader(),
            buffer: Arc::clone(self),
            reads: 0,
        }
    }
}

impl Reader {
    /// Copies the next frames into `into`, whole frames, as many as there are and fit. Returns
    /// at once, with no frames when there are none or `into` is shorter than a frame.
    ///
    /// The buffer is locked for at most 64 KiB at a time.
    pub fn read(&mut self, into: &mut [i16]) -> Read {
        let timed = (STATISTICS && self.reads.is_multiple_of(TIMED_READS)).then(Instant::now);
        let ring = self.buffer.ring();
        let first = ring.copy_next(self.id, into, false);
        let mut frames = first.frames;
        let mut last = first.frames;
        while last > 0 && (frames + 1) * ring.channels() <= into.len() {
            let rest = &mut into[frames * ring.channels()..];
            last = ring.copy_next(self.id, rest, true).frames;
            frames += last;
        }
        if frames > 0 {
            self.reads += 1;
            if let Some(start) = timed {
                let took = start.elapsed().as_secs_f64();
                self.buffer.account().timings().read.observe(took);
            }
        }
        Read {
            position: first.position,
            frames,
            missed: first.missed,
        }
    }

    /// Its number, by which [`BufferStats`](super::BufferStats) lists it. Never used twice in
    /// one buffer.
    pub fn id(&self) -> u64 {
        self.id.0
    }

    /// The position of the next frame.
    pub fn position(&self) -> u64 {
        self.buffer.ring().position(self.id)
    }

    /// The buffer it reads.
    pub fn buffer(&self) -> &Arc<CaptureBuffer> {
        &self.buffer
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.buffer.ring().detach(self.id);
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reader({:?} of {:?})", self.id, self.buffer)
    }
}
