//! When blocks come and what is missing between them: what the buffer's index of time is
//! told.

use std::time::{Duration, Instant};

use crate::{
    buffers::{CaptureBuffer, Gap, PartialFrame},
    units::AudioFormat,
};

/// When nothing came for so long, time goes on without audio until what follows shows that
/// it was late only.
const PAUSE: Duration = Duration::from_secs(1);
/// How often the buffer is told the time at least, while audio comes.
const MARK: Duration = Duration::from_millis(250);

/// The blocks of one session.
#[derive(Default)]
pub(super) struct Arrivals {
    /// The best guess for one that is missing.
    latest: Option<Block>,
    /// Whether the buffer has been told of a gap since.
    gap_told: bool,
    marked: Option<Marked>,
}

/// When the buffer was last told the time.
struct Marked {
    when: Instant,
    /// Audio that came since then.
    audio: Duration,
}

struct Block {
    format: AudioFormat,
    frames: u64,
    came: Instant,
}

impl Arrivals {
    /// The buffer holds audio of an earlier session.
    pub(super) fn join(&mut self, buffer: &CaptureBuffer) {
        *self = Self::default();
        buffer.gap(Gap::Session);
    }

    /// Pushes a block that came at that moment; how long it is.
    pub(super) fn push(
        &mut self,
        buffer: &CaptureBuffer,
        samples: &[i16],
        came: Instant,
    ) -> Result<Duration, PartialFrame> {
        let since = |then: Instant| came.saturating_duration_since(then);
        let format = buffer.format();
        let latest = self.latest.as_ref().filter(|block| block.format == format);
        let mut begins = latest.is_none() || std::mem::take(&mut self.gap_told);
        if !begins && latest.is_some_and(|block| since(block.came) >= PAUSE) {
            buffer.gap(Gap::Pause);
            begins = true;
        }
        buffer.push(samples)?;
        let frames = (samples.len() / usize::from(format.channels).max(1)) as u64;
        let duration = format.duration_of(frames);
        // The earliest of all arrivals tells when audio was. A block is earlier than the
        // marked one if more audio has come since than time has passed, as in every burst.
        let tells = |marked: &mut Marked| {
            marked.audio += duration;
            let passed = since(marked.when);
            passed >= MARK || marked.audio > passed
        };
        if self.marked.as_mut().is_none_or(tells) || begins {
            buffer.mark(came);
            self.marked = Some(Marked {
                when: came,
                audio: Duration::ZERO,
            });
        }
        self.latest = Some(Block {
            format,
            frames,
            came,
        });
        Ok(duration)
    }

    /// How long the latest block was.
    pub(super) fn block_duration(&self) -> Option<Duration> {
        let Block { format, frames, .. } = self.latest.as_ref()?;
        Some(format.duration_of(*frames))
    }

    /// So much audio will never come.
    pub(super) fn missing(&mut self, buffer: Option<&CaptureBuffer>, audio: Duration) {
        let Some(Block { format, .. }) = &self.latest else {
            return;
        };
        // The source's clock and a block's duration are off by less than half a frame.
        let half = format.duration_of(1) / 2;
        let frames = format.frames_in(audio.saturating_add(half));
        self.tell(buffer, Gap::Frames(frames.unwrap_or(u64::MAX)));
    }

    /// Nobody knows how much is missing: a block at least, if there was one.
    pub(super) fn broken(&mut self, buffer: Option<&CaptureBuffer>) -> Option<Duration> {
        self.tell(buffer, Gap::Session);
        self.block_duration()
    }

    fn tell(&mut self, buffer: Option<&CaptureBuffer>, gap: Gap) {
        if let Some(buffer) = buffer {
            buffer.gap(gap);
            self.gap_told = true;
        }
    }
}

#[cfg(test)]
mod tests;
