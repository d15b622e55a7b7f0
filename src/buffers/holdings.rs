//! What buffers and readers there are, and whose memory it is: for those who track objects.

use std::{panic::Location, sync::Arc};

use super::kind::BufferKind;
use crate::{
    id::SourceId,
    objects::{Category, Consumers, Counter, Held, Use},
};

/// Counts buffers and readers as long as somebody has them.
#[derive(Debug, Default)]
pub struct Holdings {
    buffers: [Arc<Counter>; BufferKind::COUNT],
    readers: Arc<Counter>,
    consumers: Arc<Consumers>,
}

/// A buffer that is counted; dropping it counts it down.
#[derive(Debug)]
pub(super) struct Booked {
    readers: Arc<Counter>,
    _held: Held,
    _usage: Use,
}

/// Whose buffer it is going to be, and where in the source it was asked for.
pub(super) struct AskedBy<'a> {
    pub(super) holdings: &'a Holdings,
    pub(super) source: &'a SourceId,
    pub(super) kind: BufferKind,
    pub(super) asked_at: &'static Location<'static>,
}

impl Holdings {
    /// Buffers of a kind, retired ones that somebody still reads included; with what they can
    /// hold, in bytes.
    pub fn buffers(&self, kind: BufferKind) -> &Arc<Counter> {
        &self.buffers[kind.index()]
    }

    /// Attached readers.
    pub fn readers(&self) -> &Arc<Counter> {
        &self.readers
    }

    /// Who uses memory: each source's buffers, and whom else the program books there.
    pub fn consumers(&self) -> &Arc<Consumers> {
        &self.consumers
    }
}

impl AskedBy<'_> {
    pub(super) fn book(&self, bytes: u64) -> Booked {
        let name = format!("{}/{}", self.source, self.kind);
        let consumers = &self.holdings.consumers;
        Booked {
            readers: Arc::clone(&self.holdings.readers),
            _held: self.holdings.buffers(self.kind).hold(bytes),
            _usage: consumers.enter(Category::Buffer, &name, self.asked_at, bytes),
        }
    }
}

impl Booked {
    pub(super) fn reader(&self) -> Held {
        self.readers.hold(0)
    }
}
