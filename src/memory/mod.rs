//! Memory: what processes hold and how much there is, this process first.

pub mod limits;
mod process;

pub use process::ProcessMetrics;
