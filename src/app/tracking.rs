//! Whether attempts to allocate are recorded from the start.

use crate::buffers::Tracking;

const VARIABLE: &str = "DEBUG_BUFFER_ALLOC";

/// What the environment asks for.
pub(super) fn from_environment() -> Tracking {
    let value = std::env::var_os(VARIABLE).unwrap_or_default();
    let on = match value.to_str() {
        Some("true" | "1") => true,
        Some("" | "false" | "0") => false,
        _ => {
            tracing::warn!("{VARIABLE} is neither true nor false and taken for false");
            false
        }
    };
    if on {
        tracing::info!("attempts to allocate are recorded; see /api/v1/allocations");
    }
    Tracking {
        on,
        backtraces: false,
    }
}
