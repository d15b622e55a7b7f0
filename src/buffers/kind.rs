//! What buffers there are.

use crate::closed_set::closed_set;

closed_set! {
    /// What a buffer is for: the `buffer_type` label.
    pub enum BufferKind {
        /// The newest audio of a source, for clips and live listening.
        Capture => "capture",
        /// A short window for analysis.
        Analysis => "analysis",
    }
}

/// Whether a buffer of this kind has series from the moment of its source's lease; the other
/// kinds have them from the first attempt on.
pub(super) const fn always_used(kind: BufferKind) -> bool {
    matches!(kind, BufferKind::Capture)
}
