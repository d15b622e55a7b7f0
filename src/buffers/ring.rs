//! The ring: the newest audio of one source, overwritten in place.
//!
//! One mutex. The writer never waits for a reader to catch up and wakes nobody; readers poll,
//! and copy at most [`MAX_COPY_SAMPLES`] samples per hold. All counters are plain integers
//! under that mutex: a scrape reads them, nothing is pushed.

use std::{
    collections::TryReserveError,
    sync::{PoisonError, atomic::Ordering::Relaxed},
};

use super::{
    cursors::{Cursors, ReaderId, ReaderKind, StartAt},
    switch::STATISTICS,
    sync::{AtomicBool, Mutex, MutexGuard},
};
use crate::coarse_clock::CoarseInstant;

/// Samples copied per hold of the mutex: 64 KiB, a few microseconds.
pub(super) const MAX_COPY_SAMPLES: usize = 32 * 1_024;

/// One push in this many is timed: reading the clock costs more than the push itself.
const TIMED_PUSHES: u64 = 64;

/// Samples that are not whole frames of the ring's channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{samples} samples are not whole frames of {channels} channels")]
pub struct PartialFrame {
    /// How many were pushed.
    pub samples: usize,
    /// Interleaved channels of the ring.
    pub channels: usize,
}

/// Interleaved 16-bit audio, the newest `capacity` frames of it.
#[derive(Debug)]
pub(super) struct Ring {
    channels: usize,
    /// In samples; a whole number of frames.
    capacity: usize,
    capacity_frames: u64,
    state: Mutex<State>,
    time_next_push: AtomicBool,
}

#[derive(Debug)]
struct State {
    /// Grows within its capacity during the first lap, so that memory is mapped as audio
    /// arrives and nothing unwritten can ever be read.
    samples: Vec<i16>,
    /// Where the next sample goes; equals `samples.len()` during the first lap.
    offset: usize,
    /// Frames ever written.
    head: u64,
    tally: Tally,
    cursors: Cursors,
}

/// What the writer did. All zero without statistics.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) writes: u64,
    pub(super) refused_writes: u64,
    pub(super) overflows: u64,
    /// When the last write began.
    pub(super) last_write: Option<CoarseInstant>,
}

/// What one hold of the mutex copied for a reader.
pub(super) struct Copied {
    /// Position of the first frame copied.
    pub(super) position: u64,
    /// Frames copied.
    pub(super) frames: usize,
    /// Frames that were overwritten before.
    pub(super) missed: u64,
}

/// A ring's counters and levels at one moment, in frames.
#[derive(Debug)]
pub(super) struct Meters<'a> {
    pub(super) head: u64,
    pub(super) tail: u64,
    pub(super) capacity: u64,
    pub(super) tally: Tally,
    pub(super) cursors: &'a Cursors,
}

impl Ring {
    /// A ring for `frames` frames in `memory`, of which what is missing is reserved, not
    /// touched, and whose content, if any, is forgotten.
    ///
    /// # Errors
    /// When the allocator has no such block.
    pub(super) fn new(
        channels: u16,
        frames: usize,
        memory: Vec<i16>,
    ) -> Result<Self, TryReserveError> {
        let channels = usize::from(channels);
        // The caller has checked the product; a saturated one is refused by the allocator.
        let capacity = frames.saturating_mul(channels);
        let mut samples = memory;
        samples.clear();
        samples.try_reserve_exact(capacity)?;
        Ok(Self {
            channels,
            capacity,
            capacity_frames: frames as u64,
            state: Mutex::new(State {
                samples,
                offset: 0,
                head: 0,
                tally: Tally::default(),
                cursors: Cursors::default(),
            }),
            time_next_push: AtomicBool::new(true),
        })
    }

    /// The memory, for the next ring. This one holds nothing afterwards; for its end.
    pub(super) fn take_memory(&mut self) -> Vec<i16> {
        let state = self.state.get_mut();
        let state = state.unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut state.samples)
    }

    /// Interleaved channels.
    pub(super) fn channels(&self) -> usize {
        self.channels
    }

    /// Whether the next push should be timed.
    pub(super) fn time_next_push(&self) -> bool {
        STATISTICS && self.time_next_push.load(Relaxed)
    }

    /// Writes whole frames; of more than the ring holds, the newest stay.
    pub(super) fn push(&self, samples: &[i16]) -> Result<(), PartialFrame> {
        let now = STATISTICS.then(CoarseInstant::now);
        let mut state = self.lock();
        let frames = samples.len() / self.channels;
        if frames * self.channels != samples.len() {
            if STATISTICS {
                state.tally.refused_writes += 1;
            }
            return Err(PartialFrame {
                samples: samples.len(),
                channels: self.channels,
            });
        }
        let head = state.head + frames as u64;
        if samples.len() < self.capacity {
            state.write(samples, self.capacity);
        } else {
            let start = (head % self.capacity_frames) as usize * self.channels;
            state.fill(&samples[samples.len() - self.capacity..], start);
        }
        state.head = head;
        if STATISTICS {
            let State { tally, cursors, .. } = &mut *state;
            tally.writes += 1;
            tally.last_write = now;
            if cursors.any_behind(head.saturating_sub(self.capacity_frames)) {
                tally.overflows += 1;
            }
            self.time_next_push
                .store(tally.writes.is_multiple_of(TIMED_PUSHES), Relaxed);
        }
        Ok(())
    }

    /// Attaches a reader.
    pub(super) fn attach(&self, kind: ReaderKind, from: StartAt) -> ReaderId {
        let mut state = self.lock();
        let (tail, head) = (self.tail(&state), state.head);
        let position = match from {
            StartAt::Oldest => tail,
            StartAt::Now => head,
            StartAt::Newest(frames) => head.saturating_sub(frames).max(tail),
            StartAt::Position(position) => position.clamp(tail, head),
        };
        state.cursors.attach(kind, position)
    }

    /// Detaches a reader; what it did stays counted.
    pub(super) fn detach(&self, id: ReaderId) {
        let mut state = self.lock();
        let tail = self.tail(&state);
        state.cursors.detach(id, tail);
    }

    /// Copies the reader's next frames, as many as fit into `into` and one hold, and moves its
    /// cursor. `continued` belongs to the same read as the copy before: it copies only what
    /// joins it without a gap, and is not counted as a read of its own.
    pub(super) fn copy_next(&self, id: ReaderId, into: &mut [i16], continued: bool) -> Copied {
        let mut state = self.lock();
        let (tail, head) = (self.tail(&state), state.head);
        let State {
            samples, cursors, ..
        } = &mut *state;
        let reader = cursors.find(id);
        let cursor = cursors.position(reader);
        if continued && cursor < tail {
            return Copied {
                position: cursor,
                frames: 0,
                missed: 0,
            };
        }
        let position = cursor.max(tail);
        let missed = position - cursor;
        let room = into.len().min(MAX_COPY_SAMPLES) / self.channels;
        let frames = usize::try_from(head - position).map_or(room, |there| there.min(room));
        let start = (position % self.capacity_frames) as usize * self.channels;
        let count = frames * self.channels;
        let first = count.min(self.capacity - start);
        into[..first].copy_from_slice(&samples[start..start + first]);
        into[first..count].copy_from_slice(&samples[..count - first]);
        cursors.advance(reader, frames as u64, missed, continued);
        Copied {
            position,
            frames,
            missed,
        }
    }

    /// Where a reader stands: the position of its next frame.
    pub(super) fn position(&self, id: ReaderId) -> u64 {
        let state = self.lock();
        state.cursors.position(state.cursors.find(id))
    }

    /// Looks at all counters and cursors at one moment.
    pub(super) fn inspect<R>(&self, look: impl FnOnce(&Meters<'_>) -> R) -> R {
        let state = self.lock();
        look(&Meters {
            head: state.head,
            tail: self.tail(&state),
            capacity: self.capacity_frames,
            tally: state.tally,
            cursors: &state.cursors,
        })
    }

    fn tail(&self, state: &State) -> u64 {
        state.head.saturating_sub(self.capacity_frames)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing under the lock panics; if it ever did, audio and cursors would still be
        // consistent enough to go on, and a deaf recorder helps nobody.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Writes fewer samples than the ring holds.
    fn write(&mut self, samples: &[i16], capacity: usize) {
        let (first, wrapped) = samples.split_at(samples.len().min(capacity - self.offset));
        if self.offset == self.samples.len() {
            // The first lap. The capacity was reserved: this never allocates.
            self.samples.extend_from_slice(first);
        } else {
            self.samples[self.offset..self.offset + first.len()].copy_from_slice(first);
        }
        self.samples[..wrapped.len()].copy_from_slice(wrapped);
        self.offset += samples.len();
        if self.offset >= capacity {
            self.offset -= capacity;
        }
    }

    /// Replaces everything: `samples` fill the ring, their first one goes to `start`.
    fn fill(&mut self, samples: &[i16], start: usize) {
        let (high, low) = samples.split_at(samples.len() - start);
        self.samples.clear();
        self.samples.extend_from_slice(low);
        self.samples.extend_from_slice(high);
        self.offset = start;
    }
}
