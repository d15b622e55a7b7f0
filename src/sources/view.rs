//! What is known of one source at one moment.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::{Expectation, State, TimeSums};
use crate::{codec_name, units::AudioFormat};

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
    /// How long no audio has come, since the last of it or since it has been expected; `None`
    /// while none is.
    pub without_audio: Option<Duration>,
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
        let [codec, rate, channels] = self.differences().map(|found| found.is_some());
        [
            ("codec", codec),
            ("sample_rate", rate),
            ("channels", channels),
        ]
    }

    /// The same in words, with what to do; `None` when all is as expected.
    pub fn unexpected(&self) -> Option<String> {
        let found: Vec<_> = self.differences().into_iter().flatten().collect();
        let what = found.join(", ");
        (!found.is_empty())
            .then(|| format!("not as expected: {what}; correct the source's settings or `expect`"))
    }

    fn differences(&self) -> [Option<String>; 3] {
        let AudioFormat {
            sample_rate,
            channels,
        } = self.info.format.unwrap_or(AudioFormat {
            sample_rate: 0,
            channels: 0,
        });
        let known = self.info.format.is_some();
        let codec = self.info.codec.as_ref();
        let expect = &self.expect;
        [
            (expect.codec.as_ref().zip(codec))
                .filter(|(wanted, seen)| !codec_name::same(wanted, seen))
                .map(|(wanted, seen)| format!("the codec is {seen} instead of {wanted}")),
            (expect.sample_rate)
                .filter(|wanted| known && *wanted != sample_rate)
                .map(|wanted| format!("the sample rate is {sample_rate} instead of {wanted} Hz")),
            (expect.channels)
                .filter(|wanted| known && *wanted != channels)
                .map(|wanted| format!("it has {channels} instead of {wanted} channels")),
        ]
    }
}
