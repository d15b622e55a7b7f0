//! What is known of one source at one moment.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::{Expectation, State, TimeSums};
use crate::units::AudioFormat;

/// What the source sends, where known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamInfo {
    /// The codec's name in lower case, such as `aac` or `pcmu`.
    pub codec: Option<String>,
    /// The decoded shape.
    pub format: Option<AudioFormat>,
    /// How the audio travels: `tcp`, `udp`, `http`, `https`, `file`, `pipe` or
    /// `device`.
    pub transport: Option<&'static str>,
}

/// An account as read at one moment.
#[derive(Clone, Debug)]
pub struct AccountView {
    /// What the source is doing.
    pub state: State,
    /// For how long.
    pub since: Duration,
    /// What is wrong and what to do; free of secrets.
    pub problem: Option<String>,
    /// Where the time went.
    pub time: TimeSums,
    /// What the source sends.
    pub info: StreamInfo,
    /// What the operator expects.
    pub expect: Expectation,
    /// When audio first arrived.
    pub first_audio: Option<Instant>,
    /// When audio last arrived.
    pub last_audio: Option<SystemTime>,
    /// When the next attempt is due, while one is waited for.
    pub next_attempt: Option<SystemTime>,
    /// Attempts to open a session.
    pub attempts: u64,
    /// Open sessions that ended, for whatever reason.
    pub disconnects: u64,
}

impl AccountView {
    /// Whether the source sends something else than expected, per aspect.
    pub fn mismatches(&self) -> [(&'static str, bool); 3] {
        fn differs<T: PartialEq>(expected: Option<&T>, seen: Option<&T>) -> bool {
            matches!((expected, seen), (Some(expected), Some(seen)) if expected != seen)
        }
        let format = self.info.format;
        let rate = format.map(|format| format.sample_rate);
        let channels = format.map(|format| format.channels);
        [
            (
                "codec",
                differs(self.expect.codec.as_ref(), self.info.codec.as_ref()),
            ),
            (
                "sample_rate",
                differs(self.expect.sample_rate.as_ref(), rate.as_ref()),
            ),
            (
                "channels",
                differs(self.expect.channels.as_ref(), channels.as_ref()),
            ),
        ]
    }
}
