//! Memory: what processes hold and how much there is, this process first.

pub mod limits;
mod proc;
mod process;
pub mod thresholds;
pub mod verdict;

pub use proc::{ReadFailure, Rollup, Selector, Unreadable};
pub use process::ProcessMetrics;
