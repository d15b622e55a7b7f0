//! Sources: where audio comes from, and the truth about its transport and time.

mod options;
mod state;
mod time;

pub use options::{Credentials, Expectation, Location, RtspTarget, SourceOptions};
pub use state::{DisconnectReason, FailureReason, GapCause, SourceKind, State};
pub use time::{Phase, TimeLedger, TimeSums};
