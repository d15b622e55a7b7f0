//! Whose the file of what survives a restart is: one process's at a time.

use std::{
    fs::{File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, flock};

use super::{
    disk::with_suffix,
    state::{Saved, Unreadable, load},
};

/// The file, for as long as this is kept.
#[derive(Debug)]
pub(super) struct Keeper {
    path: PathBuf,
    /// The system gives it back when the process ends, however it does.
    _lock: File,
}

/// Why the file is not to be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unclaimed {
    #[error(
        "another process keeps its alarms in it: name another file for one of them and reload. \
         Until then nothing is kept here, and a restart forgets"
    )]
    InUse,
    #[error("it cannot be locked ({0}); check its path, permissions and disk")]
    System(#[from] io::Error),
}

impl Keeper {
    /// Takes the file, and reads what was saved. Blocking.
    ///
    /// # Errors
    /// [`Unclaimed`]; the file is untouched then.
    pub(super) fn claim(path: &Path) -> Result<(Self, Option<Saved>), Unclaimed> {
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(with_suffix(path, ".lock"))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(Unclaimed::InUse),
            Err(error) => return Err(io::Error::from(error).into()),
        }
        let keeper = Self {
            path: path.to_owned(),
            _lock: lock,
        };
        Ok((keeper, recall(path)))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// What was saved. A file that cannot be used is put aside, so that it is not overwritten.
fn recall(path: &Path) -> Option<Saved> {
    let error = match load(path) {
        Ok(saved) => return saved,
        Err(error) => error,
    };
    tracing::warn!(%error, "alarms.state_file: alarms begin anew");
    if !matches!(error, Unreadable::System(_)) {
        let aside = with_suffix(path, ".unusable");
        // What cannot be moved is overwritten.
        let _moved = std::fs::rename(path, aside);
    }
    None
}
