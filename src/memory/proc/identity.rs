//! Who a process is: its number alone is given to another one later.

/// A process, for good: the kernel never gives the same number and start time twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::memory) struct Identity {
    pub(in crate::memory) pid: u32,
    /// When it started, in ticks after the machine did.
    pub(in crate::memory) started: u64,
}
