//! Capture buffers: one live buffer per source, a ledger that adds up, a bounded budget.
//!
//! ```
//! # use std::time::Duration;
//! # use audio_capture_exporter::{buffers::*, id::SourceId, units::*};
//! let buffers = Buffers::new(ByteSize(64 << 20));
//! let garden = SourceId::new("garden")?;
//! // The supervisor holds the lease; its sessions ask.
//! let lease = buffers.lease(garden.clone())?;
//! let format = AudioFormat { sample_rate: 48_000, channels: 1 };
//! let ask = || lease.asker().allocate_if_needed(BufferKind::Capture, format, Duration::from_secs(60));
//! let Allocation::First(buffer) = ask()? else { panic!() };
//! buffer.push(&[0; 960])?;
//! // A reconnect finds the buffer and the audio in it.
//! let Allocation::Repeated(same) = ask()? else { panic!() };
//! assert_eq!(same.buffered(), Duration::from_millis(20));
//! lease.release(ReleaseReason::Removed);
//! assert!(buffers.get(&garden, BufferKind::Capture).is_none());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`registry`] is the atomic check-and-insert, [`Buffers`] what the program uses: it adds the
//! ledger ([`Books`]), the [`budget`] and the metrics. A [`CaptureBuffer`] is a ring that one
//! session writes and any number of [`Reader`]s read; its [`stats`](CaptureBuffer::stats) tell how
//! they fare.

mod account;
mod allocation;
mod anomaly;
pub mod budget;
mod capture;
mod cursors;
mod dates;
mod departed;
mod error;
mod holdings;
mod kind;
mod ledger;
mod metrics;
mod oversight;
mod pool;
mod reader;
pub mod registry;
mod request;
mod ring;
mod stats;
mod switch;
mod sync;
mod time_map;
mod timeline;
mod tracker;

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod stats_tests;
#[cfg(test)]
mod tests;

pub use account::{Counters, Levels, Retired, Statement, WriteStatus};
pub use allocation::{Allocation, AlreadyLeased, Asker, Buffers, Lease};
pub use anomaly::{AllocationAnomaly, AnomalyKind};
pub use capture::CaptureBuffer;
pub use cursors::{ReadStatus, ReaderKind, StartAt};
pub use error::{AllocationError, ErrorType};
pub use holdings::Holdings;
pub use kind::BufferKind;
pub use ledger::{AllocationResult, Books, ReleaseReason};
pub use pool::Pooled;
pub use reader::{Read, Reader};
pub use ring::PartialFrame;
pub use stats::{BufferStats, ReaderStats};
pub use time_map::{Stretch, TimeMap};
pub use timeline::Gap;
pub use tracker::{
    CallSite, Caller, Calls, KEPT_ATTEMPTS, Recording, TrackedAttempt, Tracker, Tracking,
};
