//! What buffers there are.

use crate::closed_set::closed_set;

closed_set! {
    /// What a buffer is for: the `buffer_type` label.
    pub enum BufferKind {
        /// The newest audio of a source, for clips and live listening.
        Capture => "capture",
        /// The latest few seconds, for measuring the signal.
        Analysis => "analysis",
    }
}
