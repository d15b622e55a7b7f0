//! One epoch of a source's buffer: a ring of one format, charged to the budget.

use std::{
    collections::TryReserveError,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{
            AtomicBool,
            Ordering::{Acquire, Release},
        },
    },
    time::{Duration, Instant},
};

use super::{
    account::Account,
    budget::Reservation,
    holdings::Booked,
    ledger::{Attempt, ReleaseReason},
    pool::{Pool, Storage},
    ring::{PartialFrame, Ring},
    stats::BufferStats,
    switch::STATISTICS,
    time_map::TimeMap,
    timeline::{Gap, Timeline},
};
use crate::{
    coarse_clock::CoarseInstant,
    units::{AudioFormat, BYTES_PER_SAMPLE},
};

/// The newest audio of one source in one format.
///
/// Another format means another buffer; who holds this one may finish it. Its memory and its
/// share of the budget are given back when the last holder lets go.
pub struct CaptureBuffer {
    format: AudioFormat,
    frames: u64,
    created: CoarseInstant,
    retired: AtomicBool,
    account: Arc<Account>,
    timeline: Mutex<Timeline>,
    // The order of these two: the memory goes before its reservation does, where it does not
    // go to the pool.
    ring: Arc<Ring>,
    charged: Option<Reservation>,
    pool: Arc<Pool>,
    booked: Booked,
}

impl CaptureBuffer {
    pub(super) fn new(
        format: AudioFormat,
        frames: u64,
        (account, booked): (Arc<Account>, Booked),
        (memory, charged): (Vec<i16>, Reservation),
        pool: Arc<Pool>,
    ) -> Result<Self, TryReserveError> {
        // Beyond the address space means beyond the allocator, which refuses it.
        let ring = Ring::new(
            format.channels,
            usize::try_from(frames).unwrap_or(usize::MAX),
            memory,
        )?;
        Ok(Self {
            format,
            frames,
            created: CoarseInstant::now(),
            retired: AtomicBool::new(false),
            account,
            timeline: Mutex::new(Timeline::new(format.sample_rate, Instant::now())),
            ring: Arc::new(ring),
            charged: Some(charged),
            pool,
            booked,
        })
    }

    /// Appends interleaved samples, whole frames; of more than fit the newest stay. Waits for
    /// nobody but a copy of at most 64 KiB or a scrape under way.
    ///
    /// # Errors
    /// [`PartialFrame`] when the number of samples is no multiple of the channels; nothing is
    /// written then.
    pub fn push(&self, samples: &[i16]) -> Result<(), PartialFrame> {
        if !self.ring.time_next_push() {
            return self.ring.push(samples);
        }
        let start = Instant::now();
        let pushed = self.ring.push(samples);
        self.account
            .timings()
            .write
            .observe(start.elapsed().as_secs_f64());
        pushed
    }

    /// Notes that all audio pushed so far had come at `now`. Called by the writer some times
    /// a second, with the first push after a gap, and with each that brings more audio than
    /// time has passed since; without it no audio is found by time.
    pub fn mark(&self, now: Instant) {
        let mut timeline = self.timeline();
        let (tail, head) = self.range();
        timeline.mark(tail, head, now);
    }

    /// Notes that audio is missing between the last frame pushed and the next. Called by the
    /// writer; the ring itself has no hole.
    pub fn gap(&self, gap: Gap) {
        self.timeline().gap(self.position(), gap);
    }

    /// Where in time the audio lies that the buffer holds, as of `now`. What it says of a
    /// frame it says again as long as the frame is there, but for audio that still comes
    /// faster than real time, or more of it than there was time for.
    pub fn time_map(&self, now: Instant) -> TimeMap {
        let mut timeline = self.timeline();
        let (tail, head) = self.range();
        timeline.map(tail, head, now)
    }

    /// The format of all its audio.
    pub fn format(&self) -> AudioFormat {
        self.format
    }

    /// How many frames it can hold.
    pub fn capacity_frames(&self) -> u64 {
        self.frames
    }

    /// How much memory its audio can take, in bytes.
    pub fn capacity_bytes(&self) -> u64 {
        self.frames * self.frame_bytes()
    }

    /// How long it can hold.
    pub fn capacity(&self) -> Duration {
        self.format.duration_of(self.frames)
    }

    /// How much audio it holds.
    pub fn buffered(&self) -> Duration {
        let frames = self.ring.inspect(|ring| ring.head - ring.tail);
        self.format.duration_of(frames)
    }

    /// Frames ever written: the position of the next one.
    pub fn position(&self) -> u64 {
        self.ring.inspect(|ring| ring.head)
    }

    /// What was pushed, read and missed, and where the readers stand, all of one moment;
    /// `None` without the cargo feature `buffer-stats`.
    ///
    /// Holds the writer up for some nanoseconds a reader. Allocates only where readers are
    /// attached, once, and not while the writer waits.
    pub fn stats(&self) -> Option<BufferStats> {
        STATISTICS.then(|| BufferStats::of(&self.ring, self.format, self.created))
    }

    /// Whether another format, a removal or the shutdown has ended this epoch. Readers then
    /// finish what is there and ask for the next buffer.
    pub fn is_retired(&self) -> bool {
        self.retired.load(Acquire)
    }

    pub(super) fn retire(&self, reason: ReleaseReason) {
        self.account.retire(&self.ring, reason);
        // Who sees this finds the books written.
        self.retired.store(true, Release);
    }

    pub(super) fn enroll(&self, attempt: Option<Attempt<'_>>) {
        self.account
            .enroll(Arc::clone(&self.ring), self.format, attempt);
    }

    pub(super) fn ring(&self) -> &Ring {
        &self.ring
    }

    pub(super) fn booked(&self) -> &Booked {
        &self.booked
    }

    pub(super) fn account(&self) -> &Account {
        &self.account
    }

    /// What the ring holds. Whoever asks has the timeline's lock, or does not want it: the
    /// order of the two is the same everywhere.
    fn range(&self) -> (u64, u64) {
        self.ring.inspect(|ring| (ring.tail, ring.head))
    }

    fn timeline(&self) -> MutexGuard<'_, Timeline> {
        // Only times are in it; a wrong one is better than a deaf recorder.
        self.timeline.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn frame_bytes(&self) -> u64 {
        u64::from(self.format.channels) * BYTES_PER_SAMPLE
    }
}

impl Drop for CaptureBuffer {
    fn drop(&mut self) {
        self.account.settle(&self.ring);
        // The account has let go of the ring: nobody else has it. The memory of one that
        // somebody still had would go without the pool.
        if let Some(ring) = Arc::get_mut(&mut self.ring)
            && let Some(charged) = self.charged.take()
        {
            self.pool.give(Storage::new(ring.take_memory(), charged));
        }
    }
}

impl fmt::Debug for CaptureBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CaptureBuffer({:?} of {})", self.capacity(), self.format)
    }
}
