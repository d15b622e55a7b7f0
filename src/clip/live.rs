//! Live listening: WAV without an end.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, stream};
use tokio::time::{Instant, sleep};

use super::wav;
use crate::buffers::{CaptureBuffer, Reader, ReaderKind, StartAt};

/// How often the buffer is looked at.
const POLL: Duration = Duration::from_millis(100);
/// How long a listener waits for a source that is away.
const PATIENCE: Duration = Duration::from_secs(60);
/// Samples taken at a time: 64 KiB.
const PIECE: usize = 32 * 1_024;

/// The listener was so slow that the writer overwrote what it had not heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the listener fell further behind than the buffer holds")]
pub struct Overtaken;

/// A WAV file that begins now and ends when the buffer is given up, or once `allowed` says
/// no. What was never received is not there: live audio waits for what comes next.
///
/// It also ends after a minute without audio: who went away meanwhile would be noticed only
/// by the next bytes. Nothing is read ahead: who takes nothing holds one piece, and is [`Overtaken`] in the
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
        let asked = Instant::now();
        while (self.allowed)() && asked.elapsed() < PATIENCE {
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

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;

    use super::*;
    use crate::{
        buffers::{Allocation, BufferKind, Buffers},
        id::SourceId,
        units::{AudioFormat, ByteSize},
    };

    const MONO: AudioFormat = AudioFormat {
        sample_rate: 8_000,
        channels: 1,
    };

    #[tokio::test(start_paused = true)]
    async fn a_listener_waits_a_minute_for_a_source_that_is_away() {
        let buffers = Buffers::new(ByteSize(1 << 20));
        let lease = buffers.lease(SourceId::new("garden").unwrap()).unwrap();
        let ten = Duration::from_secs(10);
        let made = lease
            .asker()
            .allocate_if_needed(BufferKind::Capture, MONO, ten);
        let buffer = made.map(Allocation::into_buffer).unwrap();
        let mut live = Box::pin(live(&buffer, || true));
        assert_eq!(live.next().await.unwrap().unwrap().len(), 44, "the header");
        let later = Arc::clone(&buffer);
        let pushing = async {
            sleep(PATIENCE.mul_f64(0.9)).await;
            later.push(&[1; 80]).unwrap();
        };
        let (heard, ()) = tokio::join!(live.next(), pushing);
        assert_eq!(heard.unwrap().unwrap().len(), 160);
        let begun = Instant::now();
        assert_eq!(live.next().await, None);
        assert!(begun.elapsed() >= PATIENCE, "{:?}", begun.elapsed());
        assert_eq!(buffer.stats().map_or(0, |stats| stats.active_readers()), 0);
    }
}
