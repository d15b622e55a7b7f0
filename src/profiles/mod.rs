//! Profiles of this process, as `go tool pprof` reads them: what its heap holds, and where its CPU
//! time goes.
//!
//! [`Profiler::take`] makes one and returns it, [`Profiler::write`] puts them into the directory
//! of the configuration, which also happens periodically. One is made at a time, on a thread of its
//! own, so that neither capture nor a scrape waits for it.

mod cpu;
mod error;
mod heap;
mod jemalloc;
mod metrics;
mod profiler;
#[cfg(feature = "profiling")]
mod proto;
mod store;
#[cfg(feature = "profiling")]
mod symbols;

pub use error::ProfileError;
pub use profiler::{LONGEST, Profiler, Wanted};
pub use store::StoreOptions;

use crate::closed_set::closed_set;

closed_set! {
    /// What a profile is of.
    pub enum ProfileKind {
        /// What was allocated and not freed.
        Heap => "heap",
        /// What the CPU was busy with.
        Cpu => "cpu",
    }
}
