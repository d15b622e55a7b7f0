//! Whether buffers keep statistics: the cargo feature `buffer-stats`.
//!
//! A constant, so that both builds are always checked, and the code that it turns off is not
//! compiled into the program. The benchmark that compares both includes `ring.rs` with another.

/// Counters, times and what each reader did. Positions are kept anyway: reading needs them.
pub(super) const STATISTICS: bool = cfg!(feature = "buffer-stats");
