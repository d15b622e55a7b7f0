//! A file followed by its path: it grows, and another may take its place.

use std::{
    fs::{Metadata, metadata},
    io::ErrorKind,
    os::unix::fs::MetadataExt as _,
    path::PathBuf,
    sync::Arc,
};

use super::{
    FailureReason, GrowingFile, LiveStatus, OpenError, explain,
    growing::{Standing, wait},
};

/// Opens what is at a path, one file after another.
#[derive(Debug)]
pub struct Follower {
    path: PathBuf,
    status: Arc<LiveStatus>,
    first: bool,
}

impl Follower {
    /// Follows this path.
    pub fn new(path: PathBuf, status: Arc<LiveStatus>) -> Self {
        Self {
            path,
            status,
            first: true,
        }
    }

    /// Opens what is there now, or waits until something is. What is in the very first
    /// file already counts as old; a file that comes later is read from its start. Blocks;
    /// call it from the container's thread.
    ///
    /// # Errors
    /// [`OpenError`] when it may not be read or is no regular file, or when nobody wants
    /// it any more.
    pub fn open_next(&mut self) -> Result<(GrowingFile, Option<String>), OpenError> {
        // What has just ended may be what is opened again: not as fast as it goes.
        if !self.first && !wait(&self.status) {
            return Err(explain::unwanted());
        }
        loop {
            match metadata(&self.path) {
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    self.first = false;
                    self.status.set_absent(true);
                    if !wait(&self.status) {
                        return Err(explain::unwanted());
                    }
                }
                _ => break,
            }
        }
        let path = self.path.clone();
        let ask = Box::new(move |open: &Metadata| standing(metadata(&path).as_ref().ok(), open));
        match GrowingFile::open(&self.path, &self.status, ask) {
            Ok((mut growing, source)) => {
                if std::mem::take(&mut self.first) {
                    growing.start_behind();
                }
                Ok((growing, source.extension))
            }
            // It went in between.
            Err(error) if error.reason == FailureReason::File && !self.path.exists() => {
                self.open_next()
            }
            Err(error) => Err(error),
        }
    }
}

fn standing(at_path: Option<&Metadata>, open: &Metadata) -> Standing {
    match at_path {
        None => Standing::Gone,
        // While a file is open its inode number belongs to no other.
        Some(found) if (found.dev(), found.ino()) == (open.dev(), open.ino()) => Standing::Current,
        Some(_) => Standing::Superseded,
    }
}
