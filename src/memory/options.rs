//! What the operator configured about memory.

use std::fmt;

use url::Url;

use super::{Selector, thresholds::Thresholds, verdict};
use crate::id::ProcessName;

/// How memory is judged, and whose beside this process's own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MemoryOptions {
    /// How often it is read, and when a pattern is named.
    pub judge: verdict::Options,
    /// Fixed limits.
    pub thresholds: Thresholds,
    /// The most bytes that this process may have, where that is less than the system allows.
    pub own_limit: Option<u64>,
    /// The other processes, each name once.
    pub watches: Vec<WatchOptions>,
}

/// One watched process. Two equal values keep its history on a reload.
#[derive(Clone, PartialEq, Eq)]
pub struct WatchOptions {
    /// The `process` label.
    pub name: ProcessName,
    /// Which process it is.
    pub selector: Selector,
    /// Where it exposes metrics of its own: `http` or `https`, without credentials.
    pub metrics_url: Option<Url>,
    /// The most bytes that it may have, where that cannot be seen or is less than what can.
    pub memory_limit: Option<u64>,
}

impl fmt::Debug for WatchOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A path or a query may be a token.
        let asked = self.metrics_url.as_ref().map(|_| "…");
        f.debug_struct("WatchOptions")
            .field("name", &self.name)
            .field("selector", &self.selector)
            .field("metrics_url", &asked)
            .field("memory_limit", &self.memory_limit)
            .finish()
    }
}
