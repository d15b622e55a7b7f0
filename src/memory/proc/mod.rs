//! Other processes through procfs: who they are, what they hold, who belongs to them.
//!
//! Every read is a small file whose size does not depend on the process's memory. The
//! kernel answers from its own books, without waiting; a pid file, which may be on a file system
//! that does not answer, is read on a thread of its own. Source: proc(5).

mod census;
mod cgroup;
mod failure;
mod fds;
mod find;
mod identity;
mod kills;
mod mount;
mod pid_file;
mod pressure;
mod rollup;
mod stat;
mod statm;
mod status;
#[cfg(test)]
pub(super) mod tree_for_tests;
mod units;

use std::{
    fs, io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

pub(super) use self::{
    census::Look,
    cgroup::Groups,
    find::Finder,
    identity::Identity,
    kills::Kills,
    pressure::Pressure,
    stat::{Stat, TICKS_PER_SECOND, Used},
    statm::Statm,
    status::{Status, StatusFile},
    units::kibibytes,
};
pub use self::{
    failure::{ReadFailure, Unreadable},
    find::Selector,
    rollup::Rollup,
};

use cgroup::read_count;
use failure::if_known;

/// Where the kernel tells about processes.
#[derive(Clone, Debug)]
pub(super) struct Proc {
    root: PathBuf,
    cgroups: PathBuf,
    /// Whether threads list their children, which not every kernel does.
    lists_children: bool,
    /// The time, where it is not the clock's.
    now: Option<u64>,
}

impl Proc {
    /// The running system's.
    pub(super) fn of_this_system() -> Self {
        Self::at("/proc", "/sys/fs/cgroup")
    }

    pub(super) fn at(root: impl Into<PathBuf>, cgroups: impl Into<PathBuf>) -> Self {
        let root = root.into();
        Self {
            lists_children: root.join("thread-self/children").exists(),
            root,
            cgroups: cgroups.into(),
            now: None,
        }
    }

    /// Now, as the start of processes is told: in ticks after the machine started. From the
    /// clock itself, as containers may have an `uptime` of their own.
    pub(super) fn now_ticks(&self) -> u64 {
        if let Some(now) = self.now {
            return now;
        }
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let now = Duration::try_from(now).unwrap_or_default();
        (now.as_secs_f64() * TICKS_PER_SECOND) as u64
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn cgroups(&self) -> &Path {
        &self.cgroups
    }

    fn path(&self, pid: u32, file: &str) -> PathBuf {
        self.root.join(format!("{pid}/{file}"))
    }

    /// One file of one process.
    fn read(&self, pid: u32, file: &str) -> io::Result<String> {
        read(&self.path(pid, file))
    }

    /// Fails when there are not as many descriptors left as one look needs at a time. What some
    /// reads take for nothing there is nothing that could be opened.
    pub(super) fn can_open(&self) -> Result<(), Unreadable> {
        let spare = || -> io::Result<Vec<fs::File>> {
            let first = fs::File::open(&self.root)?;
            (1..AT_A_TIME).map(|_| first.try_clone()).collect()
        };
        if_known(spare()).map(drop)
    }

    /// When the machine started, as a Unix time in seconds.
    pub(super) fn boot_time(&self) -> Option<u64> {
        let stat = read(&self.root.join("stat")).ok()?;
        let line = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
        line.trim().parse().ok()
    }
}

/// The most that is read of one file: a system with thousands of interrupts has a long `stat`.
const MOST: usize = 1 << 20;

/// So many descriptors are enough to walk directories and read the files in them.
const AT_A_TIME: usize = 4;

/// Holds all of most files of procfs.
const USUAL: usize = 4096;

/// A whole file. Names of commands in it are whatever bytes somebody chose.
fn read(path: &Path) -> io::Result<String> {
    read_kept(&fs::File::open(path)?)
}

/// What is in a directory; nothing where it is gone or may not be read.
fn entries(folder: &Path) -> Result<Vec<fs::DirEntry>, Unreadable> {
    if_known(fs::read_dir(folder).and_then(Iterator::collect))
}

/// A whole file from its beginning, which may have been read before.
fn read_kept(file: &fs::File) -> io::Result<String> {
    let mut bytes = Vec::new();
    // Each system call costs, and a file of procfs has no size to ask for.
    let mut part = [0; USUAL];
    while bytes.len() < MOST {
        match file.read_at(&mut part, bytes.len() as u64) {
            Ok(0) => break,
            Ok(length) => bytes.extend_from_slice(&part[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}
