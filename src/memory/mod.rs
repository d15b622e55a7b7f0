//! Memory: what processes hold and how much there is, this process first.

pub mod limits;
mod proc;
mod process;

pub use proc::{ReadFailure, Rollup, Selector, Unreadable};
pub use process::ProcessMetrics;
