//! Where decoded blocks go: the meter, the ring, the account.

use std::{sync::Arc, time::Duration};

use super::{Context, End, arrivals::Arrivals};
use crate::{
    buffers::{Allocation, AllocationError, BufferKind, CaptureBuffer, ErrorType},
    decode::to_s16,
    signal::Levels,
    sources::{DisconnectReason, SessionEnd},
    units::AudioFormat,
};

/// Where decoded blocks go.
pub(super) struct Sink<'a> {
    context: &'a Context<'a>,
    buffer: Option<(AudioFormat, Arc<CaptureBuffer>)>,
    samples: Vec<i16>,
    arrivals: Arrivals,
}

impl<'a> Sink<'a> {
    pub(super) fn new(context: &'a Context<'a>) -> Self {
        Self {
            context,
            buffer: None,
            samples: Vec::new(),
            arrivals: Arrivals::default(),
        }
    }

    /// How long the latest block was: the best guess for one that is missing.
    pub(super) fn block_duration(&self) -> Option<Duration> {
        self.arrivals.block_duration()
    }

    /// Packets that held so much audio are missing before the next block.
    pub(super) fn lost(&mut self, packets: u16, missing: Duration) {
        self.missing(missing);
        self.context.account.lost(u64::from(packets), missing);
    }

    /// This machine was too slow to take so much audio of the source, in so many places.
    #[cfg(feature = "device")]
    pub(super) fn too_slow(&mut self, missing: Duration, breaks: u64) {
        self.missing(missing);
        self.context.account.too_slow(missing, breaks);
    }

    /// A packet could not be decoded.
    pub(super) fn undecodable(&mut self) {
        let missing = self.block_duration();
        self.missing(missing.unwrap_or_default());
        self.context.account.undecodable(missing);
    }

    /// Something could not be decoded, nobody knows how much.
    pub(super) fn broken(&mut self) {
        let buffer = self.buffer.as_ref().map(|(_, buffer)| &**buffer);
        let missing = self.arrivals.broken(buffer);
        self.context.account.undecodable(missing);
    }

    fn missing(&mut self, audio: Duration) {
        let buffer = self.buffer.as_ref().map(|(_, buffer)| &**buffer);
        self.arrivals.missing(buffer, audio);
    }

    pub(super) fn push(&mut self, format: AudioFormat, samples: &[f32]) -> Result<(), End> {
        let Context { account, meter, .. } = self.context;
        let buffer = match &self.buffer {
            Some((current, buffer)) if *current == format => buffer,
            _ => self.allocate(format)?,
        };
        let buffer = Arc::clone(buffer);
        meter.record(Levels::of(samples));
        to_s16(samples, &mut self.samples);
        let pushed = self.arrivals.push(&buffer, &self.samples);
        let duration =
            pushed.map_err(|error| SessionEnd::new(DisconnectReason::Decode, error.to_string()))?;
        account.audio(duration);
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
            self.arrivals.join(buffer);
        }
        Ok(&self.buffer.insert((format, allocation.into_buffer())).1)
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
