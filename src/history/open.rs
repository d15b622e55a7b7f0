//! Opening the file: whose it is, whether it is sound, and what becomes of it if it is not.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags};
use rustix::fs::{FlockOperation, flock};

use super::{error::OpenError, schema};

/// A larger file is not read through at the start: a memory card would take a minute.
const CHECKED_BYTES: u64 = 64 << 20;
/// How many broken files are left beside the new one.
const KEPT_ASIDE: usize = 2;

/// What the lock file says once the file beside it is ours.
const MARK: &[u8] = b"the history beside this file is audio-capture-exporter's\n";

/// An open file, which no other process writes.
#[derive(Debug)]
pub(super) struct Opened {
    // In this order: the lock is given back when the database is closed.
    pub(super) connection: Connection,
    _lock: File,
    /// Device and number of the file, where the system told.
    number: Option<(u64, u64)>,
}

impl Opened {
    /// Whether this is still the file at its path: one that was removed takes what is written into
    /// it without a word.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        self.number.is_none() || number(path) == self.number
    }

    /// Puts what lies in the journal into the file, wherever that is now. The journal stays where it
    /// was, and would be taken for that of the next file there.
    pub(super) fn settle(&self) -> rusqlite::Result<()> {
        let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
        self.connection.query_row(checkpoint, [], |_| Ok(()))
    }
}

fn number(path: &Path) -> Option<(u64, u64)> {
    let found = fs::metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

/// Opens the file for writing, or makes it. One that is broken is moved aside.
pub(super) fn open(path: &Path) -> Result<Opened, OpenError> {
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    if directory.is_some_and(|directory| !directory.is_dir()) {
        return Err(OpenError::NoDirectory);
    }
    if path.exists() && !path.is_file() {
        return Err(OpenError::NotAFile);
    }
    let mut lock = lock(path)?;
    let was_ours = lock.metadata().is_ok_and(|found| found.len() > 0);
    let connection = connect(path).or_else(|error| {
        if !error.is_broken_file() {
            return Err(error);
        }
        if !was_ours {
            // Perhaps a slip in the path: somebody's recording, say.
            return Err(OpenError::Foreign);
        }
        move_aside(path).map_err(|error| OpenError::ReadOnly(error.to_string()))?;
        connect(path)
    })?;
    if !was_ours {
        let marked = lock.write_all(MARK);
        marked.map_err(|error| OpenError::ReadOnly(error.to_string()))?;
    }
    Ok(Opened {
        number: number(path),
        connection,
        _lock: lock,
    })
}

/// Opens the file for reading, beside who writes it.
pub(super) fn open_to_read(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_millis(500))?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// A lock file of its own: whoever closes another descriptor of the database would take the
/// database's own locks away with it (POSIX, `fcntl`).
fn lock(path: &Path) -> Result<File, OpenError> {
    let refused = |error: io::Error| OpenError::ReadOnly(error.to_string());
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(beside(path, "-lock"))
        .map_err(refused)?;
    flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|_| OpenError::InUse)?;
    Ok(file)
}

fn connect(path: &Path) -> Result<Connection, OpenError> {
    let size = fs::metadata(path).map_or(0, |found| found.len());
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    if connection.is_readonly(rusqlite::MAIN_DB)? {
        return Err(OpenError::ReadOnly("it is read-only".to_owned()));
    }
    if size > 0 && size <= CHECKED_BYTES {
        let verdict: String =
            connection.pragma_query_value(None, "quick_check", |row| row.get(0))?;
        if verdict != "ok" {
            let broken = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
            return Err(rusqlite::Error::SqliteFailure(broken, None).into());
        }
    }
    schema::check(&connection)?;
    // Only a new file heeds the first; it lets the file shrink without being written anew.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    // Readers never wait for the writer, and a commit is one sequential write. With NORMAL the
    // card is only made to write down for good at a checkpoint: a program that is killed loses
    // nothing of what was committed, a machine without power perhaps the last minutes.
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update_and_check(None, "journal_size_limit", 4 << 20, |_| Ok(()))?;
    connection.pragma_update(None, "cache_size", -512)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    schema::migrate(&mut connection)?;
    Ok(connection)
}

/// Renames a broken file, with its journal, after the time; of older ones a few stay.
pub(super) fn move_aside(path: &Path) -> io::Result<()> {
    let now = jiff::Timestamp::now()
        .strftime("%Y%m%dT%H%M%SZ")
        .to_string();
    let aside = beside(path, &format!(".broken-{now}"));
    fs::rename(path, &aside)?;
    for suffix in ["-wal", "-shm"] {
        match fs::rename(beside(path, suffix), beside(&aside, suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    tracing::error!(
        file = %aside.display(),
        "the history's file is broken: it was moved aside, and a new one is begun"
    );
    if let Err(error) = remove_older(path) {
        tracing::warn!(%error, "older broken files of the history could not be removed");
    }
    Ok(())
}

fn remove_older(path: &Path) -> io::Result<()> {
    let Some((directory, name)) = path.parent().zip(path.file_name()) else {
        return Ok(());
    };
    let prefix = format!("{}.broken-", name.to_string_lossy());
    let directory = if directory.as_os_str().is_empty() {
        Path::new(".")
    } else {
        directory
    };
    let mut aside: Vec<String> = fs::read_dir(directory)?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with(&prefix) && name.ends_with('Z'))
        .collect();
    aside.sort_unstable();
    let surplus = aside.len().saturating_sub(KEPT_ASIDE);
    for name in &aside[..surplus] {
        fs::remove_file(directory.join(name))?;
        for suffix in ["-wal", "-shm"] {
            let _may_be_absent = fs::remove_file(directory.join(format!("{name}{suffix}")));
        }
    }
    Ok(())
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
