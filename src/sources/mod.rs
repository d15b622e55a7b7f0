//! Sources: where audio comes from, and the truth about its transport and time.

mod account;
mod announced;
mod clock;
mod codec;
#[cfg(feature = "device")]
mod device;
mod explain;
mod file;
mod follow;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod growing;
mod http;
mod journal;
mod kept;
mod live;
mod metrics;
mod options;
mod payload;
mod pipe;
mod presence;
mod rtsp;
mod segments;
mod state;
mod tally;
mod time;
mod view;

pub use account::Account;
pub use codec::Codec;
#[cfg(feature = "device")]
pub use device::{DeviceSession, Heard, open as open_device};
pub use file::{FileSource, address_hint, ends_like_audio, open as open_file};
pub use follow::Follower;
pub use growing::{GrowingFile, Standing};
pub use http::{HttpStream, open as open_http};
pub use kept::{HeldPipe, KeptPipe};
pub use live::LiveLocation;
pub use metrics::{AccountMembership, Accounts};
pub use options::{
    ConnectOptions, Credentials, Expectation, HttpTarget, Location, RtspTarget, SilenceOptions,
    SourceOptions,
};
pub use pipe::{PipeRead, PipeReader};
pub use presence::{LiveStatus, Wanted};
pub use rtsp::{AudioPacket, RtspSession, open as open_rtsp};
pub use segments::{SegmentFolder, SegmentFollower};
pub use state::{DisconnectReason, FailureReason, GapCause, SourceKind, State};
pub use tally::Tally;
pub use time::{Phase, TimeLedger, TimeSums};
pub use view::{AccountView, StreamInfo};

/// What to say of an audio device in a build that knows none.
pub const NO_DEVICES: &str = "this program was built without audio devices; build it with \
`cargo build --release --features device`, which needs libasound2-dev and pkg-config";

/// Why a source could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("{problem}")]
pub struct OpenError {
    /// The metric label.
    pub reason: FailureReason,
    /// What is wrong and what to do, for the source's owner; free of secrets.
    pub problem: String,
    /// The name of a codec that cannot be decoded.
    pub codec: Option<String>,
}

/// Why an open session ended.
#[derive(Debug, thiserror::Error)]
#[error("{problem}")]
pub struct SessionEnd {
    /// The metric label.
    pub reason: DisconnectReason,
    /// What happened, for the source's owner; free of secrets.
    pub problem: String,
}
