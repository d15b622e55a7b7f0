//! `/proc/PID/status`: what the resident memory consists of, and what was swapped out.

use std::fs::File;

use super::{Proc, Unreadable, read_kept, units::kibibytes};

/// Kinds of memory, in bytes. What the kernel does not tell is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::memory) struct Status {
    /// Allocated memory in RAM.
    pub(in crate::memory) anonymous: Option<u64>,
    /// Pages of files in RAM: programs, libraries, mapped data.
    pub(in crate::memory) file: Option<u64>,
    /// Allocated memory that was written to swap.
    pub(in crate::memory) swap: Option<u64>,
}

impl Status {
    fn parse(text: &str) -> Self {
        Self {
            anonymous: kibibytes(text, "RssAnon:"),
            file: kibibytes(text, "RssFile:"),
            swap: kibibytes(text, "VmSwap:"),
        }
    }
}

/// A process's `status`, open: to open it anew costs nearly as much as to read it.
#[derive(Debug)]
pub(in crate::memory) struct StatusFile(File);

impl StatusFile {
    /// As of now; unknown where the process has ended.
    pub(in crate::memory) fn read(&self) -> Status {
        read_kept(&self.0).map_or_else(|_| Status::default(), |text| Status::parse(&text))
    }
}

impl Proc {
    /// Opens the `status` of a process.
    pub(in crate::memory) fn status(&self, pid: u32) -> Result<StatusFile, Unreadable> {
        let file = File::open(self.path(pid, "status")).map_err(|error| self.unreadable(&error))?;
        Ok(StatusFile(file))
    }

    /// The process that a thread belongs to; for a process its own number.
    pub(super) fn process_of(&self, thread: u32) -> Option<u32> {
        let text = self.read(thread, "status").ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("Tgid:"))?;
        line.trim().parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_leaves_out_is_unknown() {
        let text = "Name:\tx RssAnon:\nVmRSS:\t 12 kB\nRssAnon:\t     8 kB\nVmSwap:\t 0 kB\n";
        let expected = Status {
            anonymous: Some(8192),
            file: None,
            swap: Some(0),
        };
        assert_eq!(Status::parse(text), expected);
        assert_eq!(
            Status::parse("RssAnon:\t99999999999999999999 kB\nRssFile: 1\n"),
            Status::default()
        );
    }
}
