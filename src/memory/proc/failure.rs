//! Why a process could not be looked at, in words that say what to do.

use std::{fmt, io};

use rustix::io::Errno;

use crate::closed_set::closed_set;

closed_set! {
    /// Why a look at a process failed.
    pub enum ReadFailure {
        /// No such process runs.
        NotFound => "not_found",
        /// `/proc` is mounted so that it shows only one's own processes.
        Hidden => "hidden",
        /// It belongs to another user.
        PermissionDenied => "permission_denied",
        /// Its open files may not be counted, on a kernel before 6.2; all else is read.
        FilesDenied => "files_denied",
        /// It ended between being found and being read.
        Vanished => "vanished",
        /// The pid file, or what the kernel wrote, could not be understood.
        Malformed => "malformed",
        /// The file system of the pid file does not answer.
        Timeout => "timeout",
        /// This program, or its machine, had nothing left to read it with.
        Local => "local",
        /// Its own metrics could not be had.
        Metrics => "metrics",
    }
}

/// From whom a `/proc` hides the processes of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::memory) enum Hides {
    /// From all but one group.
    ButFromAGroup,
    /// From whoever may not trace them.
    FromAll,
}

/// What could not be read, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Which kind of failure it is.
    pub reason: ReadFailure,
    /// What is wrong and what to do, free of secrets.
    pub problem: String,
}

impl Unreadable {
    pub(in crate::memory) fn new(reason: ReadFailure, problem: impl Into<String>) -> Self {
        Self {
            reason,
            problem: problem.into(),
        }
    }

    pub(in crate::memory) fn vanished() -> Self {
        Self::new(
            ReadFailure::Vanished,
            "the process ended while it was being looked at",
        )
    }

    pub(in crate::memory) fn hidden(hides: Hides) -> Self {
        let remedy = match hides {
            Hides::ButFromAGroup => {
                "run this program as the recorder's user and group, or in the group that the mount \
                 option gid= names, or with CAP_SYS_PTRACE; with systemd set ProtectProc=default"
            }
            Hides::FromAll => {
                "run this program as the recorder's user and group, or with CAP_SYS_PTRACE (the \
                 mount option gid= does not help with hidepid=ptraceable); with systemd set \
                 ProtectProc=default"
            }
        };
        Self::new(
            ReadFailure::Hidden,
            format!("/proc is mounted with hidepid, which hides other users' processes; {remedy}"),
        )
    }

    pub(in crate::memory) fn denied() -> Self {
        Self::new(
            ReadFailure::PermissionDenied,
            "the process belongs to another user; run this program as the same user or give it \
             CAP_SYS_PTRACE",
        )
    }

    /// The kernel lets the owner list them, and who may list every directory.
    pub(super) fn files_denied() -> Self {
        Self::new(
            ReadFailure::FilesDenied,
            "the process belongs to another user, whose open files Linux before 6.2 does not tell; run this \
             program as the same user or give it CAP_DAC_READ_SEARCH",
        )
    }

    pub(in crate::memory) fn malformed(what: &str) -> Self {
        Self::new(
            ReadFailure::Malformed,
            format!("{what} could not be understood"),
        )
    }

    /// What failed for want of something here, which tells nothing of what was to be read.
    pub(super) fn local(error: &io::Error) -> Option<Self> {
        let lacking = match Errno::from_io_error(error)? {
            Errno::MFILE => {
                "this program has no descriptor left: raise its limit, with systemd LimitNOFILE="
            }
            Errno::NFILE => "the machine has no descriptor left: raise fs.file-max",
            Errno::NOMEM => "this program, or the machine, has no memory left",
            _ => return None,
        };
        let problem = format!("no process can be looked at: {lacking}");
        Some(Self::new(ReadFailure::Local, problem))
    }

    /// Of a file of a process that was there a moment ago.
    pub(super) fn of_process(error: &io::Error, hides: Option<Hides>) -> Self {
        match (error.kind(), hides) {
            _ if is_gone(error) => Self::vanished(),
            (io::ErrorKind::PermissionDenied, Some(hides)) => Self::hidden(hides),
            (io::ErrorKind::PermissionDenied, None) => Self::denied(),
            _ => Self::local(error)
                .unwrap_or_else(|| Self::malformed("what the system says of the process")),
        }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem)
    }
}

/// Nobody runs who is meant.
pub(super) fn missing(problem: String) -> Unreadable {
    Unreadable::new(ReadFailure::NotFound, problem)
}

/// What was read, or nothing where there was nothing to read or nothing may be read; an error only
/// where that is not known.
pub(super) fn if_known<T: Default>(read: io::Result<T>) -> Result<T, Unreadable> {
    read.or_else(|error| Unreadable::local(&error).map_or_else(|| Ok(T::default()), Err))
}

/// Whether an error of procfs means that the process has ended.
pub(super) fn is_gone(error: &io::Error) -> bool {
    const ESRCH: i32 = 3;
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(ESRCH)
}
