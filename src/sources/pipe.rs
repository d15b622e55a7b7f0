//! FIFOs and the standard input, never opened in a way that blocks or creates a file.

use std::{
    fs::metadata,
    io::{self, ErrorKind},
    os::{
        fd::AsFd as _,
        unix::fs::{FileTypeExt as _, MetadataExt as _},
    },
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{
    net::unix::pipe::{OpenOptions, Receiver},
    time::{sleep, timeout},
};

use super::{FailureReason, OpenError, explain};

/// How often a path is looked at while nothing comes.
const POLL: Duration = Duration::from_millis(500);

/// The pause while a pipe counts as readable without being so.
const IN_VAIN: Duration = Duration::from_millis(20);

/// The reading end of a FIFO, or the standard input.
#[derive(Debug, Default)]
pub struct PipeReader {
    /// `None` for the standard input.
    path: Option<PathBuf>,
    receiver: Option<Receiver>,
    /// Device and inode of the FIFO that is open.
    identity: (u64, u64),
    /// How many bytes of the present writer were read; none if there is no writer.
    written: u64,
}

/// What a read found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PipeRead {
    /// So many bytes; at least one.
    Bytes(usize),
    /// The last writer has closed it. The standard input has ended; a FIFO may get
    /// another writer.
    NoWriter,
}

impl PipeReader {
    /// A FIFO by its path. Nothing is opened yet: it need not exist.
    pub fn fifo(path: &Path) -> Self {
        Self {
            path: Some(path.to_owned()),
            ..Self::default()
        }
    }

    /// The standard input, which must be a pipe. It is switched to not blocking, for
    /// everybody who shares it.
    ///
    /// # Errors
    /// [`OpenError`] when it is something else, such as a terminal or a file.
    pub fn stdin() -> Result<Self, OpenError> {
        let descriptor = io::stdin().as_fd().try_clone_to_owned();
        let receiver = descriptor.and_then(Receiver::from_owned_fd);
        Ok(Self {
            path: None,
            receiver: Some(receiver.map_err(|error| explain::stdin(&error))?),
            ..Self::default()
        })
    }

    /// The FIFO's path; `None` is the standard input.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Whether somebody is in the middle of writing, as far as was read.
    pub fn is_written(&self) -> bool {
        self.written > 0
    }

    /// How many bytes to skip to where one of its blocks of this size begins.
    pub fn to_next_block(&self, block: u64) -> u64 {
        self.written.next_multiple_of(block.max(1)) - self.written
    }

    /// Whether the FIFO is there.
    pub fn is_open(&self) -> bool {
        self.receiver.is_some()
    }

    /// Opens the FIFO if it is there and not open, or another than the one that is open.
    ///
    /// # Errors
    /// [`OpenError`] when it is no FIFO or may not be read; a missing one is no error.
    pub fn look(&mut self) -> Result<(), OpenError> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        let found = match metadata(path) {
            Ok(found) => found,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.receiver = None;
                self.written = 0;
                return Ok(());
            }
            Err(error) => return Err(explain::fifo(&error)),
        };
        if !found.file_type().is_fifo() {
            let text = "this is not a FIFO; make one with mkfifo, or remove fifo: to play a file";
            return Err(OpenError::new(FailureReason::File, text));
        }
        let identity = (found.dev(), found.ino());
        if self.receiver.is_none() || self.identity != identity {
            self.reopen(identity)?;
        }
        Ok(())
    }

    fn reopen(&mut self, identity: (u64, u64)) -> Result<(), OpenError> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        self.written = 0;
        // The old one closes only now, so that a writer in between never finds nobody.
        match OpenOptions::new().open_receiver(path) {
            Ok(receiver) => {
                self.receiver = Some(receiver);
                self.identity = identity;
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.receiver = None;
                Ok(())
            }
            Err(error) => Err(explain::fifo(&error)),
        }
    }

    /// Waits, at most about half a second, for the first bytes of a writer. `None` when
    /// none came: look again. Cancellation safe.
    ///
    /// # Errors
    /// [`OpenError`] as from [`Self::look`].
    pub async fn first(&mut self, buffer: &mut [u8]) -> Result<Option<PipeRead>, OpenError> {
        self.look()?;
        let Some(receiver) = &self.receiver else {
            sleep(POLL).await;
            return Ok(None);
        };
        match timeout(POLL, receive(receiver, buffer)).await {
            Err(_) => Ok(None),
            Ok(Ok(0)) if self.path.is_some() => {
                // Somebody opened and closed it. A new descriptor waits for the next one
                // where the old one would say "nobody" for ever.
                self.reopen(self.identity)?;
                sleep(POLL / 5).await;
                Ok(None)
            }
            Ok(Ok(0)) => Ok(Some(PipeRead::NoWriter)),
            Ok(Ok(count)) => {
                self.written += count as u64;
                Ok(Some(PipeRead::Bytes(count)))
            }
            Ok(Err(error)) => Err(explain::fifo(&error)),
        }
    }

    /// Waits for bytes. Cancellation safe.
    pub async fn read(&mut self, buffer: &mut [u8]) -> PipeRead {
        let Some(receiver) = &self.receiver else {
            return PipeRead::NoWriter;
        };
        match receive(receiver, buffer).await {
            Ok(count) if count > 0 => {
                self.written += count as u64;
                PipeRead::Bytes(count)
            }
            // A pipe has no errors of its own.
            Ok(_) | Err(_) => {
                // If it cannot be opened again, the next look says why.
                self.written = 0;
                if self.reopen(self.identity).is_err() {
                    self.receiver = None;
                }
                PipeRead::NoWriter
            }
        }
    }
}

/// Reads what is there, or waits for it. Cancellation safe.
async fn receive(receiver: &Receiver, buffer: &mut [u8]) -> io::Result<usize> {
    let mut in_vain = 0;
    loop {
        receiver.readable().await?;
        match receiver.try_read(buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => in_vain += 1,
            read => return read,
        }
        // When the next writer comes before the end of the one before was read, that end is
        // never to be read, but counts as readiness for ever (tokio keeps "closed").
        if in_vain > 1 {
            sleep(IN_VAIN).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::File, future::poll_fn, io::Write as _, pin::pin, process::Command};

    use tokio::{io::Interest, task::yield_now};

    use super::*;

    #[tokio::test]
    async fn a_writer_who_comes_before_the_end_of_the_last_is_waited_for_in_peace() {
        let path = std::env::temp_dir().join(format!("ace-pipe-{}", std::process::id()));
        assert!(
            Command::new("mkfifo")
                .arg(&path)
                .status()
                .unwrap()
                .success()
        );
        let mut reader = PipeReader::fifo(&path);
        reader.look().unwrap();
        let open = || File::options().write(true).open(&path).unwrap();
        let (mut first, mut buffer) = (open(), [0; 8]);
        first.write_all(b"one").unwrap();
        assert_eq!(reader.read(&mut buffer).await, PipeRead::Bytes(3));
        drop(first);
        // The runtime learns that it was closed; nobody reads that.
        let learns = async {
            let receiver = reader.receiver.as_ref().unwrap();
            while !receiver
                .ready(Interest::READABLE)
                .await
                .unwrap()
                .is_read_closed()
            {
                yield_now().await;
            }
        };
        timeout(Duration::from_secs(30), learns).await.unwrap();
        let mut second = open();
        let mut polls = 0;
        let mut read = pin!(reader.read(&mut buffer));
        let counted = poll_fn(|context| {
            polls += 1;
            read.as_mut().poll(context)
        });
        let waited = timeout(Duration::from_millis(500), counted).await;
        assert!(waited.is_err(), "nothing was written");
        assert!(polls < 100, "{polls} polls in half a second");
        second.write_all(b"two").unwrap();
        assert_eq!(read.await, PipeRead::Bytes(3));
        drop(second);
        std::fs::remove_file(&path).unwrap();
    }
}
