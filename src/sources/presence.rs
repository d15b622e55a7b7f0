//! Between the thread that reads something live and the session that takes from it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

/// What a thread that reads something live, and the session that takes from it, tell one
/// another. The session holds [`Wanted`].
#[derive(Debug, Default)]
pub struct LiveStatus {
    unwanted: AtomicBool,
    absent: AtomicBool,
    behind: AtomicBool,
    unfinished: AtomicBool,
}

/// Dropping it ends the thread's waiting.
#[derive(Debug)]
pub struct Wanted(Arc<LiveStatus>);

impl LiveStatus {
    /// A new status and the session's hold on it.
    pub fn new() -> (Arc<Self>, Wanted) {
        let status = Arc::new(Self::default());
        (Arc::clone(&status), Wanted(status))
    }

    /// Whether there is nothing to read: no such file, no segment.
    pub fn is_absent(&self) -> bool {
        self.absent.load(Relaxed)
    }

    /// Whether what is read was there before we came, and is not live.
    pub fn is_behind(&self) -> bool {
        self.behind.load(Relaxed)
    }

    /// Whether there is a file that cannot be played before its writer is done with it.
    pub fn is_unfinished(&self) -> bool {
        self.unfinished.load(Relaxed)
    }

    pub(super) fn is_unwanted(&self) -> bool {
        self.unwanted.load(Relaxed)
    }

    pub(super) fn set_absent(&self, absent: bool) {
        self.absent.store(absent, Relaxed);
    }

    pub(super) fn set_unfinished(&self, unfinished: bool) {
        self.unfinished.store(unfinished, Relaxed);
    }

    pub(super) fn set_behind(&self, behind: bool) {
        self.behind.store(behind, Relaxed);
    }
}

impl Drop for Wanted {
    fn drop(&mut self) {
        self.0.unwanted.store(true, Relaxed);
    }
}
