//! What the operator configured for one source.

use std::{fmt, path::PathBuf, time::Duration};

use url::Url;

use super::{LiveLocation, SourceKind};
use crate::{
    backoff::Policy,
    id::SourceId,
    net::{DialLimits, RtpTransport, TlsOptions},
    quiet_hours::QuietHours,
    secret::Secret,
    units::Dbfs,
};

/// One source, validated. Two values under which the same session goes on
/// ([`SourceOptions::keeps_session`]) need no restart on a reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceOptions {
    /// The `source` label.
    pub id: SourceId,
    /// Where the audio is.
    pub location: Location,
    /// A disabled source keeps its series and opens nothing.
    pub enabled: bool,
    /// How long no audio may arrive before the source counts as stalled.
    pub stall_after: Duration,
    /// What the operator says the source sends.
    pub expect: Expectation,
    /// How long the capture buffer is.
    pub capture: Duration,
    /// How long the analysis buffer is, and the window that is measured.
    pub analysis: Duration,
    /// When it counts as silent.
    pub silence: SilenceOptions,
}

impl SourceOptions {
    /// Whether a session goes on when these options become `next`: what differs, if anything,
    /// is read anew at every look at the audio.
    pub fn keeps_session(&self, next: &Self) -> bool {
        let silence = next.silence.clone();
        let with_its_silence = Self {
            silence,
            ..self.clone()
        };
        with_its_silence == *next
    }
}

/// When audio that flows counts as silent for too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SilenceOptions {
    /// The level below which audio is quiet.
    pub below: Dbfs,
    /// How much audio must be silent without a break.
    pub after: Duration,
    /// When silence is expected.
    pub quiet_hours: QuietHours,
}

impl Default for SilenceOptions {
    /// Two minutes below -60 dBFS, at any hour.
    fn default() -> Self {
        Self {
            below: Dbfs::new(-60),
            after: Duration::from_secs(120),
            quiet_hours: QuietHours::default(),
        }
    }
}

/// How sessions are opened and retried; the same for every source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectOptions {
    /// The longest that each phase of opening may take.
    pub timeout: Duration,
    /// When to try again.
    pub backoff: Policy,
    /// How many connections may be being opened at once.
    pub dials: DialLimits,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            backoff: Policy::default(),
            dials: DialLimits::default(),
        }
    }
}

/// Where a source's audio is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// An RTSP server.
    Rtsp(RtspTarget),
    /// A stream over HTTP or HTTPS.
    Http(HttpTarget),
    /// An audio file, played at its own pace.
    File {
        /// Its path.
        path: PathBuf,
        /// Start again at the end instead of ending.
        looped: bool,
    },
    /// Something local that lives: a growing file, a directory, a pipe.
    Live(LiveLocation),
    /// An input device, by the name that the system's sound has for it; only with the
    /// feature `device`.
    Device(String),
}

/// An RTSP stream.
#[derive(Clone, PartialEq, Eq)]
pub struct RtspTarget {
    /// `rtsp[s]://host[:port]/path?query`, never with credentials.
    pub url: Url,
    /// How RTP comes.
    pub transport: RtpTransport,
    /// How a server of `rtsps://` proves itself.
    pub tls: TlsOptions,
    /// User name and password.
    pub credentials: Option<Credentials>,
}

impl std::fmt::Debug for RtspTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Paths and queries of cameras carry passwords too (`/user=x_password=y`).
        let host = self.url.host_str().unwrap_or_default();
        let scheme = self.url.scheme();
        write!(f, "RtspTarget({scheme}://{host}:{}/…)", self.port())
    }
}

impl RtspTarget {
    /// The TCP port; by default 554 (RFC 2326 §3.2), with TLS 322 (RFC 7826 §22.14).
    pub fn port(&self) -> u16 {
        let default = if self.is_secure() { 322 } else { 554 };
        self.url.port().unwrap_or(default)
    }

    /// Whether the connection is TLS.
    pub fn is_secure(&self) -> bool {
        self.url.scheme() == "rtsps"
    }
}

/// An HTTP stream.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpTarget {
    /// `http://host[:port]/path?query` or `https://…`, never with credentials.
    pub url: Url,
    /// User name and password, sent as Basic (RFC 7617) to this host and port alone.
    pub credentials: Option<Credentials>,
    /// Whom to trust over https.
    pub tls: TlsOptions,
}

impl HttpTarget {
    /// The TCP port: 80, or 443 for https, by default.
    pub fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or(80)
    }
}

impl std::fmt::Debug for HttpTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Paths and queries of streams carry tokens.
        let host = self.url.host_str().unwrap_or_default();
        let scheme = self.url.scheme();
        write!(f, "HttpTarget({scheme}://{host}:{}/…)", self.port())
    }
}

/// A user name and password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The user name, hidden like the password.
    pub username: Secret,
    /// The password.
    pub password: Secret,
}

/// What the operator expects to receive; `None` means no opinion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expectation {
    /// A codec's name as in `myaudio_source_info`, in lower case.
    pub codec: Option<String>,
    /// In Hz.
    pub sample_rate: Option<u32>,
    /// Interleaved channels.
    pub channels: Option<u16>,
}

impl Location {
    /// The `kind` label.
    pub fn kind(&self) -> SourceKind {
        match self {
            Self::Rtsp(_) => SourceKind::Rtsp,
            Self::Http(_) => SourceKind::Http,
            Self::File { .. } => SourceKind::File,
            Self::Live(live) => live.kind(),
            Self::Device(_) => SourceKind::Device,
        }
    }
}

/// What may be shown of a location: a host and port, or a file's name. Never a path or
/// query of a camera, which may hold a password.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rtsp(target) => {
                write!(
                    f,
                    "{}://{}:{}",
                    target.url.scheme(),
                    target.url.host_str().unwrap_or_default(),
                    target.port()
                )
            }
            Self::Http(target) => {
                let host = target.url.host_str().unwrap_or_default();
                write!(f, "{}://{host}:{}", target.url.scheme(), target.port())
            }
            Self::File { path, .. } => {
                write!(
                    f,
                    "file {}",
                    path.file_name().unwrap_or_default().to_string_lossy()
                )
            }
            Self::Live(live) => live.fmt(f),
            Self::Device(name) => write!(f, "device {name}"),
        }
    }
}
