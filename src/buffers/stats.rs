//! What one buffer tells about itself and its readers.

use std::time::Duration;

use super::{
    cursors::{Cursor, ReaderKind},
    ring::{Meters, Ring},
};
use crate::{coarse_clock::CoarseInstant, units::AudioFormat};

/// Above this share of its ring a reader's lag is high.
const HIGH: f64 = 0.80;
/// Above this share of its ring a reader's lag is critical: audio is about to be lost to it.
const CRITICAL: f64 = 0.95;

/// One buffer's counters and levels at one moment, since it was allocated. Another format makes
/// another buffer, which counts from zero; the metrics go on counting.
#[derive(Clone, Debug)]
pub struct BufferStats {
    /// Format of all its audio.
    pub format: AudioFormat,
    /// When these were read.
    pub taken_at: CoarseInstant,
    /// When it was allocated.
    pub created_at: CoarseInstant,
    /// When something was last pushed.
    pub last_update: Option<CoarseInstant>,
    /// Pushes.
    pub pushes: u64,
    /// Pushes refused as no whole frames.
    pub refused_pushes: u64,
    /// Frames pushed.
    pub pushed_frames: u64,
    /// Frames it holds.
    pub fill_frames: u64,
    /// Frames it can hold.
    pub capacity_frames: u64,
    /// Reads that brought something, summed over all readers, those that have left included.
    pub pulls: u64,
    /// Frames read, summed likewise.
    pub pulled_frames: u64,
    /// Frames overwritten before an attached reader read them, summed likewise.
    pub dropped_frames: u64,
    /// Pushes that overwrote what an attached reader had not read.
    pub overflows: u64,
    /// The attached readers, in the order in which they came.
    pub readers: Vec<ReaderStats>,
}

/// One attached reader at one moment.
#[derive(Clone, Debug)]
pub struct ReaderStats {
    /// Its number; never used twice in one buffer.
    pub id: u64,
    /// What it reads for.
    pub kind: ReaderKind,
    /// The next frame that it will read, counted from the buffer's first.
    pub position: u64,
    /// How many frames it is behind the newest one: more than the buffer holds once it was
    /// overtaken.
    pub lag_frames: u64,
    /// The same as time.
    pub lag: Duration,
    /// Reads that brought something.
    pub pulls: u64,
    /// Frames read.
    pub pulled_frames: u64,
    /// Frames overwritten before it read them, those included that it has not noticed yet.
    pub dropped_frames: u64,
    /// When it last read something.
    pub last_pull: Option<CoarseInstant>,
}

impl BufferStats {
    pub(super) fn of(ring: &Ring, format: AudioFormat, created_at: CoarseInstant) -> Self {
        let mut readers = Vec::new();
        // Memory for the list is found while the ring is free; should more readers have come
        // meanwhile, once more.
        loop {
            let taken = ring.inspect(|ring| {
                let attached = ring.cursors.attached();
                if attached.len() > readers.capacity() {
                    return Err(attached.len());
                }
                readers.extend(attached.iter().map(|c| ReaderStats::of(c, ring, format)));
                let read = ring.cursors.totals(ring.tail);
                Ok(Self {
                    format,
                    taken_at: CoarseInstant::now(),
                    created_at,
                    last_update: ring.tally.last_write,
                    pushes: ring.tally.writes,
                    refused_pushes: ring.tally.refused_writes,
                    pushed_frames: ring.head,
                    fill_frames: ring.head - ring.tail,
                    capacity_frames: ring.capacity,
                    pulls: read.reads.iter().sum(),
                    pulled_frames: read.frames,
                    dropped_frames: read.missed,
                    overflows: ring.tally.overflows,
                    readers: Vec::new(),
                })
            });
            match taken {
                Ok(stats) => return Self { readers, ..stats },
                Err(count) => readers.reserve_exact(count),
            }
        }
    }

    /// How many readers are attached.
    pub fn active_readers(&self) -> usize {
        self.readers.len()
    }

    /// Lag of the slowest attached reader as a part of the capacity, 0 to 1; 0 without
    /// readers. A ring that overwrites is always full, so its fill says nothing about pressure.
    pub fn utilization(&self) -> f64 {
        let lag = self.readers.iter().map(|reader| reader.lag_frames).max();
        // A reader that was overtaken lags by more than the ring holds.
        let lag = lag.unwrap_or(0).min(self.capacity_frames);
        lag as f64 / self.capacity_frames.max(1) as f64
    }

    /// Whether the utilisation is above 80 %.
    pub fn is_high(&self) -> bool {
        self.utilization() > HIGH
    }

    /// Whether the utilisation is above 95 %.
    pub fn is_critical(&self) -> bool {
        self.utilization() > CRITICAL
    }

    /// How far the slowest attached reader is behind.
    pub fn worst_lag(&self) -> Duration {
        let lags = self.readers.iter().map(|reader| reader.lag);
        lags.max().unwrap_or_default()
    }

    /// Pushes a second since `earlier`, an older look at this buffer; without one, since it was
    /// allocated. Zero when no time has passed.
    pub fn push_rate(&self, earlier: Option<&Self>) -> f64 {
        let before = earlier.map_or(0, |earlier| earlier.pushes);
        self.per_second(self.pushes.saturating_sub(before), earlier)
    }

    /// Frames pushed a second, like [`push_rate`](Self::push_rate).
    pub fn frame_rate(&self, earlier: Option<&Self>) -> f64 {
        let before = earlier.map_or(0, |earlier| earlier.pushed_frames);
        self.per_second(self.pushed_frames.saturating_sub(before), earlier)
    }

    fn per_second(&self, count: u64, earlier: Option<&Self>) -> f64 {
        let since = earlier.map_or(self.created_at, |earlier| earlier.taken_at);
        let time = self.taken_at.saturating_since(since);
        if time.is_zero() {
            return 0.0;
        }
        count as f64 / time.as_secs_f64()
    }
}

impl ReaderStats {
    fn of(cursor: &Cursor, ring: &Meters<'_>, format: AudioFormat) -> Self {
        let done = cursor.totals(ring.tail);
        let lag_frames = ring.head - cursor.position;
        Self {
            id: cursor.id.0,
            kind: cursor.kind,
            position: cursor.position,
            lag_frames,
            lag: format.duration_of(lag_frames),
            pulls: done.reads.iter().sum(),
            pulled_frames: done.frames,
            dropped_frames: done.missed,
            last_pull: cursor.last_read,
        }
    }
}
