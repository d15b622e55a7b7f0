//! Memory: what processes hold and how much there is, this process first.

mod check;
pub mod limits;
mod options;
mod proc;
mod process;
mod recorder;
pub mod thresholds;
pub mod verdict;
mod watch;

pub use check::{CheckOutcome, CheckSample, FEWEST_SAMPLES, LeakCheck, More};
pub use options::{MemoryOptions, WatchOptions};
pub use proc::{ReadFailure, Rollup, Selector, Unreadable};
pub use process::ProcessMetrics;
#[cfg(any(test, fuzzing))]
pub(crate) use recorder::fuzz as recorder_metrics;
pub use watch::{
    Analysis, Kinds, MAX_WATCHES, Memory, Moment, OwnFigures, Past, ProcessStatus, Reading,
    Stopped, Totals,
};
