//! From frames to nanoseconds and back: straight lines between frames whose time is settled.

use std::collections::VecDeque;

const NANOS: i128 = 1_000_000_000;

/// Frames of an axis, dated. Before the first anchor and after the last the frames are as
/// long as the sample rate says; between two they are as long as lies between them. Time
/// grows with the frames, everywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dates {
    sample_rate: u32,
    anchors: VecDeque<Anchor>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Anchor {
    pub(super) at: i64,
    /// In nanoseconds.
    pub(super) time: i64,
}

impl Dates {
    /// Without an anchor: frame 0 is at 0.
    pub(super) fn new(sample_rate: u32) -> Self {
        Self {
            sample_rate: sample_rate.max(1),
            anchors: VecDeque::new(),
        }
    }

    pub(super) fn last(&self) -> Option<Anchor> {
        self.anchors.back().copied()
    }

    /// How long so many frames are by the sample rate.
    pub(super) fn nominal(&self, frames: i64) -> i64 {
        narrow((i128::from(frames) * NANOS).div_euclid(self.rate()))
    }

    /// How many whole frames fit into so many nanoseconds by the sample rate.
    pub(super) fn frames_in(&self, nanos: i64) -> i64 {
        narrow((i128::from(nanos) * self.rate()).div_euclid(NANOS))
    }

    /// When a frame begins, rounded down.
    pub(super) fn time_of(&self, frame: i64) -> i64 {
        let next = self.anchors.partition_point(|anchor| anchor.at <= frame);
        let (start, (frames, nanos)) = self.line(next);
        let passed = i128::from(frame) - i128::from(start.at);
        narrow(i128::from(start.time) + (passed * nanos).div_euclid(frames))
    }

    /// The first frame that begins at `time` or later.
    pub(super) fn frame_at(&self, time: i64) -> i64 {
        let next = self.anchors.partition_point(|anchor| anchor.time <= time);
        let (start, (frames, nanos)) = self.line(next);
        let passed = (i128::from(time) - i128::from(start.time)) * frames;
        let whole = passed.div_euclid(nanos) + i128::from(passed.rem_euclid(nanos) > 0);
        narrow(i128::from(start.at) + whole)
    }

    /// The line that ends at the anchor of that number: a point of it, and its frames and
    /// nanoseconds.
    fn line(&self, next: usize) -> (Anchor, (i128, i128)) {
        let after = self.anchors.get(next);
        let before = next.checked_sub(1).and_then(|n| self.anchors.get(n));
        match (before, after) {
            (Some(before), Some(after)) => {
                let frames = i128::from(after.at) - i128::from(before.at);
                let nanos = i128::from(after.time) - i128::from(before.time);
                (*before, (frames.max(1), nanos.max(1)))
            }
            (before, after) => {
                let point = before.or(after).copied();
                let point = point.unwrap_or(Anchor { at: 0, time: 0 });
                (point, (self.rate(), NANOS))
            }
        }
    }

    /// Dates one more frame, after all others.
    pub(super) fn push(&mut self, at: i64, time: i64) {
        self.anchors.push_back(Anchor { at, time });
    }

    /// Keeps what is said up to a frame, and says nothing of what follows.
    pub(super) fn cut(&mut self, at: i64) {
        let time = self.time_of(at);
        let kept = self.anchors.partition_point(|anchor| anchor.at < at);
        self.anchors.truncate(kept);
        self.push(at, time);
    }

    /// Everything is so much later, or earlier.
    pub(super) fn shift(&mut self, nanos: i64) {
        for anchor in &mut self.anchors {
            anchor.time = anchor.time.saturating_add(nanos);
        }
    }

    /// Forgets what only frames before `at` need.
    pub(super) fn forget(&mut self, at: i64) {
        while self.anchors.get(1).is_some_and(|next| next.at <= at) {
            self.anchors.pop_front();
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.anchors.len()
    }

    fn rate(&self) -> i128 {
        i128::from(self.sample_rate)
    }
}

/// Far more than any machine is up, and far from where sums overflow.
pub(super) fn narrow(value: i128) -> i64 {
    value.clamp(i128::from(i64::MIN / 4), i128::from(i64::MAX / 4)) as i64
}
