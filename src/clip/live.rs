//! Live listening: WAV without an end.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, stream};
use tokio::time::sleep;

use super::wav;
use crate::buffers::{CaptureBuffer, Reader, ReaderKind, StartAt};

/// How often the buffer is looked at.
const POLL: Duration = Duration::from_millis(100);
/// Samples taken at a time: 64 KiB.
const PIECE: usize = 32 * 1_024;

/// The listener was so slow that the writer overwrote what it had not heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the listener fell further behind than the buffer holds")]
pub struct Overtaken;

/// A WAV file that begins now and ends when the buffer is given up, or once `allowed` says
/// no. What was never received is not there: live audio waits for what comes next.
///
/// Nothing is read ahead: who takes nothing holds one piece, and is [`Overtaken`] in the
/// end. Dropping the stream detaches its reader.
pub fn live(
    buffer: &Arc<CaptureBuffer>,
    allowed: impl Fn() -> bool + Send + 'static,
) -> impl Stream<Item = Result<Bytes, Overtaken>> + Send + 'static {
    let header = wav::header(buffer.format(), None).into();
    let listener = Listener {
        reader: buffer.subscribe(ReaderKind::Live, StartAt::Now),
        piece: vec![0; PIECE.max(usize::from(buffer.format().channels))],
        header: Some(header),
        allowed,
    };
    stream::try_unfold(listener, |mut listener| async move {
        let bytes = listener.next().await?;
        Ok(bytes.map(|bytes| (bytes, listener)))
    })
}

struct Listener<A> {
    reader: Reader,
    piece: Vec<i16>,
    header: Option<Bytes>,
    allowed: A,
}

impl<A: Fn() -> bool> Listener<A> {
    async fn next(&mut self) -> Result<Option<Bytes>, Overtaken> {
        if let Some(header) = self.header.take() {
            return Ok(Some(header));
        }
        let channels = usize::from(self.reader.buffer().format().channels);
        while (self.allowed)() {
            // Asked first: what is pushed before the end is still read.
            let ended = self.reader.buffer().is_retired();
            let read = self.reader.read(&mut self.piece);
            if read.missed > 0 {
                return Err(Overtaken);
            }
            if read.frames > 0 {
                let samples = &self.piece[..read.frames * channels];
                return Ok(Some(samples.iter().flat_map(|s| s.to_le_bytes()).collect()));
            }
            if ended {
                break;
            }
            sleep(POLL).await;
        }
        Ok(None)
    }
}
