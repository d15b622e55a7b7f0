//! When the frames of a ring were recorded, as far as their arrival tells.
//!
//! Audio is counted in frames, never by the source's own timestamps. Frames that came and
//! frames that are known to be missing make one axis, on which the ring's audio lies in
//! segments; beside it [`Dates`] say when which frame of the axis was.
//!
//! **Settled audio is never dated anew**, so that ranges asked for one after the other meet.
//! The earliest that the arrival of the latest audio allows (arrival − frames ÷ rate, the
//! least of the last seconds) is what new audio is led to, slowly: its frames get up to 2 %
//! longer or shorter than the sample rate says. Clocks of sources drift far less.
//!
//! **Not settled** is audio that comes faster than real time, as when a listener joins or a
//! network catches up: it belongs to the time before it came, and nobody knows how far
//! before until the burst is over. After a break it is held back for the half second that
//! most bursts need. Then the gap is known, or that there is none.
//!
//! What came in more than there was time for, a second of it or longer, moves all older
//! audio back: a server has sent something twice.
//!
//! Pure: it is told the time and does no I/O.

mod clock;

use std::{collections::VecDeque, time::Instant};

use self::clock::Clock;
use super::{
    dates::{Dates, narrow},
    time_map::{Stretch, TimeMap, nanos_since},
};

const SECOND: i64 = 1_000_000_000;
/// Segments at most. Beyond that the oldest is forgotten: its audio cannot be found by time.
const MOST_SEGMENTS: usize = 256;
/// Audio is settled when within so long no more than a fifth of it came too fast.
const SETTLES: i64 = SECOND / 2;
/// Audio that is off by less was delayed, or came early: nothing is missing or too much.
const DELAY: i64 = SECOND;
/// In such a time new audio is led to where it belongs, unless that takes more than a
/// fiftieth of its length.
const LEADS: i64 = 8 * SECOND;
const STEEPEST: i64 = 50;
/// Frames that can be missing at once, a day of them: what a hostile source claims goes no
/// further.
const MOST_SKIPPED: u64 = 1 << 32;

/// Why audio is missing before the next frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// So many frames will never come: packets were lost, or could not be decoded.
    Frames(u64),
    /// Nothing came for a while, in one and the same session. If the audio turns out to
    /// have been late only, to within a second, there is no gap.
    Pause,
    /// Another session begins; its audio tells how much is missing.
    Session,
}

/// The index of one ring.
#[derive(Debug)]
pub(super) struct Timeline {
    origin: Instant,
    /// Never empty.
    segments: VecDeque<Segment>,
    /// Reach beyond all audio that was ever shown. Without any, nothing was marked yet.
    dates: Dates,
    clock: Clock,
    /// `None` when all audio is settled.
    fresh: Option<Fresh>,
}

/// Audio without a hole.
#[derive(Clone, Copy, Debug)]
struct Segment {
    /// Position of its first frame in the ring.
    first: u64,
    /// The same on the axis.
    at: i64,
}

/// The newest audio, which is not settled.
#[derive(Debug, Default)]
struct Fresh {
    /// Where it begins; `None` when older audio moves with it.
    joint: Option<Joint>,
    came: Option<Came>,
}

#[derive(Clone, Copy, Debug)]
struct Joint {
    first: u64,
    /// Where the audio before it ends on the axis.
    end: i64,
    gap: Gap,
    /// What the audio before it obeys.
    clock: Clock,
}

#[derive(Clone, Copy, Debug)]
struct Came {
    first: i64,
    /// Since then the burst is watched, which began there then.
    since: i64,
    begin: i64,
}

impl Timeline {
    /// Of an empty ring.
    pub(super) fn new(sample_rate: u32, origin: Instant) -> Self {
        Self {
            origin,
            segments: VecDeque::from([Segment { first: 0, at: 0 }]),
            dates: Dates::new(sample_rate),
            clock: Clock::UNTOLD,
            fresh: Some(Fresh::default()),
        }
    }

    /// All frames before `head` had come at `now`; the ring holds those from `tail` on.
    pub(super) fn mark(&mut self, tail: u64, head: u64, now: Instant) {
        self.forget(tail);
        let now = nanos_since(self.origin, now);
        self.clock
            .mark(now - self.dates.nominal(self.at(head)), now);
        if self.fresh.is_some() {
            self.place(head, now);
        }
        if self.fresh.is_none() {
            self.correct(head, now);
        }
        self.lay_out(head);
    }

    /// Something is missing between the last frame before `head` and the next.
    pub(super) fn gap(&mut self, head: u64, gap: Gap) {
        let end = self.at(head);
        let mut joint = match &mut self.fresh {
            Some(Fresh { joint, .. }) => joint.as_mut(),
            None => None,
        };
        let begins = joint.as_ref().is_some_and(|joint| joint.first == head) || head == 0;
        match gap {
            // How much is missing at its start is for the clock to tell.
            _ if begins => {
                if let (Gap::Session, Some(joint)) = (gap, &mut joint) {
                    joint.gap = gap;
                }
            }
            Gap::Frames(frames) => {
                self.skip(head, end.saturating_add_unsigned(frames.min(MOST_SKIPPED)));
            }
            Gap::Pause | Gap::Session => self.begin(head, gap),
        }
    }

    /// Frames are missing: the next one lies there on the axis.
    fn skip(&mut self, head: u64, at: i64) {
        let segment = Segment { first: head, at };
        match self.segments.back_mut() {
            Some(empty) if empty.first == head => *empty = segment,
            _ => self.segments.push_back(segment),
        }
        if self.segments.len() > MOST_SEGMENTS {
            self.segments.pop_front();
        }
    }

    /// Forgets what lies before `tail`, and maps the rest up to `head`, as of `now`.
    pub(super) fn map(&mut self, tail: u64, head: u64, now: Instant) -> TimeMap {
        self.forget(tail);
        let mut stretches = Vec::with_capacity(self.segments.len());
        if self.dates.last().is_some() {
            // What is told now must not be dated anew.
            self.lay_out(head);
            let shown = self.shown(tail, head, nanos_since(self.origin, now));
            let ends = self.segments.iter().skip(1).map(|segment| segment.first);
            for (segment, end) in self.segments.iter().zip(ends.chain([head])) {
                let (position, end) = (segment.first.max(tail), end.min(shown));
                if position < end {
                    stretches.push(Stretch {
                        at: segment.at.saturating_add_unsigned(position - segment.first),
                        position,
                        frames: end - position,
                    });
                }
            }
        }
        TimeMap::dated(self.origin, self.dates.clone(), stretches)
    }

    /// The end of what is shown: without what came a moment ago after a break, unless there
    /// is nothing else.
    fn shown(&self, tail: u64, head: u64, now: i64) -> u64 {
        match &self.fresh {
            Some(Fresh {
                joint: Some(joint),
                came,
            }) => match came {
                Some(came) if joint.first <= tail || now - came.first >= SETTLES => head,
                _ => joint.first,
            },
            _ => head,
        }
    }

    /// Where the next frame lies on the axis.
    fn at(&self, head: u64) -> i64 {
        self.segments.back().map_or(0, |last| {
            last.at
                .saturating_add_unsigned(head.saturating_sub(last.first))
        })
    }

    /// What follows is another beginning.
    fn begin(&mut self, head: u64, gap: Gap) {
        if self.dates.last().is_none() {
            // Nobody knows when the audio so far was.
            self.segments = VecDeque::from([Segment { first: head, at: 0 }]);
            self.clock = Clock::UNTOLD;
            return;
        }
        if self.segments.len() > 1 && self.segments.back().is_some_and(|s| s.first == head) {
            self.segments.pop_back();
        }
        let end = self.at(head);
        self.skip(head, end);
        let joint = Joint {
            first: head,
            end,
            gap,
            clock: std::mem::replace(&mut self.clock, Clock::UNTOLD),
        };
        self.fresh = Some(Fresh {
            joint: Some(joint),
            came: None,
        });
    }

    /// Dates what is not settled by the latest mark, and finds when it is.
    fn place(&mut self, head: u64, now: i64) {
        let joint = self.fresh.as_ref().and_then(|fresh| fresh.joint);
        let placed = match joint {
            Some(joint) => self.place_after(&joint, head, now),
            None => Some(self.place_all()),
        };
        let (Some(begin), Some(fresh)) = (placed, &mut self.fresh) else {
            self.fresh = None;
            return;
        };
        let came = fresh.came.get_or_insert(Came {
            first: now,
            since: now,
            begin,
        });
        if now - came.since >= SETTLES {
            if came.begin - begin < SETTLES / 5 {
                self.fresh = None;
            } else {
                (came.since, came.begin) = (now, begin);
            }
        }
    }

    /// Dates what follows a joint, and when that begins; `None` when it goes with the audio
    /// before it, because nothing is missing between the two.
    fn place_after(&mut self, joint: &Joint, head: u64, now: i64) -> Option<i64> {
        // Without: it has filled more than the ring.
        let n = self.segments.iter().position(|s| s.first == joint.first)?;
        let was = self.segments[n].at;
        let begin = self.clock.least() + self.dates.nominal(was);
        let missing = begin - self.dates.time_of(joint.end);
        let late_only = joint.gap == Gap::Pause && missing < DELAY;
        let frames = if late_only {
            0
        } else {
            self.dates.frames_in(missing).max(0)
        };
        let at = joint.end + frames;
        for segment in self.segments.iter_mut().skip(n) {
            segment.at += at - was;
        }
        if frames > 0 {
            self.dates.cut(joint.end);
            self.dates.push(at, begin);
            self.clock.shift(-self.dates.nominal(at - was));
            return Some(begin);
        }
        if was != at {
            // It was dated otherwise at first.
            self.dates.cut(joint.end);
        }
        if n > 0 {
            self.segments.remove(n);
        }
        self.clock = joint.clock;
        self.clock
            .mark(now - self.dates.nominal(self.at(head)), now);
        None
    }

    /// Dates what is not settled, and all before it; when the axis began.
    fn place_all(&mut self) -> i64 {
        let begin = self.clock.least();
        if let Some(last) = self.dates.last() {
            let error = begin - (last.time - self.dates.nominal(last.at));
            self.dates.shift(error.min(0));
        } else {
            self.dates.push(0, begin);
        }
        begin
    }

    /// Whether what is settled can stay.
    fn correct(&mut self, head: u64, now: i64) {
        let at = self.at(head);
        let told = self.dates.time_of(at);
        let error = self.clock.least() - (told - self.dates.nominal(at));
        if error <= -DELAY {
            self.dates.shift(error);
            self.fresh = Some(Fresh {
                joint: None,
                came: Some(Came {
                    first: now,
                    since: now,
                    begin: self.clock.least(),
                }),
            });
        } else if error >= DELAY {
            // For many seconds all of it has been late: it must be missing somewhere.
            let frames = self.dates.frames_in(error);
            self.skip(head, at + frames);
            self.dates.cut(at);
            self.dates.push(at + frames, told + error);
            self.clock.shift(-self.dates.nominal(frames));
        }
    }

    /// Dates what comes within the next second, before anybody sees it.
    fn lay_out(&mut self, head: u64) {
        let at = self.at(head);
        let Some(last) = self.dates.last().filter(|last| last.at <= at) else {
            return;
        };
        let next = at + self.dates.frames_in(SECOND);
        let length = self.dates.nominal(next - last.at);
        let led = if self.fresh.is_some() {
            0
        } else {
            let error = self.clock.least() - (last.time - self.dates.nominal(last.at));
            let part = i128::from(error) * i128::from(length.min(LEADS)) / i128::from(LEADS);
            narrow(part).clamp(-length / STEEPEST, length / STEEPEST)
        };
        self.dates.push(next, last.time + length + led);
    }

    /// Forgets what only frames before `tail` need.
    fn forget(&mut self, tail: u64) {
        while self.segments.get(1).is_some_and(|next| next.first <= tail) {
            self.segments.pop_front();
        }
        if let Some(oldest) = self.segments.front() {
            let at = oldest
                .at
                .saturating_add_unsigned(tail.saturating_sub(oldest.first));
            self.dates.forget(at);
        }
    }
}

#[cfg(test)]
mod tests;
