//! When the frames of a ring were recorded, as far as their arrival tells.
//!
//! Audio is counted in frames, never by the source's own timestamps, so time is an index
//! beside the ring: a list of segments, each without a hole. Segments that are parted by
//! gaps of known length form a *run*, in which time is counted in frames; a run begins at
//! the **earliest** moment that the arrival of its audio allows (arrival − frames ÷ rate).
//! Audio that a server delivers at once, as when a listener joins, thus belongs to the time
//! before it came.
//!
//! That moment is sought among the marks of the last half minute to minute, because the
//! clocks of sources drift: the newest audio is always where the clock says, to within what
//! the way from the source took. Older audio of the same run lies as many frames before it.
//! Runs never overlap: what a server sends twice, or a clock that was corrected, moves the
//! older run back in time.
//!
//! Pure: it is told the time and does no I/O.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

const NANOS: i128 = 1_000_000_000;
/// Segments at most. Beyond that the oldest is forgotten: its audio cannot be found by time.
const MOST_SEGMENTS: usize = 256;
/// Marks older than one to two of these no longer tell where a run begins.
const WINDOW: i64 = 30 * NANOS as i64;
/// Frames that a run can miss, decades of them: what a hostile source claims goes no further.
const MOST_SKIPPED: u64 = 1 << 48;
/// A pause shorter than this, in seconds, was a delay on the way: nothing is missing.
const DELAY: i64 = 1;

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

/// A part of a ring without a hole in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// When it begins, in frames since the map's origin; negative before that.
    pub at: i64,
    /// Position of its first frame, counted from the buffer's first.
    pub position: u64,
    /// How many frames.
    pub frames: u64,
}

impl Stretch {
    /// When it ends, in frames since the map's origin.
    pub fn end(&self) -> i64 {
        self.at.saturating_add_unsigned(self.frames)
    }
}

/// Where in time the audio of a buffer lies, as of one moment. Stretches are in order and
/// do not overlap; between them nothing was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeMap {
    origin: Instant,
    sample_rate: u32,
    stretches: Vec<Stretch>,
}

impl TimeMap {
    /// A map of stretches in order of time and position, in frames since `origin` at so many
    /// of them a second.
    pub fn new(origin: Instant, sample_rate: u32, stretches: Vec<Stretch>) -> Self {
        Self {
            origin,
            sample_rate,
            stretches,
        }
    }

    /// What is there, oldest first.
    pub fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    /// The first frame that begins at `time` or later, in frames since the origin.
    pub fn frame_at(&self, time: Instant) -> i64 {
        let frames = signed_nanos(self.origin, time) * i128::from(self.sample_rate);
        let whole = frames.div_euclid(NANOS) + i128::from(frames.rem_euclid(NANOS) > 0);
        whole.clamp(i128::from(i64::MIN / 2), i128::from(i64::MAX / 2)) as i64
    }

    /// When a frame begins; `None` beyond what the system's clock can express.
    pub fn time_of(&self, frame: i64) -> Option<Instant> {
        let nanos = i128::from(frame) * NANOS / i128::from(self.sample_rate.max(1));
        let distance = Duration::from_nanos(u64::try_from(nanos.unsigned_abs()).ok()?);
        if nanos < 0 {
            self.origin.checked_sub(distance)
        } else {
            self.origin.checked_add(distance)
        }
    }
}

/// The index of one ring.
#[derive(Debug)]
pub(super) struct Timeline {
    origin: Instant,
    sample_rate: u32,
    /// Never empty; every run has at least one segment.
    runs: VecDeque<Run>,
    segments: VecDeque<Segment>,
}

/// Segments whose distances are known in frames.
#[derive(Debug)]
struct Run {
    number: u64,
    first: u64,
    joint: Gap,
    clock: Option<Clock>,
}

#[derive(Clone, Copy, Debug)]
struct Segment {
    run: u64,
    first: u64,
    /// Frames missing between the run's first and this segment's.
    skipped: u64,
}

/// The least of the latest marks, in nanoseconds since the origin.
#[derive(Clone, Copy, Debug)]
struct Clock {
    least: i64,
    least_before: i64,
    since: i64,
}

impl Clock {
    fn start(&self) -> i64 {
        self.least.min(self.least_before)
    }

    fn mark(&mut self, start: i64, now: i64) {
        if now - self.since >= WINDOW {
            (self.least_before, self.least, self.since) = (self.least, start, now);
        } else {
            self.least = self.least.min(start);
        }
    }
}

impl Timeline {
    /// Of an empty ring.
    pub(super) fn new(sample_rate: u32, origin: Instant) -> Self {
        Self {
            origin,
            sample_rate,
            runs: VecDeque::from([Run {
                number: 0,
                first: 0,
                joint: Gap::Session,
                clock: None,
            }]),
            segments: VecDeque::from([Segment {
                run: 0,
                first: 0,
                skipped: 0,
            }]),
        }
    }

    /// All frames before `head` had come at `now`.
    pub(super) fn mark(&mut self, head: u64, now: Instant) {
        let now = narrow(signed_nanos(self.origin, now));
        let (Some(run), Some(last)) = (self.runs.back_mut(), self.segments.back()) else {
            return;
        };
        let frames = head.saturating_sub(run.first).saturating_add(last.skipped);
        let lasted = i128::from(frames) * NANOS / i128::from(self.sample_rate.max(1));
        let start = now.saturating_sub(narrow(lasted));
        match &mut run.clock {
            Some(clock) => clock.mark(start, now),
            None => {
                run.clock = Some(Clock {
                    least: start,
                    least_before: i64::MAX,
                    since: now,
                });
            }
        }
    }

    /// Something is missing between the last frame before `head` and the next.
    pub(super) fn gap(&mut self, head: u64, gap: Gap) {
        let (Some(run), Some(last)) = (self.runs.back_mut(), self.segments.back_mut()) else {
            return;
        };
        let run_is_empty = run.first == head;
        let segment_is_empty = last.first == head;
        match gap {
            // How much that run misses at its start is for its clock to tell.
            Gap::Frames(_) | Gap::Pause if run_is_empty => return,
            Gap::Frames(frames) if segment_is_empty => {
                last.skipped = missing(last.skipped, frames);
                return;
            }
            Gap::Frames(frames) => {
                let more = Segment {
                    first: head,
                    skipped: missing(last.skipped, frames),
                    ..*last
                };
                self.segments.push_back(more);
            }
            Gap::Session if run_is_empty => {
                run.joint = gap;
                return;
            }
            Gap::Pause | Gap::Session => {
                let number = run.number + 1;
                if segment_is_empty {
                    // It holds nothing, and its run has others.
                    self.segments.pop_back();
                }
                self.runs.push_back(Run {
                    number,
                    first: head,
                    joint: gap,
                    clock: None,
                });
                self.segments.push_back(Segment {
                    run: number,
                    first: head,
                    skipped: 0,
                });
            }
        }
        if self.segments.len() > MOST_SEGMENTS {
            self.segments.pop_front();
            self.forget_runs();
        }
    }

    /// Forgets what lies before `tail`, and maps the rest up to `head`.
    pub(super) fn map(&mut self, tail: u64, head: u64) -> TimeMap {
        while self.segments.get(1).is_some_and(|next| next.first <= tail) {
            self.segments.pop_front();
        }
        self.forget_runs();
        let starts = self.starts(head);
        let ends = self.segments.iter().skip(1).map(|segment| segment.first);
        let mut stretches = Vec::with_capacity(self.segments.len());
        for (segment, end) in self.segments.iter().zip(ends.chain([head])) {
            let run = self.runs.iter().zip(&starts);
            let found = run
                .clone()
                .find(|(run, _)| run.number == segment.run)
                .and_then(|(run, start)| Some((run, (*start)?)));
            let Some((run, start)) = found else {
                continue;
            };
            let position = segment.first.max(tail);
            if position < end {
                let frames_in = (position - run.first).saturating_add(segment.skipped);
                stretches.push(Stretch {
                    at: start.saturating_add_unsigned(frames_in),
                    position,
                    frames: end - position,
                });
            }
        }
        TimeMap::new(self.origin, self.sample_rate, stretches)
    }

    fn forget_runs(&mut self) {
        let oldest = self.segments.front().map_or(0, |segment| segment.run);
        while self.runs.front().is_some_and(|run| run.number < oldest) {
            self.runs.pop_front();
        }
    }

    /// Where each run begins, in frames since the origin; `None` for one without a mark.
    /// From the newest to the oldest, as the newest is the one that the clock vouches for.
    fn starts(&self, head: u64) -> Vec<Option<i64>> {
        let mut starts = vec![None; self.runs.len()];
        let mut later: Option<(i64, Gap)> = None;
        let mut run_end = head;
        for (at, run) in self.runs.iter().enumerate().rev() {
            let last = self.segments.iter().rfind(|s| s.run == run.number);
            let skipped = last.map_or(0, |segment| segment.skipped);
            let frames = (run_end - run.first).saturating_add(skipped);
            run_end = run.first;
            let Some(clock) = &run.clock else {
                continue;
            };
            let frames_since = i128::from(clock.start()) * i128::from(self.sample_rate);
            let mut start = narrow(frames_since.div_euclid(NANOS));
            if let Some((next, joint)) = later {
                let missing = next.saturating_sub(start.saturating_add_unsigned(frames));
                let delayed = joint == Gap::Pause && missing < DELAY * i64::from(self.sample_rate);
                if missing < 0 || delayed {
                    start = start.saturating_add(missing);
                }
            }
            starts[at] = Some(start);
            later = Some((start, run.joint));
        }
        starts
    }
}

fn missing(skipped: u64, more: u64) -> u64 {
    skipped.saturating_add(more).min(MOST_SKIPPED)
}

fn signed_nanos(origin: Instant, time: Instant) -> i128 {
    let nanos = |duration: Duration| i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX);
    match time.checked_duration_since(origin) {
        Some(after) => nanos(after),
        None => -nanos(origin.saturating_duration_since(time)),
    }
}

/// Far more than any machine is up, and far from where sums overflow.
fn narrow(nanos: i128) -> i64 {
    nanos.clamp(i128::from(i64::MIN / 4), i128::from(i64::MAX / 4)) as i64
}

#[cfg(test)]
mod tests;
