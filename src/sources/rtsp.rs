//! One RTSP session: describe, set up the audio track alone, play, yield packets.
//!
//! Around the client library stand what it lacks: the relay with its size limits, a
//! deadline on every phase, failures sorted into a closed set. The library's own error
//! texts carry addresses and URLs, so none of them is ever shown.

use std::{fmt, future::Future, pin::Pin, time::Duration};

use futures_util::StreamExt as _;
use retina::{
    client::{
        Credentials as RetinaCredentials, Demuxed, Described, InitialSequenceNumberPolicy,
        PlayOptions, Session, SessionOptions, SetupOptions, TcpTransportOptions, TeardownPolicy,
        Transport,
    },
    codec::{AudioFrame, CodecItem, ParametersRef},
};
use tokio::time::timeout;
use url::Url;

use super::{
    Account, DisconnectReason, FailureReason, OpenError, RtspTarget, SessionEnd,
    clock::{Clock, Tick},
    explain,
};
use crate::{
    net::{Camera, Dialled, Dialler, Relay, RtpTransport},
    shutdown::Tasks,
};

/// Codecs whose packets the client library takes apart: the name in the SDP and ours.
const DEPACKETISED: [(&str, &str); 4] = [
    ("mpeg4-generic", "aac"),
    ("pcmu", "pcmu"),
    ("pcma", "pcma"),
    ("l16", "l16"),
];

/// What the server announced for its audio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codec {
    /// The name in lower case: `aac`, `pcmu`, `pcma`, `l16`.
    pub name: String,
    /// RTP clock rate in Hz; for these codecs also the sample rate.
    pub clock_rate: u32,
    /// Interleaved channels.
    pub channels: u16,
    /// The codec's own parameters; for AAC the `AudioSpecificConfig` (ISO 14496-3).
    pub extra_data: Vec<u8>,
}

/// A playing session. Dropping it closes the connection to the camera.
pub struct RtspSession {
    codec: Codec,
    demuxed: Pin<Box<Demuxed>>,
    relay: Relay,
    clock: Clock,
    started: bool,
}

/// One codec frame as it came.
pub struct AudioPacket {
    frame: AudioFrame,
    lost: u16,
}

impl AudioPacket {
    /// The encoded bytes.
    pub fn data(&self) -> &[u8] {
        self.frame.data()
    }

    /// RTP packets missing right before this one.
    pub fn lost(&self) -> u16 {
        self.lost
    }
}

/// Opens a session: dial, DESCRIBE, SETUP of the first audio stream, PLAY; each phase
/// within `limit`, once the dialler has given it a turn, which it keeps until the end.
///
/// Cancellation safe: dropping the future closes the connection.
///
/// # Errors
/// [`OpenError`] with a reason from the closed set and words for the owner.
pub async fn open(
    tasks: &Tasks,
    dialler: &Dialler,
    target: &RtspTarget,
    account: &Account,
    limit: Duration,
) -> Result<RtspSession, OpenError> {
    let host = target.url.host_str().unwrap_or_default();
    let bare_host = host.trim_start_matches('[').trim_end_matches(']');
    let Dialled { stream, turn } = dialler
        .dial(bare_host, target.port(), limit)
        .await
        .map_err(|error| explain::dial(&error))?;
    let camera = if target.is_secure() {
        Camera::tls(stream, bare_host, &target.tls, limit)
            .await
            .map_err(|error| explain::tls(&error))?
    } else {
        Camera::plain(stream)
    };
    let relay = Relay::start(tasks, camera, target.transport, account.traffic().clone())
        .await
        .map_err(|error| explain::local(&error))?;
    let phase = Phase {
        relay: &relay,
        limit,
        with_credentials: target.credentials.is_some(),
        transport: target.transport,
    };

    let options = SessionOptions::default()
        .user_agent(relay.user_agent())
        // A teardown could be made to dial a host of the server's choice.
        .teardown(TeardownPolicy::Never)
        .creds(
            target
                .credentials
                .as_ref()
                .map(|credentials| RetinaCredentials {
                    username: credentials.username.expose().to_owned(),
                    password: credentials.password.expose().to_owned(),
                }),
        );
    let url = relayed(&target.url, &relay);
    let mut session = phase
        .run("DESCRIBE", Session::describe(url, options))
        .await?;
    let (index, codec) = choose_audio(&session)?;
    let tcp = SetupOptions::default().transport(Transport::Tcp(TcpTransportOptions::default()));
    phase.run("SETUP", session.setup(index, tcp)).await?;
    // The library counts loss from the number a server promises, which is often wrong.
    let from_first = PlayOptions::default().initial_seq(InitialSequenceNumberPolicy::Ignore);
    let playing = phase.run("PLAY", session.play(from_first)).await?;
    let demuxed = playing
        .demuxed()
        .map_err(|_| explain::unsupported(&codec.name))?;
    // Opened: another source may.
    drop(turn);
    account.clock.set(0.0, None);
    Ok(RtspSession {
        clock: Clock::new(codec.clock_rate),
        codec,
        demuxed: Box::pin(demuxed),
        relay,
        started: false,
    })
}

/// The configured URL with the relay in place of the camera.
fn relayed(url: &Url, relay: &Relay) -> Url {
    let mut url = url.clone();
    // TLS ends at the relay. An IP host and a port can always be set on a URL that has a host.
    let set = url.set_scheme("rtsp").is_ok()
        && url.set_ip_host(relay.address().ip()).is_ok()
        && url.set_port(Some(relay.address().port())).is_ok();
    debug_assert!(set, "an rtsp URL has a host");
    url
}

fn choose_audio(session: &Session<Described>) -> Result<(usize, Codec), OpenError> {
    let streams = session.streams();
    let Some(index) = streams.iter().position(|stream| stream.media() == "audio") else {
        let others: Vec<&str> = streams.iter().map(retina::client::Stream::media).collect();
        return Err(explain::no_audio_track(&others));
    };
    let stream = &streams[index];
    let announced = stream.encoding_name().to_ascii_lowercase();
    let Some((_, name)) = DEPACKETISED.iter().find(|(sdp, _)| *sdp == announced) else {
        return Err(explain::unsupported(&announced));
    };
    let Some(ParametersRef::Audio(parameters)) = stream.parameters() else {
        return Err(explain::unsupported(name));
    };
    let codec = Codec {
        name: (*name).to_owned(),
        clock_rate: parameters.clock_rate(),
        channels: parameters.channels().get(),
        extra_data: parameters.extra_data().to_vec(),
    };
    Ok((index, codec))
}

/// Runs the phases of opening, each within its deadline.
struct Phase<'a> {
    relay: &'a Relay,
    limit: Duration,
    with_credentials: bool,
    transport: RtpTransport,
}

impl Phase<'_> {
    async fn run<T>(
        &self,
        name: &'static str,
        request: impl Future<Output = Result<T, retina::Error>>,
    ) -> Result<T, OpenError> {
        match timeout(self.limit, request).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => {
                let report = self.relay.report();
                Err(explain::refusal(
                    name,
                    error.status_code(),
                    &report,
                    self.with_credentials,
                    self.transport,
                ))
            }
            Err(_) => Err(explain::phase_timeout(name, self.limit)),
        }
    }
}

impl RtspSession {
    /// What the server announced.
    pub fn codec(&self) -> &Codec {
        &self.codec
    }

    /// How the audio travels: `tcp` or `udp`. A server may insist on the RTSP connection.
    pub fn transport(&self) -> &'static str {
        if self.relay.report().by_udp {
            "udp"
        } else {
            "tcp"
        }
    }

    /// The next packet of audio; its time is told to `account`. Waits as long as none comes: the caller watches for
    /// stalls. Cancellation safe.
    ///
    /// Poll it at least every half second: the library forgets to wake its task when a
    /// server sends a request of its own.
    ///
    /// # Errors
    /// [`SessionEnd`] when the session is over.
    pub async fn next(&mut self, account: &Account) -> Result<AudioPacket, SessionEnd> {
        loop {
            match self.demuxed.next().await {
                Some(Ok(CodecItem::AudioFrame(frame))) => {
                    // Before the first packet nothing of ours can have been lost.
                    let lost = if self.started { frame.loss() } else { 0 };
                    self.started = true;
                    self.note_time(account, &frame, lost);
                    return Ok(AudioPacket { frame, lost });
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(explain::end(&self.relay.report())),
            }
        }
    }
}

impl RtspSession {
    fn note_time(&mut self, account: &Account, frame: &AudioFrame, lost: u16) {
        let came = frame.ctx().received();
        let clock = &mut self.clock;
        match clock.packet(came, frame.timestamp().timestamp(), lost) {
            Tick::Same => {}
            Tick::Batch => account.clock.set(clock.jitter(), clock.skew()),
            Tick::Jump => account.jumped(),
        }
    }
}

impl fmt::Debug for RtspSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RtspSession({})", self.codec.name)
    }
}

impl SessionEnd {
    /// An end with its reason and what happened.
    pub fn new(reason: DisconnectReason, problem: impl Into<String>) -> Self {
        Self {
            reason,
            problem: problem.into(),
        }
    }
}

impl OpenError {
    /// A failure with its reason and what to do.
    pub fn new(reason: FailureReason, problem: impl Into<String>) -> Self {
        Self {
            reason,
            problem: problem.into(),
            codec: None,
        }
    }

    /// A codec, by its name, that cannot be decoded here.
    pub fn unsupported(codec: &str) -> Self {
        explain::unsupported(codec)
    }
}
