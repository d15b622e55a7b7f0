//! Where decoded blocks go: the meter, the ring, the account.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Context, End};
use crate::{
    buffers::{Allocation, AllocationError, BufferKind, CaptureBuffer, ErrorType, Gap},
    decode::to_s16,
    signal::Levels,
    sources::{DisconnectReason, SessionEnd},
    units::AudioFormat,
};

/// When nothing came for so long, time goes on without audio until its arrival shows
/// otherwise.
const PAUSE: Duration = Duration::from_secs(1);

/// Where decoded blocks go.
pub(super) struct Sink<'a> {
    context: &'a Context<'a>,
    buffer: Option<(AudioFormat, Arc<CaptureBuffer>)>,
    samples: Vec<i16>,
    /// The latest block: the best guess for one that is missing.
    latest: Option<Block>,
    /// Whether the buffer was told of a gap after it.
    gap_told: bool,
}

struct Block {
    format: AudioFormat,
    frames: u64,
    came: Instant,
}

impl<'a> Sink<'a> {
    pub(super) fn new(context: &'a Context<'a>) -> Self {
        Self {
            context,
            buffer: None,
            samples: Vec::new(),
            latest: None,
            gap_told: false,
        }
    }

    /// So many packets were lost on the way.
    pub(super) fn lost(&mut self, packets: u16) {
        let packets = u64::from(packets);
        let frames = self.tell_lost(packets);
        let duration = frames.map(|(format, frames)| format.duration_of(frames));
        let account = self.context.account;
        account.lost(packets, duration.unwrap_or_default());
    }

    /// A packet could not be decoded.
    pub(super) fn undecodable(&mut self) {
        let frames = self.tell_lost(1);
        let duration = frames.map(|(format, frames)| format.duration_of(frames));
        self.context.account.undecodable(duration);
    }

    /// Nobody knows how much could not be decoded.
    pub(super) fn skipped(&mut self) {
        let duration = self.latest.as_ref().map(Block::duration);
        self.context.account.undecodable(duration);
        self.tell(Gap::Session);
    }

    /// Tells the buffer of lost packets; how many frames they are thought to have held.
    fn tell_lost(&mut self, packets: u64) -> Option<(AudioFormat, u64)> {
        let Block { format, frames, .. } = self.latest.as_ref()?;
        let (format, frames) = (*format, frames.saturating_mul(packets));
        self.tell(Gap::Frames(frames));
        Some((format, frames))
    }

    fn tell(&mut self, gap: Gap) {
        if let Some((_, buffer)) = &self.buffer {
            buffer.gap(gap);
            self.gap_told = true;
        }
    }

    pub(super) fn push(&mut self, format: AudioFormat, samples: &[f32]) -> Result<(), End> {
        let Context { account, meter, .. } = self.context;
        let buffer = match &self.buffer {
            Some((current, buffer)) if *current == format => buffer,
            _ => self.allocate(format)?,
        };
        let buffer = Arc::clone(buffer);
        let came = Instant::now();
        let block = Block {
            format,
            frames: (samples.len() / usize::from(format.channels).max(1)) as u64,
            came,
        };
        let pause = |latest: &Block| came.saturating_duration_since(latest.came) >= PAUSE;
        if self.latest.as_ref().is_some_and(pause) && !self.gap_told {
            buffer.gap(Gap::Pause);
        }
        self.gap_told = false;
        meter.record(Levels::of(samples));
        to_s16(samples, &mut self.samples);
        buffer
            .push(&self.samples)
            .map_err(|error| SessionEnd::new(DisconnectReason::Decode, error.to_string()))?;
        account.audio(block.duration());
        self.latest = Some(block);
        Ok(())
    }

    /// The one place that asks for a buffer: once a session, as soon as the session's
    /// format is known, and again when the format changes.
    fn allocate(&mut self, format: AudioFormat) -> Result<&Arc<CaptureBuffer>, End> {
        let Context {
            account,
            asker,
            options,
            ..
        } = self.context;
        account.format(format);
        // The old buffer of another format must not be charged beside the new one.
        self.buffer = None;
        let allocation = asker
            .allocate_if_needed(BufferKind::Capture, format, options.capture)
            .map_err(|error| refused(&error))?;
        if let Allocation::Repeated(buffer) = &allocation {
            buffer.gap(Gap::Session);
        }
        self.latest = None;
        Ok(&self.buffer.insert((format, allocation.into_buffer())).1)
    }
}

impl Block {
    fn duration(&self) -> Duration {
        self.format.duration_of(self.frames)
    }
}

pub(super) fn block_duration(format: AudioFormat, samples: &[f32]) -> Duration {
    let channels = usize::from(format.channels).max(1);
    format.duration_of((samples.len() / channels) as u64)
}

/// Why there is no buffer, as the end of a session.
fn refused(error: &AllocationError) -> SessionEnd {
    let reason = match error.error_type() {
        ErrorType::OverBudget => DisconnectReason::Buffer,
        ErrorType::OutOfMemory => DisconnectReason::Memory,
        ErrorType::Revoked | ErrorType::Panic => DisconnectReason::Local,
        ErrorType::ZeroDuration
        | ErrorType::ZeroSampleRate
        | ErrorType::ZeroChannels
        | ErrorType::SizeOverflow => DisconnectReason::Format,
    };
    SessionEnd::new(reason, error.to_string())
}
