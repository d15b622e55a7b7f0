//! Where decoded blocks go: the meter, the ring, the account.

use std::{sync::Arc, time::Duration};

use super::{Context, End};
use crate::{
    buffers::{BufferKind, CaptureBuffer},
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
    pub(super) block_duration: Duration,
}

impl<'a> Sink<'a> {
    pub(super) fn new(context: &'a Context<'a>) -> Self {
        Self {
            context,
            buffer: None,
            samples: Vec::new(),
            block_duration: Duration::ZERO,
        }
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
        buffer
            .push(&self.samples)
            .map_err(|error| SessionEnd::new(DisconnectReason::Decode, error.to_string()))?;
        self.block_duration = block_duration(format, samples);
        account.audio(self.block_duration);
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
        let allocation = asker
            .allocate_if_needed(BufferKind::Capture, format, options.capture)
            .map_err(|error| SessionEnd::new(DisconnectReason::Buffer, error.to_string()))?;
        Ok(&self.buffer.insert((format, allocation.into_buffer())).1)
    }
}

pub(super) fn block_duration(format: AudioFormat, samples: &[f32]) -> Duration {
    let channels = usize::from(format.channels).max(1);
    format.duration_of((samples.len() / channels) as u64)
}
