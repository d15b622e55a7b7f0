//! What only this process knows of itself: its allocator's books and its buffers.

use std::fmt;

/// What the program tells of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OwnFigures {
    /// Bytes of audio buffers that hold audio, and so are in RAM.
    pub buffers_filled: u64,
    /// Bytes of audio buffers allocated.
    pub buffers_allocated: u64,
    /// Asynchronous tasks that live.
    pub tasks: u64,
}

/// Where these come from.
pub(super) struct Own {
    ask: Box<dyn Fn() -> OwnFigures + Send>,
    /// Descriptors kept open to read those that are watched.
    pub(super) watching_fds: u64,
}

/// The allocator's books, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Heap {
    /// In live objects.
    pub(super) allocated: u64,
    /// In pages that hold live objects.
    pub(super) active: u64,
    /// In RAM, its own books included.
    pub(super) resident: u64,
}

impl Own {
    pub(super) fn new(ask: impl Fn() -> OwnFigures + Send + 'static) -> Self {
        Self {
            ask: Box::new(ask),
            watching_fds: 0,
        }
    }

    pub(super) fn figures(&self) -> OwnFigures {
        (self.ask)()
    }
}

impl Heap {
    /// As of now; `None` with another allocator than jemalloc.
    #[cfg(feature = "jemalloc")]
    pub(super) fn read() -> Option<Self> {
        use tikv_jemalloc_ctl::{epoch, stats};
        // The books are copied when the epoch advances.
        epoch::advance().ok()?;
        Some(Self {
            allocated: stats::allocated::read().ok()? as u64,
            active: stats::active::read().ok()? as u64,
            resident: stats::resident::read().ok()? as u64,
        })
    }

    /// As of now; `None` with another allocator than jemalloc.
    #[cfg(not(feature = "jemalloc"))]
    pub(super) fn read() -> Option<Self> {
        None
    }

    /// Without the buffers, which are accounted for elsewhere, and whose empty part is in no
    /// RAM.
    pub(super) fn without(self, buffers: u64) -> Self {
        Self {
            allocated: self.allocated.saturating_sub(buffers),
            active: self.active.saturating_sub(buffers),
            ..self
        }
    }

    /// The part of the heap in RAM that holds nothing, 0 to 1; `anonymous` is the allocated
    /// memory in RAM, buffers aside. Of a page of 64 KiB, as jemalloc counts them here, the part
    /// that was never touched is in no RAM.
    pub(super) fn fragmentation(self, anonymous: Option<u64>) -> Option<f64> {
        let in_ram = anonymous.map_or(self.active, |anonymous| anonymous.min(self.active));
        let unused = in_ram.saturating_sub(self.allocated);
        (in_ram > 0).then(|| unused as f64 / in_ram as f64)
    }
}

impl fmt::Debug for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Own")
    }
}
