//! Memory: what processes hold and how much there is, this process first.

pub mod limits;
mod process;
pub mod thresholds;
pub mod verdict;

pub use process::ProcessMetrics;
