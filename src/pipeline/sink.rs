//! Where decoded blocks go: the meter, the ring, the account.

use std::{sync::Arc, time::Duration};

use super::{Context, End};
use crate::{
    buffers::{AllocationError, BufferKind, CaptureBuffer, ErrorType},
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
    /// How long the latest block was: the best guess for one that is missing.
    pub(super) block_duration: Option<Duration>,
}

impl<'a> Sink<'a> {
    pub(super) fn new(context: &'a Context<'a>) -> Self {
        Self {
            context,
            buffer: None,
            samples: Vec::new(),
            block_duration: None,
        }
    }

    #[track_caller]
    pub(super) fn push(&mut self, format: AudioFormat, samples: &[f32]) -> Result<(), End> {
        let Context { account, meter, .. } = self.context;
        let buffer = match &self.buffer {
            Some((current, buffer)) if *current == format => buffer,
            _ => self.allocate(format)?,
        };
        let buffer = Arc::clone(buffer);
        meter.record(Levels::of(samples));
        to_s16(samples, &mut self.samples);
        buffer
            .push(&self.samples)
            .map_err(|error| SessionEnd::new(DisconnectReason::Decode, error.to_string()))?;
        let duration = block_duration(format, samples);
        self.block_duration = Some(duration);
        account.audio(duration);
        Ok(())
    }

    /// The one place that asks for a buffer: once a session, as soon as the session's
    /// format is known, and again when the format changes. Whose frames they are is told to
    /// the tracker.
    #[track_caller]
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
