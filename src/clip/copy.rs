//! Copying what a plan says out of a buffer.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;

use super::{
    plan::{Plan, Span},
    wav,
};
use crate::{
    buffers::{CaptureBuffer, ReaderKind, StartAt},
    units::BYTES_PER_SAMPLE,
};

/// Samples copied at a time, which is what the buffer copies in one go: 64 KiB.
const PIECE: usize = 32 * 1_024;

/// A clip and what it is made of.
#[derive(Clone, Debug)]
pub struct Clip {
    /// What is in it, and when and where.
    pub plan: Plan,
    /// The WAV file, in order.
    pub parts: VecDeque<Part>,
}

/// A part of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// These bytes.
    Bytes(Bytes),
    /// So many bytes of zero, which take no memory.
    Zeros(u64),
}

/// Why there is no clip after all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClipError {
    /// The writer overwrote all of it meanwhile.
    #[error("all of it was overwritten while it was copied")]
    Overwritten,
    /// No memory for the copy.
    #[error("there is no memory for so long a clip")]
    OutOfMemory,
}

impl Plan {
    /// How long the WAV file will be, in bytes, if nothing is overwritten meanwhile.
    pub fn wav_bytes(&self) -> u64 {
        let header = wav::header_bytes(self.format().channels) as u64;
        header.saturating_add(self.frames().saturating_mul(self.frame_bytes()))
    }

    /// How much of it takes memory: all but its gaps. Never more than the buffer and a header.
    pub fn held_bytes(&self) -> u64 {
        let header = wav::header_bytes(self.format().channels) as u64;
        header.saturating_add(self.audio().saturating_mul(self.frame_bytes()))
    }

    fn frame_bytes(&self) -> u64 {
        u64::from(self.format().channels) * BYTES_PER_SAMPLE
    }
}

/// Copies a clip out of the buffer that the plan was made for. Between two pieces of 64 KiB
/// the buffer is free and other tasks have their turn. What the writer overtakes meanwhile
/// is left out at the old end, which the returned plan tells.
///
/// Cancellation safe: dropping the future detaches its reader.
///
/// # Errors
/// [`ClipError`].
pub async fn copy(buffer: &Arc<CaptureBuffer>, mut plan: Plan) -> Result<Clip, ClipError> {
    let format = plan.format();
    let room = usize::try_from(plan.held_bytes()).map_err(|_| ClipError::OutOfMemory)?;
    let mut held = Vec::new();
    held.try_reserve_exact(room)
        .map_err(|_| ClipError::OutOfMemory)?;
    // Ends: each further round has less left to copy.
    while !plan.spans().is_empty() {
        held.clear();
        let audio_bytes = plan.frames() * plan.frame_bytes();
        held.extend(wav::header(format, Some(audio_bytes)));
        match copy_spans(buffer, &plan, &mut held).await {
            Ok(()) => {
                let parts = parts(&plan, held.into());
                return Ok(Clip { plan, parts });
            }
            Err(Tail(tail)) => plan.overtaken(tail),
        }
    }
    Err(ClipError::Overwritten)
}

/// The file: the header and the audio in `held`, and the silence between.
fn parts(plan: &Plan, mut held: Bytes) -> VecDeque<Part> {
    let mut parts = VecDeque::new();
    let mut next = wav::header_bytes(plan.format().channels);
    for span in plan.spans() {
        let bytes = span.frames() * plan.frame_bytes();
        if let Span::Audio { .. } = span {
            next += bytes as usize;
        } else {
            parts.push_back(Part::Bytes(held.split_to(next)));
            parts.push_back(Part::Zeros(bytes));
            next = 0;
        }
    }
    parts.push_back(Part::Bytes(held));
    parts
}

/// The buffer begins here by now, beyond what was to be read next.
struct Tail(u64);

async fn copy_spans(
    buffer: &Arc<CaptureBuffer>,
    plan: &Plan,
    held: &mut Vec<u8>,
) -> Result<(), Tail> {
    let channels = usize::from(plan.format().channels).max(1);
    let mut piece = vec![0; PIECE.max(channels)];
    // A gap takes no place in the buffer: its audio is read from one end to the other.
    let first = plan.first_position().unwrap_or_default();
    let mut reader = buffer.subscribe(ReaderKind::Clip, StartAt::Position(first));
    for span in plan.spans() {
        let Span::Audio { position, frames } = *span else {
            continue;
        };
        let end = position + frames;
        let mut next = position;
        while next < end {
            let left = (end - next).min((piece.len() / channels) as u64);
            let wanted = left as usize * channels;
            let read = reader.read(&mut piece[..wanted]);
            if read.position != next || read.frames == 0 {
                return Err(Tail(read.position.max(next + 1)));
            }
            let samples = &piece[..read.frames * channels];
            held.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
            next += read.frames as u64;
            tokio::task::yield_now().await;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
