//! `/proc/PID/statm` on a descriptor that is kept: the cheapest answer to how much memory a
//! process has, and to whether it still lives.
//!
//! The descriptor is the process's own: when the process has ended, reading fails, also where
//! another one has got its number.

use std::{fs::File, io, os::unix::fs::FileExt as _};

use super::{Proc, Unreadable, failure::is_gone};

/// How many bytes a page has.
pub(in crate::memory) fn page_bytes() -> u64 {
    rustix::param::page_size() as u64
}

/// How much memory a process has, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::memory) struct Size {
    /// In RAM.
    pub(in crate::memory) resident: u64,
    /// In its address space, used or not.
    pub(in crate::memory) mapped: u64,
}

/// A process's `statm`, open.
#[derive(Debug)]
pub(in crate::memory) struct Statm(File);

impl Statm {
    /// Bytes in RAM; `None` when the process has ended.
    pub(in crate::memory) fn resident(&self) -> io::Result<Option<u64>> {
        Ok(self.size()?.map(|size| size.resident))
    }

    /// `None` when the process has ended.
    pub(in crate::memory) fn size(&self) -> io::Result<Option<Size>> {
        let mut text = [0; 128];
        let length = match self.0.read_at(&mut text, 0) {
            Ok(length) => length,
            Err(error) if is_gone(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let [mapped, resident] = parse(&text[..length]).ok_or(io::ErrorKind::InvalidData)?;
        let bytes = |pages: u64| pages.saturating_mul(page_bytes());
        // A process that has ended and not been waited for has no memory any more.
        Ok((resident > 0).then(|| Size {
            resident: bytes(resident),
            mapped: bytes(mapped),
        }))
    }
}

impl Proc {
    /// Opens the `statm` of a process.
    pub(in crate::memory) fn statm(&self, pid: u32) -> Result<Statm, Unreadable> {
        let file = File::open(self.path(pid, "statm")).map_err(|error| self.unreadable(&error))?;
        Ok(Statm(file))
    }
}

/// The first two numbers: pages mapped, and those that are resident.
fn parse(text: &[u8]) -> Option<[u64; 2]> {
    let mut words = std::str::from_utf8(text).ok()?.split_ascii_whitespace();
    let mut pages = || words.next()?.parse().ok();
    Some([pages()?, pages()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_is_the_second_number() {
        assert_eq!(parse(b"900 300 100 1 0 5 0\n"), Some([900, 300]));
        for bad in [
            &b""[..],
            b"900",
            b"900 x",
            b"900 -1",
            b"x 300",
            b"\xff \xff",
        ] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_kept_descriptor_knows_that_its_process_has_ended() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let statm = Proc::of_this_system().statm(child.id()).unwrap();
        assert!(statm.resident().unwrap().is_some());
        child.kill().unwrap();
        // Also before its parent has noticed.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while statm.resident().unwrap().is_some() {
            assert!(std::time::Instant::now() < deadline);
        }
        child.wait().unwrap();
        assert_eq!(statm.resident().unwrap(), None);
    }
}
