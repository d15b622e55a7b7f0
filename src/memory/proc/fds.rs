//! How many files a process has open.

use std::{fs, io};

use super::{Proc, ReadFailure, Unreadable};

impl Proc {
    /// Open descriptors of a process.
    ///
    /// Since Linux 6.2 the size of `/proc/PID/fd` is their number, and nobody needs a
    /// permission for it. Before, the entries are counted, which only the same user may, and
    /// who has `CAP_DAC_READ_SEARCH`; `CAP_SYS_PTRACE` is not asked for.
    pub(in crate::memory) fn open_fds(&self, pid: u32) -> Result<u64, Unreadable> {
        let folder = self.path(pid, "fd");
        let counted = fs::metadata(&folder).and_then(|folder_itself| match folder_itself.len() {
            // Of an older kernel, or there is really none.
            0 => Ok(fs::read_dir(&folder)?.count() as u64),
            size => Ok(size),
        });
        counted.map_err(|error: io::Error| {
            let unread = self.unreadable(&error);
            if unread.reason == ReadFailure::PermissionDenied {
                return Unreadable::files_denied();
            }
            unread
        })
    }
}
