//! Where the readers of a ring stand, and what they read and missed.

use super::switch::STATISTICS;
use crate::{closed_set::closed_set, coarse_clock::CoarseInstant};

closed_set! {
    /// What a reader reads for: the `reader` label.
    pub enum ReaderKind {
        /// Analysis of the signal.
        Analysis => "analysis",
        /// A clip.
        Clip => "clip",
        /// A live stream.
        Live => "live",
    }
}

closed_set! {
    /// The `status` label of reads.
    pub enum ReadStatus {
        /// Every frame since the last read.
        Ok => "ok",
        /// Frames had been overwritten before.
        Missed => "missed",
    }
}

/// Where a new reader starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartAt {
    /// With the oldest frame that is still there.
    Oldest,
    /// With the newest this many frames, or as many of them as are there.
    Newest(u64),
    /// With the frame at this position, or the nearest that is there.
    Position(u64),
    /// With the next frame that is written.
    Now,
}

/// An attached reader. Never used twice in one ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ReaderId(pub(super) u64);

/// Where a reader is listed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place(Option<usize>);

/// What readers did, in frames. All zero without statistics.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ReadTotals {
    pub(super) reads: [u64; ReadStatus::COUNT],
    pub(super) frames: u64,
    pub(super) missed: u64,
}

/// One attached reader.
#[derive(Debug)]
pub(super) struct Cursor {
    pub(super) id: ReaderId,
    pub(super) kind: ReaderKind,
    /// The next frame to read.
    pub(super) position: u64,
    /// What it noticed of it; frames that it does not know to be gone are not in `missed`.
    pub(super) done: ReadTotals,
    /// When it last read something.
    pub(super) last_read: Option<CoarseInstant>,
}

/// All readers of one ring, in order of their ids, which only grow.
#[derive(Debug)]
pub(super) struct Cursors {
    attached: Vec<Cursor>,
    next_id: u64,
    /// What readers did that are gone.
    gone: ReadTotals,
    /// No reader is behind this position. Found anew only when the ring's tail reaches it,
    /// about once a lap, so that neither reads nor writes look at all readers.
    bound: u64,
}

impl Default for Cursors {
    fn default() -> Self {
        Self {
            attached: Vec::new(),
            next_id: 0,
            gone: ReadTotals::default(),
            bound: u64::MAX,
        }
    }
}

impl Cursors {
    pub(super) fn attach(&mut self, kind: ReaderKind, position: u64) -> ReaderId {
        let id = ReaderId(self.next_id);
        self.next_id += 1;
        self.attached.push(Cursor {
            id,
            kind,
            position,
            done: ReadTotals::default(),
            last_read: None,
        });
        self.bound = self.bound.min(position);
        id
    }

    /// Forgets a reader. What was overwritten before it could read it stays counted.
    pub(super) fn detach(&mut self, id: ReaderId, tail: u64) {
        if let Place(Some(place)) = self.find(id) {
            let gone = self.attached.remove(place);
            if STATISTICS {
                self.gone += gone.totals(tail);
            }
        }
    }

    /// A reader's place in the list, which holds until somebody attaches or detaches.
    pub(super) fn find(&self, id: ReaderId) -> Place {
        Place(self.attached.binary_search_by_key(&id, |c| c.id).ok())
    }

    /// The next frame of the reader at `place`.
    pub(super) fn position(&self, place: Place) -> u64 {
        let cursor = place.0.and_then(|place| self.attached.get(place));
        cursor.map_or(0, |cursor| cursor.position)
    }

    /// Moves a reader past `missed` and `frames`. An empty poll counts as no read.
    pub(super) fn advance(&mut self, place: Place, frames: u64, missed: u64, continued: bool) {
        if frames == 0 && missed == 0 {
            return;
        }
        let Some(cursor) = place.0.and_then(|place| self.attached.get_mut(place)) else {
            return;
        };
        cursor.position += missed + frames;
        if STATISTICS {
            if !continued {
                let status = if missed == 0 {
                    ReadStatus::Ok
                } else {
                    ReadStatus::Missed
                };
                cursor.done.reads[status.index()] += 1;
                cursor.last_read = Some(CoarseInstant::now());
            }
            cursor.done.frames += frames;
            cursor.done.missed += missed;
        }
    }

    /// Whether a reader has not read all before `tail`.
    pub(super) fn any_behind(&mut self, tail: u64) -> bool {
        if tail <= self.bound {
            return false;
        }
        let positions = self.attached.iter().map(|cursor| cursor.position);
        self.bound = positions.min().unwrap_or(u64::MAX);
        tail > self.bound
    }

    /// Every attached reader, in order of attachment.
    pub(super) fn attached(&self) -> &[Cursor] {
        &self.attached
    }

    /// What all readers did, with what is already lost to those that have not noticed yet.
    pub(super) fn totals(&self, tail: u64) -> ReadTotals {
        let mut totals = self.gone;
        for cursor in &self.attached {
            totals += cursor.totals(tail);
        }
        totals
    }

    /// How many frames the slowest reader of `kind` is behind `head`.
    pub(super) fn worst_lag(&self, kind: ReaderKind, head: u64) -> u64 {
        let positions = self.attached.iter().filter(|c| c.kind == kind);
        positions.map(|c| head - c.position).max().unwrap_or(0)
    }
}

impl Cursor {
    /// What it did, with what it does not know to be gone.
    pub(super) fn totals(&self, tail: u64) -> ReadTotals {
        let mut totals = self.done;
        if STATISTICS {
            totals.missed += tail.saturating_sub(self.position);
        }
        totals
    }
}

impl std::ops::AddAssign for ReadTotals {
    fn add_assign(&mut self, more: Self) {
        for (sum, more) in self.reads.iter_mut().zip(more.reads) {
            *sum += more;
        }
        self.frames += more.frames;
        self.missed += more.missed;
    }
}
