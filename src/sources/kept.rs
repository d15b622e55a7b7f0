//! A pipe between one session and the next.
//!
//! A recorder that writes into a pipe nobody holds open is killed by SIGPIPE, and one whose
//! pipe nobody reads is held up. Neither may happen because of who watches it.

use std::{
    future::pending,
    ops::{Deref, DerefMut},
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError, atomic::Ordering::Relaxed},
};

use super::{OpenError, PipeRead, PipeReader};
use crate::net::Traffic;

/// The most that is thrown away at once, in bytes.
const PIECE: usize = 16 << 10;

/// Where a source's pipe stays while no session has it.
#[derive(Debug, Default)]
pub struct KeptPipe(Mutex<Option<PipeReader>>);

/// A pipe in use; it stays open when this is dropped.
#[derive(Debug)]
pub struct HeldPipe<'a> {
    reader: PipeReader,
    home: &'a KeptPipe,
}

impl KeptPipe {
    /// The FIFO at `path`, or the standard input: the one that was kept, else a new one. One
    /// that was kept for another path is closed.
    ///
    /// # Errors
    /// As [`PipeReader::stdin`].
    pub fn take(&self, path: Option<&Path>) -> Result<HeldPipe<'_>, OpenError> {
        let kept = self.lock().take().filter(|kept| kept.path() == path);
        let reader = match (kept, path) {
            (Some(kept), _) => kept,
            (None, Some(path)) => PipeReader::fifo(path),
            (None, None) => PipeReader::stdin()?,
        };
        Ok(HeldPipe { reader, home: self })
    }

    /// Closes it, if none is in use.
    pub fn close(&self) {
        *self.lock() = None;
    }

    /// Reads what a writer writes, counts it and throws it away, until the writer of a FIFO
    /// is gone. Never returns while there is none, nor for the standard input, whose end
    /// the next session shall find. Cancellation safe.
    pub async fn drain(&self, traffic: &Traffic) {
        let reader = self.lock().take();
        if let Some(reader) = reader {
            let mut held = HeldPipe { reader, home: self };
            let mut piece = vec![0; PIECE];
            while held.is_written() {
                if let PipeRead::Bytes(count) = held.read(&mut piece).await {
                    traffic.bytes.fetch_add(count as u64, Relaxed);
                } else if held.path().is_some() {
                    return;
                }
            }
        }
        pending::<()>().await;
    }

    fn lock(&self) -> MutexGuard<'_, Option<PipeReader>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deref for HeldPipe<'_> {
    type Target = PipeReader;

    fn deref(&self) -> &PipeReader {
        &self.reader
    }
}

impl DerefMut for HeldPipe<'_> {
    fn deref_mut(&mut self) -> &mut PipeReader {
        &mut self.reader
    }
}

impl Drop for HeldPipe<'_> {
    fn drop(&mut self) {
        *self.home.lock() = Some(std::mem::take(&mut self.reader));
    }
}
