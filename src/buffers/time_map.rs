//! Where in time the audio of a buffer lies, as its readers see it.

use std::time::{Duration, Instant};

use super::dates::{Dates, narrow};

/// A part of a ring without a hole in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// When it begins, in frames of the map's axis, which may be negative.
    pub at: i64,
    /// Position of its first frame, counted from the buffer's first.
    pub position: u64,
    /// How many frames.
    pub frames: u64,
}

impl Stretch {
    /// When it ends, in frames of the map's axis.
    pub fn end(&self) -> i64 {
        self.at.saturating_add_unsigned(self.frames)
    }
}

/// Where in time the audio of a buffer lies, as of one moment. Stretches are in order and
/// do not overlap; between them nothing was received.
///
/// Its axis counts the source's own frames, received or missing, so that audio is exact to
/// the sample; how long a frame is by this machine's clock is for [`Self::time_of`] and
/// [`Self::frame_at`] to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeMap {
    origin: Instant,
    dates: Dates,
    stretches: Vec<Stretch>,
}

impl TimeMap {
    /// A map of stretches in order of time and position, in frames since `origin` at so many
    /// of them a second.
    pub fn new(origin: Instant, sample_rate: u32, stretches: Vec<Stretch>) -> Self {
        Self::dated(origin, Dates::new(sample_rate), stretches)
    }

    pub(super) fn dated(origin: Instant, dates: Dates, stretches: Vec<Stretch>) -> Self {
        Self {
            origin,
            dates,
            stretches,
        }
    }

    /// What is there, oldest first.
    pub fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    /// The first frame of the axis that begins at `time` or later.
    pub fn frame_at(&self, time: Instant) -> i64 {
        self.dates.frame_at(nanos_since(self.origin, time))
    }

    /// When a frame of the axis begins, to the nanosecond before; `None` beyond what the
    /// system's clock can express.
    pub fn time_of(&self, frame: i64) -> Option<Instant> {
        let nanos = self.dates.time_of(frame);
        let distance = Duration::from_nanos(nanos.unsigned_abs());
        if nanos < 0 {
            self.origin.checked_sub(distance)
        } else {
            self.origin.checked_add(distance)
        }
    }
}

/// Nanoseconds from `origin` to `time`, negative before it.
pub(super) fn nanos_since(origin: Instant, time: Instant) -> i64 {
    let nanos = |duration: Duration| i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX);
    narrow(match time.checked_duration_since(origin) {
        Some(after) => nanos(after),
        None => -nanos(origin.saturating_duration_since(time)),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn frames_and_times_are_inverse(
            rate in 1..400_000u32,
            lines in prop::collection::vec((1..500_000i64, -20_000..20_000i64), 0..5),
            frame in -1_000_000_000..1_000_000_000i64,
            near in any::<bool>(),
        ) {
            // Lines as long as frames by the rate, up to 2 % more or less.
            let mut dates = Dates::new(rate);
            let (mut at, mut time) = (0, 0);
            for (frames, ppm) in lines {
                dates.push(at, time);
                at += frames;
                time += dates.nominal(frames) / 1_000_000 * (1_000_000 + ppm);
            }
            let map = TimeMap::dated(Instant::now(), dates, Vec::new());
            let frame = if near { frame % 1_000_000 } else { frame };
            let begins = map.time_of(frame).unwrap();
            prop_assert_eq!(map.frame_at(begins), frame);
            prop_assert_eq!(map.frame_at(begins + Duration::from_nanos(1)), frame + 1);
        }
    }
}
