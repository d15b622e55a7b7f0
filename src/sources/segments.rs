//! A directory into which a recorder writes one file after another.

use std::{
    collections::{HashMap, VecDeque},
    ffi::{OsStr, OsString},
    fs::{self, Metadata, read_dir},
    hash::BuildHasher as _,
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use foldhash::fast::FixedState;

use super::{
    FailureReason, GrowingFile, LiveStatus, OpenError, ends_like_audio, explain,
    growing::{Standing, wait},
};

/// A directory is not looked at more often.
const SCAN_INTERVAL: Duration = Duration::from_secs(1);
/// A file written anew under its old name does not change its directory. Looking for such
/// takes no more than this part of the time, however many files there are.
const SCAN_SHARE: u32 = 100;
/// Looks in vain before nothing counts as there.
const NOT_YET: u32 = 8;
/// Two changes so close together may carry the same time.
const TIME_GRAIN: Duration = Duration::from_secs(2);

/// Where the segments are, and which files are segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentFolder {
    /// The directory.
    pub path: PathBuf,
    /// File names with `*` and `?`; without one, what ends like audio.
    pub pattern: Option<String>,
}

/// Opens one segment after another, each once, the oldest of the new ones first.
#[derive(Debug)]
pub struct SegmentFollower {
    folder: Arc<Mutex<Folder>>,
    status: Arc<LiveStatus>,
}

/// What is known of the directory.
#[derive(Debug)]
struct Folder {
    rule: SegmentFolder,
    /// Inode and size of every segment seen, by the hash of its name: a directory can hold
    /// very many.
    known: HashMap<u64, (u64, u64)>,
    /// New segments that have not been opened yet, in order.
    pending: VecDeque<OsString>,
    looked: Option<Look>,
}

/// When the directory was last looked at, and what time it bore.
#[derive(Clone, Copy, Debug)]
struct Look {
    at: Instant,
    full: Instant,
    /// How long a full look took.
    cost: Duration,
    changed: SystemTime,
    settled: bool,
}

impl SegmentFolder {
    /// Whether a file of this name is a segment. Hidden files are none.
    pub fn takes(&self, name: &OsStr) -> bool {
        let text = name.to_string_lossy();
        if text.starts_with('.') {
            return false;
        }
        match &self.pattern {
            Some(pattern) => matches(pattern.as_bytes(), text.as_bytes()),
            None => ends_like_audio(Path::new(name)),
        }
    }
}

/// `*` is any number of bytes, `?` is one.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    // Where to go on when what follows the last `*` does not fit.
    let mut retry: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p + 1, n));
                p += 1;
            }
            Some(&byte) if byte == b'?' || byte == name[n] => {
                p += 1;
                n += 1;
            }
            _ => {
                let Some((after, from)) = retry else {
                    return false;
                };
                retry = Some((after, from + 1));
                p = after;
                n = from + 1;
            }
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

impl SegmentFollower {
    /// Follows this directory. What is in it already is old, except the newest.
    pub fn new(rule: SegmentFolder, status: Arc<LiveStatus>) -> Self {
        let folder = Folder {
            rule,
            known: HashMap::new(),
            pending: VecDeque::new(),
            looked: None,
        };
        Self {
            folder: Arc::new(Mutex::new(folder)),
            status,
        }
    }

    /// Opens the next segment, or waits until there is one. Blocks; call it from the
    /// container's thread.
    ///
    /// # Errors
    /// [`OpenError`] when the directory is not there or may not be read, or nobody wants it any
    /// more.
    pub fn open_next(&mut self) -> Result<(GrowingFile, Option<String>), OpenError> {
        let mut looked = 0;
        loop {
            let first = self.lock().looked.is_none();
            let found = self
                .lock()
                .next()
                .map_err(|error| explain::folder(&error))?;
            let Some(path) = found else {
                // Between one segment and the next one nothing is amiss yet.
                self.status.set_absent(first || looked >= NOT_YET);
                looked += 1;
                if !wait(&self.status) {
                    return Err(explain::unwanted());
                }
                continue;
            };
            let folder = Arc::clone(&self.folder);
            let ask = Box::new(move |_: &Metadata| {
                let mut folder = folder.lock().unwrap_or_else(PoisonError::into_inner);
                // A directory that cannot be read for a moment brings nothing new.
                if folder.scan().is_ok() && !folder.pending.is_empty() {
                    Standing::Superseded
                } else {
                    Standing::Current
                }
            });
            match GrowingFile::open(&path, &self.status, ask) {
                Ok((mut growing, source)) => {
                    if first {
                        growing.start_behind();
                    }
                    return Ok((growing, source.extension));
                }
                // Deleted before we came to it, or unreadable: the next one may be fine.
                Err(error) if error.reason == FailureReason::File => {
                    let problem = error.problem;
                    tracing::warn!(segment = ?path.file_name(), "skipped: {problem}");
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Folder> {
        self.folder.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Folder {
    fn next(&mut self) -> io::Result<Option<PathBuf>> {
        self.scan()?;
        Ok(self
            .pending
            .pop_front()
            .map(|name| self.rule.path.join(name)))
    }

    /// Looks what is new, if it is time to.
    fn scan(&mut self) -> io::Result<()> {
        let now = Instant::now();
        if let Some(look) = self.looked
            && now.duration_since(look.at) < SCAN_INTERVAL
        {
            return Ok(());
        }
        let changed = fs::metadata(&self.rule.path)?.modified()?;
        if let Some(look) = &mut self.looked {
            look.at = now;
            let same = look.changed == changed && look.settled;
            if same && now.duration_since(look.full) < look.cost * SCAN_SHARE {
                return Ok(());
            }
        }
        self.scan_all()?;
        self.looked = Some(Look {
            at: now,
            full: now,
            cost: now.elapsed(),
            changed,
            settled: changed.elapsed().is_ok_and(|age| age > TIME_GRAIN),
        });
        Ok(())
    }

    fn scan_all(&mut self) -> io::Result<()> {
        let first = self.looked.is_none();
        let mut seen = HashMap::with_capacity(self.known.len());
        let mut fresh = Vec::new();
        for entry in read_dir(&self.rule.path)? {
            let entry = entry?;
            let name = entry.file_name();
            if !self.rule.takes(&name) {
                continue;
            }
            // Also links to files; what vanished in between is not there.
            let Ok(metadata) = fs::metadata(entry.path()) else {
                continue;
            };
            if !metadata.is_file() {
                continue;
            }
            let key = FixedState::default().hash_one(&name);
            let is_new = match self.known.get(&key) {
                None => true,
                // Under its old name another file, or the same one written anew.
                Some((inode, size)) => *inode != metadata.ino() || metadata.size() < *size,
            };
            if is_new && !self.pending.contains(&name) {
                let written = (metadata.mtime(), metadata.mtime_nsec());
                if first {
                    // Only the newest counts: keep one, however many there are.
                    fresh.push((written, name));
                    let newest = fresh.iter().max().cloned();
                    fresh = newest.into_iter().collect();
                } else {
                    fresh.push((written, name));
                }
            }
            seen.insert(key, (metadata.ino(), metadata.size()));
        }
        fresh.sort();
        self.pending.extend(fresh.into_iter().map(|(_, name)| name));
        self.known = seen;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
