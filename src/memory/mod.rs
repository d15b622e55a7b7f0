//! Memory: what processes hold, this one first.

mod process;

pub use process::ProcessMetrics;
