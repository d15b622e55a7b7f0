//! The bytes of one connection: counted, and with a status line that every HTTP client
//! understands.

use std::{
    io,
    pin::Pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{net::Traffic, objects::Held};

/// How a Shoutcast server of the first generation begins its answer.
const ICY: &[u8; 4] = b"ICY ";
const HTTP: &[u8] = b"HTTP/1.0 ";

/// A connection whose bytes are counted and whose `ICY 200 OK` reads `HTTP/1.0 200 OK`.
pub(super) struct Wire<S> {
    stream: S,
    traffic: Arc<Traffic>,
    start: Start,
    _counted: Option<Held>,
}

/// How far the first bytes are understood.
enum Start {
    /// Fewer bytes than are needed to tell.
    Reading(Vec<u8>),
    /// Told, and still to be handed on.
    Handing(Vec<u8>),
    Done,
}

impl<S> Wire<S> {
    /// `counted` is let go of with the connection.
    pub(super) fn new(stream: S, counted: Option<Held>, traffic: Arc<Traffic>) -> Self {
        let start = Start::Reading(Vec::new());
        Self {
            stream,
            traffic,
            start,
            _counted: counted,
        }
    }
}

impl<S: AsyncRead + Unpin> Wire<S> {
    fn poll_counted(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, into))?;
        let read = (into.filled().len() - before) as u64;
        self.traffic.bytes.fetch_add(read, Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            match &mut this.start {
                Start::Reading(seen) => {
                    let mut piece = [0; ICY.len()];
                    let mut buffer = ReadBuf::new(&mut piece[seen.len()..]);
                    let mut seen = std::mem::take(seen);
                    let polled = this.poll_counted(cx, &mut buffer);
                    let ended = polled.is_ready() && buffer.filled().is_empty();
                    seen.extend_from_slice(buffer.filled());
                    this.start = if seen == ICY {
                        Start::Handing(HTTP.to_vec())
                    } else if ended || seen.len() == ICY.len() {
                        Start::Handing(seen)
                    } else {
                        Start::Reading(seen)
                    };
                    ready!(polled)?;
                }
                Start::Handing(bytes) => {
                    let fits = bytes.len().min(into.remaining());
                    into.put_slice(&bytes[..fits]);
                    bytes.drain(..fits);
                    if bytes.is_empty() {
                        this.start = Start::Done;
                    }
                    return Poll::Ready(Ok(()));
                }
                Start::Done => return this.poll_counted(cx, into),
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// What is read when a server sends these pieces and closes.
    async fn read(pieces: &[&[u8]]) -> (Vec<u8>, u64) {
        let (ours, mut theirs) = tokio::io::duplex(3);
        let traffic = Arc::<Traffic>::default();
        let mut wire = Wire::new(ours, None, Arc::clone(&traffic));
        let send = async {
            for piece in pieces {
                theirs.write_all(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
            drop(theirs);
        };
        let mut all = Vec::new();
        let (read, ()) = tokio::join!(wire.read_to_end(&mut all), send);
        read.unwrap();
        (all, traffic.bytes.load(Relaxed))
    }

    #[tokio::test]
    async fn a_shoutcast_answer_reads_as_http_however_it_is_cut() {
        let expected = b"HTTP/1.0 200 OK\r\n\r\naudio".as_slice();
        for pieces in [
            &[b"ICY 200 OK\r\n\r\naudio".as_slice()][..],
            &[b"I", b"C", b"Y", b" ", b"200 OK\r\n\r\naudio"],
        ] {
            assert_eq!(read(pieces).await, (expected.to_vec(), 19));
        }
    }

    #[tokio::test]
    async fn everything_else_passes_unchanged() {
        for whole in [&b"HTTP/1.1 200 OK\r\n\r\nICY "[..], b"ICY", b"", b"ICX 200"] {
            assert_eq!(read(&[whole]).await, (whole.to_vec(), whole.len() as u64));
        }
    }
}
