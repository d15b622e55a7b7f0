//! A bounded pipe from an asynchronous writer to a thread that reads.
//!
//! Its close is the end of the stream for the reader, so dropping a session always ends
//! the thread that reads from it; the reader's timeout is a second guard.

use std::{
    collections::VecDeque,
    io::{self, Read},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

/// The writing side. Dropping it is the end of the stream.
#[derive(Debug)]
pub struct PipeWriter {
    shared: Arc<Shared>,
}

/// The reading side, for a thread. Dropping it makes every write fail.
#[derive(Debug)]
pub struct PipeReader {
    shared: Arc<Shared>,
    timeout: Duration,
}

/// Nobody reads any more.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("nobody reads from the pipe any more")]
pub struct ReaderGone;

#[derive(Debug)]
struct Shared {
    capacity: usize,
    state: Mutex<State>,
    readable: Condvar,
    writable: Notify,
}

#[derive(Debug, Default)]
struct State {
    bytes: VecDeque<u8>,
    writer_gone: bool,
    reader_gone: bool,
}

/// A pipe that holds at most `capacity` bytes. A read that finds nothing for `timeout`
/// fails with [`io::ErrorKind::TimedOut`].
pub fn pipe(capacity: usize, timeout: Duration) -> (PipeWriter, PipeReader) {
    let shared = Arc::new(Shared {
        capacity,
        state: Mutex::default(),
        readable: Condvar::new(),
        writable: Notify::new(),
    });
    let writer = PipeWriter {
        shared: Arc::clone(&shared),
    };
    (writer, PipeReader { shared, timeout })
}

impl PipeWriter {
    /// Writes all of `bytes`, waiting while the pipe is full.
    ///
    /// Not cancellation safe: a dropped future may have written a part.
    ///
    /// # Errors
    /// [`ReaderGone`] when the reader was dropped.
    pub async fn write(&mut self, mut bytes: &[u8]) -> Result<(), ReaderGone> {
        while !bytes.is_empty() {
            match self.shared.take_in(bytes)? {
                // A permit is kept, so a read between the look and the wait is not missed.
                0 => self.shared.writable.notified().await,
                taken => bytes = &bytes[taken..],
            }
        }
        Ok(())
    }
}

impl Drop for PipeWriter {
    fn drop(&mut self) {
        self.shared.lock().writer_gone = true;
        self.shared.readable.notify_one();
    }
}

impl Read for PipeReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let empty = |state: &mut State| state.bytes.is_empty() && !state.writer_gone;
        let state = self.shared.lock();
        let (mut state, waited) = self
            .shared
            .readable
            .wait_timeout_while(state, self.timeout, empty)
            .unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let read = state.bytes.read(into)?;
        drop(state);
        self.shared.writable.notify_one();
        Ok(read)
    }
}

impl Drop for PipeReader {
    fn drop(&mut self) {
        self.shared.lock().reader_gone = true;
        self.shared.writable.notify_one();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change below the lock is complete in itself.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes as much as fits.
    fn take_in(&self, bytes: &[u8]) -> Result<usize, ReaderGone> {
        let mut state = self.lock();
        if state.reader_gone {
            return Err(ReaderGone);
        }
        let room = self.capacity.saturating_sub(state.bytes.len());
        let taken = room.min(bytes.len());
        state.bytes.extend(&bytes[..taken]);
        drop(state);
        self.readable.notify_one();
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shutdown::{TaskKind, Tasks};

    const LONG: Duration = Duration::from_secs(30);

    /// Reads everything on a thread, as a container does.
    fn read_all(mut reader: PipeReader) -> tokio::sync::oneshot::Receiver<io::Result<Vec<u8>>> {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let read = move || {
            let mut all = Vec::new();
            let outcome = reader.read_to_end(&mut all).map(|_| all);
            assert!(sender.send(outcome).is_ok());
        };
        Tasks::default()
            .thread(TaskKind::Container, "reads", read)
            .unwrap();
        receiver
    }

    #[tokio::test]
    async fn more_than_fits_arrives_whole_and_the_close_is_the_end() {
        let (mut writer, reader) = pipe(7, LONG);
        let sent: Vec<u8> = (0..10_000).map(|n| n as u8).collect();
        let read = read_all(reader);
        writer.write(&sent).await.unwrap();
        drop(writer);
        assert_eq!(read.await.unwrap().unwrap(), sent);
    }

    #[tokio::test]
    async fn a_writer_that_waits_for_room_learns_that_the_reader_is_gone() {
        let (mut writer, reader) = pipe(4, LONG);
        let (written, ()) = tokio::join!(writer.write(b"too much"), async {
            tokio::task::yield_now().await;
            drop(reader);
        });
        assert_eq!(written, Err(ReaderGone));
    }

    #[test]
    fn a_read_that_gets_nothing_times_out() {
        let (_writer, mut reader) = pipe(4, Duration::from_millis(5));
        let error = reader.read(&mut [0; 4]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
