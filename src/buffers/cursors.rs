//! Where the readers of a ring stand, and what they read and missed.

use crate::closed_set::closed_set;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReaderId(u64);

/// Where a reader is listed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place(Option<usize>);

/// What readers did, in frames.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ReadTotals {
    pub(super) reads: [u64; ReadStatus::COUNT],
    pub(super) frames: u64,
    pub(super) missed: u64,
}

#[derive(Debug)]
struct Cursor {
    id: ReaderId,
    kind: ReaderKind,
    /// The next frame to read.
    position: u64,
}

/// All readers of one ring. There are a handful, so a list is the fastest map.
#[derive(Debug)]
pub(super) struct Cursors {
    attached: Vec<Cursor>,
    next_id: u64,
    totals: ReadTotals,
    /// The smallest position of all; `u64::MAX` without readers.
    oldest: u64,
}

impl Default for Cursors {
    fn default() -> Self {
        Self {
            attached: Vec::new(),
            next_id: 0,
            totals: ReadTotals::default(),
            oldest: u64::MAX,
        }
    }
}

impl Cursors {
    pub(super) fn attach(&mut self, kind: ReaderKind, position: u64) -> ReaderId {
        let id = ReaderId(self.next_id);
        self.next_id += 1;
        self.attached.push(Cursor { id, kind, position });
        self.oldest = self.oldest.min(position);
        id
    }

    /// Forgets a reader. What was overwritten before it could read it stays counted.
    pub(super) fn detach(&mut self, id: ReaderId, tail: u64) {
        if let Place(Some(place)) = self.find(id) {
            let gone = self.attached.swap_remove(place);
            self.totals.missed += tail.saturating_sub(gone.position);
            self.find_oldest();
        }
    }

    /// A reader's place in the list, which holds until somebody attaches or detaches.
    pub(super) fn find(&self, id: ReaderId) -> Place {
        Place(self.attached.iter().position(|cursor| cursor.id == id))
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
        if let Some(cursor) = place.0.and_then(|place| self.attached.get_mut(place)) {
            cursor.position += missed + frames;
        }
        if !continued {
            let status = if missed == 0 {
                ReadStatus::Ok
            } else {
                ReadStatus::Missed
            };
            self.totals.reads[status.index()] += 1;
        }
        self.totals.frames += frames;
        self.totals.missed += missed;
        self.find_oldest();
    }

    /// The position of the reader that is farthest behind; `u64::MAX` without readers.
    pub(super) fn oldest(&self) -> u64 {
        self.oldest
    }

    pub(super) fn count(&self) -> u64 {
        self.attached.len() as u64
    }

    /// What all readers did, with what is already lost to those that have not noticed yet.
    pub(super) fn totals(&self, tail: u64) -> ReadTotals {
        let pending = self
            .attached
            .iter()
            .map(|c| tail.saturating_sub(c.position));
        ReadTotals {
            missed: self.totals.missed + pending.sum::<u64>(),
            ..self.totals
        }
    }

    /// How many frames the slowest reader of `kind` is behind `head`.
    pub(super) fn worst_lag(&self, kind: ReaderKind, head: u64) -> u64 {
        let positions = self.attached.iter().filter(|c| c.kind == kind);
        positions.map(|c| head - c.position).max().unwrap_or(0)
    }

    fn find_oldest(&mut self) {
        let positions = self.attached.iter().map(|cursor| cursor.position);
        self.oldest = positions.min().unwrap_or(u64::MAX);
    }
}
