//! What a clip is made of. Pure: a map and a wish in, spans out.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use crate::{buffers::TimeMap, units::AudioFormat};

/// Which audio is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The newest, so much of it in time: gaps count.
    Last(Duration),
    /// What was recorded at that time.
    Between {
        /// Its beginning.
        from: Instant,
        /// Its end; `None` for the newest audio there is.
        to: Option<Instant>,
    },
}

/// A part of a clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// Frames of the buffer.
    Audio {
        /// Position of the first one.
        position: u64,
        /// How many.
        frames: u64,
    },
    /// Frames that were never received.
    Silence {
        /// How many.
        frames: u64,
    },
}

/// There is no audio at the time that is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Nothing {
    /// The buffer holds no audio at all.
    #[error("the buffer is still empty")]
    Empty,
    /// What is wanted is shorter than a frame.
    #[error("what is wanted is shorter than a single sample")]
    TooShort,
    /// All it holds is newer or older.
    #[error("the buffer holds audio of another time only")]
    Elsewhere {
        /// When its oldest audio begins and its newest ends, where the clock can say it.
        held: Option<(Instant, Instant)>,
    },
}

/// What a clip will be made of: audio and silence, one after the other.
///
/// `wanted = audio + silence + missing`, in frames, at every time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    format: AudioFormat,
    map: TimeMap,
    spans: Vec<Span>,
    /// When the first span begins, in frames of the map.
    start: i64,
    wanted: u64,
}

impl Plan {
    /// Plans a clip out of what the map of a buffer of that format shows.
    ///
    /// # Errors
    /// [`Nothing`] when no part of what is wanted lies between the oldest and the newest
    /// audio.
    pub fn new(format: AudioFormat, map: TimeMap, wanted: Wanted) -> Result<Self, Nothing> {
        let stretches = map.stretches();
        let (Some(oldest), Some(newest)) = (stretches.first(), stretches.last()) else {
            return Err(Nothing::Empty);
        };
        let there = oldest.at..newest.end();
        let range = match wanted {
            Wanted::Last(duration) => {
                let frames = format.frames_in(duration).unwrap_or(u64::MAX);
                there.end.saturating_sub_unsigned(frames)..there.end
            }
            Wanted::Between { from, to } => {
                let from = map.frame_at(from);
                from..to.map_or(there.end.max(from), |to| map.frame_at(to))
            }
        };
        if range.start >= range.end && !matches!(wanted, Wanted::Between { to: None, .. }) {
            return Err(Nothing::TooShort);
        }
        let taken = range.start.max(there.start)..range.end.min(there.end);
        if taken.start >= taken.end {
            let held = map.time_of(there.start).zip(map.time_of(there.end));
            return Err(Nothing::Elsewhere { held });
        }
        let spans = spans(&map, &taken);
        Ok(Self {
            format,
            spans,
            start: taken.start,
            wanted: range.end.abs_diff(range.start),
            map,
        })
    }

    /// The format of the audio.
    pub fn format(&self) -> AudioFormat {
        self.format
    }

    /// Its parts in order.
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// Frames that were wanted.
    pub fn wanted(&self) -> u64 {
        self.wanted
    }

    /// Frames of audio.
    pub fn audio(&self) -> u64 {
        self.spans.iter().map(Span::audio).sum()
    }

    /// Frames in all.
    pub fn frames(&self) -> u64 {
        self.spans.iter().map(Span::frames).sum()
    }

    /// When it begins and ends, where the clock can say it.
    pub fn time(&self) -> Option<(Instant, Instant)> {
        let end = self.start.saturating_add_unsigned(self.frames());
        self.map.time_of(self.start).zip(self.map.time_of(end))
    }

    /// Where it is silence: frames before it and in it.
    pub fn gaps(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let mut before = 0;
        self.spans.iter().filter_map(move |span| {
            let start = before;
            before += span.frames();
            matches!(span, Span::Silence { .. }).then_some((start, span.frames()))
        })
    }

    /// Position in the buffer of the first frame of audio; `None` when there is none.
    pub fn first_position(&self) -> Option<u64> {
        self.spans.iter().find_map(|span| match span {
            Span::Audio { position, .. } => Some(*position),
            Span::Silence { .. } => None,
        })
    }

    /// The buffer now begins at this position: what came before is left out.
    pub fn overtaken(&mut self, tail: u64) {
        let began_before =
            |span: &Span| matches!(span, Span::Audio { position, .. } if *position < tail);
        let Some(at) = self.spans.iter().rposition(began_before) else {
            return;
        };
        let mut left_out: u64 = self.spans[..at].iter().map(Span::frames).sum();
        let mut gone = at;
        if let Span::Audio { position, frames } = &mut self.spans[at] {
            let lost = (tail - *position).min(*frames);
            *position += lost;
            *frames -= lost;
            left_out += lost;
            gone += usize::from(*frames == 0);
        }
        self.spans.drain(..gone);
        self.start = self.start.saturating_add_unsigned(left_out);
    }
}

impl Span {
    /// How long it is, in frames.
    pub fn frames(&self) -> u64 {
        match self {
            Self::Audio { frames, .. } | Self::Silence { frames } => *frames,
        }
    }

    fn audio(&self) -> u64 {
        match self {
            Self::Audio { frames, .. } => *frames,
            Self::Silence { .. } => 0,
        }
    }
}

/// Everything in `range`, which lies within the map.
fn spans(map: &TimeMap, range: &Range<i64>) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut now = range.start;
    for stretch in map.stretches() {
        let start = stretch.at.max(range.start);
        let end = stretch.end().min(range.end);
        if start >= end {
            continue;
        }
        if start > now {
            spans.push(Span::Silence {
                frames: start.abs_diff(now),
            });
        }
        let position = stretch.position + start.abs_diff(stretch.at);
        let frames = end.abs_diff(start);
        // Stretches that meet in time are one span.
        match spans.last_mut() {
            Some(Span::Audio { frames: before, .. }) if start == now => *before += frames,
            _ => spans.push(Span::Audio { position, frames }),
        }
        now = end;
    }
    if now < range.end {
        spans.push(Span::Silence {
            frames: range.end.abs_diff(now),
        });
    }
    spans
}

#[cfg(test)]
mod tests;
