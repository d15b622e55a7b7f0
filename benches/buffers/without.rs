//! The ring without statistics.

mod switch {
    pub(super) const STATISTICS: bool = false;
}
#[path = "../../src/buffers/cursors.rs"]
mod cursors;
#[path = "../../src/buffers/ring.rs"]
mod ring;
#[path = "../../src/buffers/sync.rs"]
mod sync;

include!("side.rs");
