//! Sources: where audio comes from, and the truth about its transport and time.

mod options;
mod state;

pub use options::{ConnectOptions, Credentials, Expectation, Location, RtspTarget, SourceOptions};
pub use state::{DisconnectReason, FailureReason, GapCause, SourceKind, State};
