//! A file that somebody is still writing.

use std::{
    fmt,
    fs::{File, Metadata},
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::Path,
    sync::Arc,
    thread::sleep,
    time::Duration,
};

use super::{FileSource, LiveStatus, OpenError, file};

/// How often the end of a file is looked at again.
const POLL: Duration = Duration::from_millis(250);
/// So many of the last bytes are compared to see that a file was not written anew.
const MEMORY: usize = 64;
/// A file that nothing can grow any more is given up after so many polls without growth.
const PATIENCE: u32 = 8;

/// What the world says about a file whose end has been reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is still the one.
    Current,
    /// Another one has taken its place: this one is read to its end, no further.
    Superseded,
    /// Nothing is in its place.
    Gone,
}

type Ask = Box<dyn FnMut(&Metadata) -> Standing + Send + Sync>;

/// Reads a file as it grows: a read blocks until there is more. The stream ends when the
/// file is superseded, when it was truncated or written anew, or when it is gone and no
/// longer grows.
pub struct GrowingFile {
    file: File,
    position: u64,
    /// How far it has been read.
    reached: u64,
    /// Its size when it was opened: what is older than we are.
    backlog: u64,
    /// That is not wanted.
    late: bool,
    /// The last bytes read.
    memory: Vec<u8>,
    ask: Ask,
    quiet: u32,
    status: Arc<LiveStatus>,
}

impl GrowingFile {
    /// Opens a regular file for reading from its start.
    pub(super) fn open(
        path: &Path,
        status: &Arc<LiveStatus>,
        ask: Ask,
    ) -> Result<(Self, FileSource), OpenError> {
        let source = file::open(path)?;
        let (Ok(file), Ok(metadata)) = (source.file.try_clone(), source.file.metadata()) else {
            return Err(file::failed(path, &io::Error::last_os_error()));
        };
        status.set_absent(false);
        status.set_behind(false);
        status.set_unfinished(false);
        let growing = Self {
            file,
            position: 0,
            reached: 0,
            backlog: metadata.len(),
            late: false,
            memory: Vec::new(),
            ask,
            quiet: 0,
            status: Arc::clone(status),
        };
        Ok((growing, source))
    }

    /// What was written before we came is old: until the reader has passed it, the status
    /// says that it is behind.
    pub(super) fn start_behind(&mut self) {
        self.late = self.backlog > 0;
        self.status.set_behind(self.late);
    }

    /// While it is behind: skips what is left of the backlog except its last `kept` bytes,
    /// in whole blocks. Returns how many bytes were skipped.
    ///
    /// # Errors
    /// When the file cannot be sought in.
    pub fn skip_backlog(&mut self, block: u64, kept: u64) -> io::Result<u64> {
        if !self.status.is_behind() {
            return Ok(0);
        }
        let left = self.backlog.saturating_sub(self.position);
        let skipped = left.saturating_sub(kept) / block.max(1) * block.max(1);
        self.position = self.file.seek(SeekFrom::Start(self.position + skipped))?;
        self.memory.clear();
        self.late = false;
        self.status.set_behind(false);
        Ok(skipped)
    }

    /// Reads what is there already at a place, without moving; fewer bytes than `into` holds
    /// when the file is not that long.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn peek(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut got = 0;
        while got < into.len() {
            match self.file.read_at(&mut into[got..], at + got as u64)? {
                0 => break,
                count => got += count,
            }
        }
        Ok(got)
    }

    /// Waits one poll for the writer. False when the stream ends here. `unfinished`: what is
    /// there cannot be played without what is to come, which the status says.
    ///
    /// # Errors
    /// When nobody wants the file any more, or nothing is known about it.
    pub fn wait(&mut self, unfinished: bool) -> io::Result<bool> {
        self.still_wanted()?;
        self.status.set_unfinished(unfinished);
        let metadata = self.file.metadata()?;
        if metadata.size() > self.reached {
            self.reached = metadata.size();
            self.quiet = 0;
        }
        let over = self.is_over(&metadata);
        if over {
            self.status.set_unfinished(false);
        } else {
            sleep(POLL);
        }
        Ok(!over)
    }

    fn still_wanted(&self) -> io::Result<()> {
        if self.status.is_unwanted() {
            return Err(io::Error::other("nobody wants it any more"));
        }
        Ok(())
    }

    /// Whether the file has been cut or written anew below what was read.
    fn rewritten(&self, metadata: &Metadata) -> bool {
        if metadata.size() < self.reached {
            return true;
        }
        let mut now = vec![0; self.memory.len()];
        let from = self.position - self.memory.len() as u64;
        match self.file.read_exact_at(&mut now, from) {
            Ok(()) => now != self.memory,
            Err(error) => error.kind() == io::ErrorKind::UnexpectedEof,
        }
    }

    fn remember(&mut self, bytes: &[u8]) {
        self.position += bytes.len() as u64;
        self.reached = self.reached.max(self.position);
        self.quiet = 0;
        let keep = MEMORY.saturating_sub(bytes.len());
        let forgotten = self.memory.len().saturating_sub(keep);
        self.memory.drain(..forgotten);
        self.memory
            .extend_from_slice(&bytes[bytes.len().saturating_sub(MEMORY)..]);
        if self.position >= self.backlog {
            self.status.set_behind(false);
        }
    }

    /// At the end: whether the stream ends here.
    fn is_over(&mut self, metadata: &Metadata) -> bool {
        self.quiet += 1;
        match (self.ask)(metadata) {
            Standing::Current => {
                self.quiet = 0;
                self.status.set_absent(false);
                false
            }
            // The writer may have written once more before it went on.
            Standing::Superseded => self.quiet >= 2,
            Standing::Gone => {
                self.status.set_absent(true);
                self.quiet >= PATIENCE
            }
        }
    }
}

impl Read for GrowingFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.still_wanted()?;
            let metadata = self.file.metadata()?;
            // After a pause, and before anything new is believed.
            if metadata.size() != self.position && self.rewritten(&metadata) {
                return Ok(0);
            }
            let count = self.file.read(buffer)?;
            if count > 0 {
                self.remember(&buffer[..count]);
                return Ok(count);
            }
            if self.is_over(&metadata) {
                return Ok(0);
            }
            sleep(POLL);
        }
    }
}

/// A place may lie behind the present end: a read waits until the file has grown there.
impl Seek for GrowingFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = self.file.seek(to)?;
        self.memory.clear();
        self.status.set_unfinished(false);
        self.status
            .set_behind(self.late && self.position < self.backlog);
        Ok(self.position)
    }
}

impl fmt::Debug for GrowingFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GrowingFile(at {})", self.position)
    }
}

/// Waits one poll. False when nobody wants the file any more.
pub(super) fn wait(status: &LiveStatus) -> bool {
    sleep(POLL);
    !status.is_unwanted()
}
