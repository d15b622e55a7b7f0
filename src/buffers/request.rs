//! What one attempt asks for, and how a buffer of that size is made.

use std::{sync::Arc, time::Duration};

use super::{
    account::Account,
    capture::CaptureBuffer,
    error::AllocationError,
    holdings::AskedBy,
    ledger::{Attempt, ReleaseReason},
    pool::Pool,
    registry::Ask,
};
use crate::units::{AudioFormat, BYTES_PER_SAMPLE, ByteSize};

/// What was asked for when it cannot be had, for the size histogram: beyond any integer.
pub(super) fn approximate_bytes(format: AudioFormat, duration: Duration) -> f64 {
    let frames = duration.as_secs_f64() * f64::from(format.sample_rate);
    frames.floor() * f64::from(format.channels) * BYTES_PER_SAMPLE as f64
}

/// A buffer's size, checked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) frames: u64,
    pub(super) bytes: u64,
}

impl Size {
    pub(super) fn of(format: AudioFormat, duration: Duration) -> Result<Self, AllocationError> {
        if format.sample_rate == 0 {
            return Err(AllocationError::ZeroSampleRate);
        }
        if format.channels == 0 {
            return Err(AllocationError::ZeroChannels);
        }
        let overflow = || AllocationError::SizeOverflow(duration, format);
        let frames = format.frames_in(duration).ok_or_else(overflow)?;
        if frames == 0 {
            return Err(AllocationError::ZeroDuration(duration, format));
        }
        let frame_bytes = u64::from(format.channels) * BYTES_PER_SAMPLE;
        let bytes = frames.checked_mul(frame_bytes).ok_or_else(overflow)?;
        isize::try_from(bytes).map_err(|_| overflow())?;
        Ok(Self { frames, bytes })
    }

    /// Whether a buffer has it, and this format.
    pub(super) fn fits(&self, format: AudioFormat, buffer: &CaptureBuffer) -> bool {
        buffer.format() == format && buffer.capacity_frames() == self.frames
    }
}

/// One attempt's request to the registry.
pub(super) struct Request<'a, 'b> {
    pub(super) size: Size,
    pub(super) format: AudioFormat,
    pub(super) duration: Duration,
    pub(super) pool: &'a Arc<Pool>,
    pub(super) account: &'a Arc<Account>,
    pub(super) asked_by: AskedBy<'a>,
    pub(super) attempt: &'b mut Option<Attempt<'a>>,
}

impl Ask<Arc<CaptureBuffer>> for Request<'_, '_> {
    type Error = AllocationError;

    fn fits(&self, present: &Arc<CaptureBuffer>) -> bool {
        self.size.fits(self.format, present)
    }

    fn make(&mut self) -> Result<Arc<CaptureBuffer>, AllocationError> {
        let Size { frames, bytes } = self.size;
        let over = |budget| AllocationError::OverBudget {
            duration: self.duration,
            format: self.format,
            needed: ByteSize(bytes),
            budget,
        };
        let memory = self.pool.take(bytes).map_err(over)?;
        let (account, pool) = (Arc::clone(self.account), Arc::clone(self.pool));
        let booked = self.asked_by.book(bytes);
        CaptureBuffer::new(self.format, frames, (account, booked), memory, pool)
            .map(Arc::new)
            .map_err(|_| AllocationError::OutOfMemory(ByteSize(bytes)))
    }

    fn published(&mut self, buffer: &Arc<CaptureBuffer>) {
        buffer.enroll(self.attempt.take());
    }

    fn replaced(&mut self, old: &Arc<CaptureBuffer>) {
        old.retire(ReleaseReason::FormatChange);
    }
}
