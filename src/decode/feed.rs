//! A bounded pipe of bytes from an asynchronous source to a container's thread; its close
//! is the end of the stream.

use std::io::{self, Read};

use bytes::Bytes;
use tokio::sync::mpsc;

/// Pieces under way.
const QUEUE: usize = 8;

/// The end that bytes are put into.
#[derive(Clone, Debug)]
pub struct FeedSender(mpsc::Sender<Bytes>);

/// The end that the container's thread reads; it blocks until bytes come, or the sender is
/// dropped.
#[derive(Debug)]
pub struct FeedReader {
    pieces: mpsc::Receiver<Bytes>,
    piece: Bytes,
}

/// A new pipe.
pub fn feed() -> (FeedSender, FeedReader) {
    let (sender, pieces) = mpsc::channel(QUEUE);
    let piece = Bytes::new();
    (FeedSender(sender), FeedReader { pieces, piece })
}

impl FeedSender {
    /// Waits for room and puts the bytes in. False when nobody reads any more. Not
    /// cancellation safe: the bytes may be lost.
    pub async fn send(&self, bytes: Bytes) -> bool {
        self.0.send(bytes).await.is_ok()
    }
}

impl Read for FeedReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.pieces.blocking_recv() {
                Some(piece) => self.piece = piece,
                None => return Ok(0),
            }
        }
        let count = buffer.len().min(self.piece.len());
        buffer[..count].copy_from_slice(&self.piece.split_to(count));
        Ok(count)
    }
}
