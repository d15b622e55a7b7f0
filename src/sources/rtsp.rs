//! One RTSP session: describe, set up the audio track alone, play, yield packets.
//!
//! Around the client library stand what it lacks: the relay with its size limits, a
//! deadline on every phase, failures sorted into a closed set. The library's own error
//! texts carry addresses and URLs, so none of them is ever shown.

use std::{collections::VecDeque, fmt, future::Future, pin::Pin, time::Duration};

use futures_util::StreamExt as _;
use retina::{
    PacketContext, Timestamp,
    client::{
        Credentials as RetinaCredentials, Demuxed, Described, InitialSequenceNumberPolicy,
        PacketItem, PlayOptions, Playing, Session, SessionOptions, SetupOptions,
        TcpTransportOptions, TeardownPolicy, Transport,
    },
    codec::{AudioFrame, CodecItem},
};
use tokio::time::timeout;
use url::Url;

use super::{
    Account, Codec, DisconnectReason, FailureReason, OpenError, RtspTarget, SessionEnd,
    announced::Announced,
    clock::{Clock, Tick},
    explain,
    payload::{Frame, Packet, Payload},
};
use crate::{
    net::{Camera, Dialled, Dialler, Relay, RtpTransport},
    shutdown::Tasks,
};

/// A playing session. Dropping it closes the connection to the camera.
pub struct RtspSession {
    name: String,
    codec: Option<Codec>,
    media: Media,
    relay: Relay,
    clock: Clock,
    started: bool,
}

/// Who takes the packets apart.
enum Media {
    /// The client library.
    Demuxed(Pin<Box<Demuxed>>),
    /// We.
    Raw(Box<Raw>),
}

struct Raw {
    session: Pin<Box<Session<Playing>>>,
    payload: Payload,
    /// Frames of the latest packet that are still to be handed out.
    ready: VecDeque<Frame>,
    /// Packets missing before the next frame.
    lost: u16,
    /// The media time of the latest packet, until a frame has taken it.
    media_time: Option<f64>,
}

/// One codec frame as it came.
pub struct AudioPacket {
    body: Body,
    lost: u16,
    media_time: Option<f64>,
}

enum Body {
    Demuxed(AudioFrame),
    Own(Frame),
}

impl AudioPacket {
    /// The encoded bytes; empty for a packet that could not be taken apart.
    pub fn data(&self) -> &[u8] {
        match &self.body {
            Body::Demuxed(frame) => frame.data(),
            Body::Own(frame) => &frame.data,
        }
    }

    /// RTP packets missing right before this one.
    pub fn lost(&self) -> u16 {
        self.lost
    }

    /// Its time on the source's clock, in seconds since some beginning; `None` for a frame
    /// that is not the first of its RTP packet.
    pub fn media_time(&self) -> Option<f64> {
        self.media_time
    }

    /// The codec from this packet on, where it is news.
    pub fn new_codec(&self) -> Option<&Codec> {
        match &self.body {
            Body::Demuxed(_) => None,
            Body::Own(frame) => frame.codec.as_ref(),
        }
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
        let counted = dialler.count_tls_session();
        Camera::tls(stream, bare_host, &target.tls, limit, counted)
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
    let (index, announced) = choose_audio(&session)?;
    let clock_rate = session.streams()[index].clock_rate_hz();
    let tcp = SetupOptions::default().transport(Transport::Tcp(TcpTransportOptions::default()));
    phase.run("SETUP", session.setup(index, tcp)).await?;
    // The library counts loss from the number a server promises, which is often wrong.
    let from_first = PlayOptions::default().initial_seq(InitialSequenceNumberPolicy::Ignore);
    let playing = phase.run("PLAY", session.play(from_first)).await?;
    // Opened: another source may.
    drop(turn);
    account.clock.set(0.0, None);
    let media = match announced.payload {
        None => {
            let demuxed = playing.demuxed();
            Media::Demuxed(Box::pin(
                demuxed.map_err(|_| explain::unsupported(&announced.name))?,
            ))
        }
        Some(payload) => Media::Raw(Box::new(Raw {
            session: Box::pin(playing),
            payload,
            ready: VecDeque::new(),
            lost: 0,
            media_time: None,
        })),
    };
    Ok(RtspSession {
        clock: Clock::new(clock_rate),
        name: announced.name,
        codec: announced.codec,
        media,
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

fn choose_audio(session: &Session<Described>) -> Result<(usize, Announced), OpenError> {
    let streams = session.streams();
    let Some(index) = streams.iter().position(|stream| stream.media() == "audio") else {
        let others: Vec<&str> = streams.iter().map(retina::client::Stream::media).collect();
        return Err(explain::no_audio_track(&others));
    };
    let announced = Announced::of(&streams[index], session.sdp(), index);
    Ok((index, announced))
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
    /// The codec's name, as far as the server announced it.
    pub fn codec_name(&self) -> &str {
        &self.name
    }

    /// What the server announced; `None` where the packets will tell
    /// ([`AudioPacket::new_codec`]).
    pub fn codec(&self) -> Option<&Codec> {
        self.codec.as_ref()
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
        let mut joined = Joined {
            account,
            clock: &mut self.clock,
            started: &mut self.started,
        };
        let packet = match &mut self.media {
            Media::Demuxed(demuxed) => next_demuxed(demuxed, &mut joined).await,
            Media::Raw(raw) => raw.next(&mut joined).await,
        };
        packet.ok_or_else(|| explain::end(&self.relay.report()))
    }
}

/// What each packet is told to.
struct Joined<'a> {
    account: &'a Account,
    clock: &'a mut Clock,
    started: &'a mut bool,
}

impl Joined<'_> {
    /// Takes note of a packet's time; yields what was lost before it. Before the first
    /// packet nothing of ours can have been lost.
    fn note(&mut self, came: &PacketContext, timestamp: Timestamp, lost: u16) -> u16 {
        let lost = if std::mem::replace(self.started, true) {
            lost
        } else {
            0
        };
        match self
            .clock
            .packet(came.received(), timestamp.timestamp(), lost)
        {
            Tick::Same => {}
            Tick::Batch => self
                .account
                .clock
                .set(self.clock.jitter(), self.clock.skew()),
            Tick::Jump => self.account.jumped(),
        }
        lost
    }
}

async fn next_demuxed(
    demuxed: &mut Pin<Box<Demuxed>>,
    joined: &mut Joined<'_>,
) -> Option<AudioPacket> {
    loop {
        if let CodecItem::AudioFrame(frame) = demuxed.next().await?.ok()? {
            return Some(AudioPacket {
                lost: joined.note(frame.ctx(), frame.timestamp(), frame.loss()),
                media_time: Some(frame.timestamp().elapsed_secs()),
                body: Body::Demuxed(frame),
            });
        }
    }
}

impl Raw {
    async fn next(&mut self, joined: &mut Joined<'_>) -> Option<AudioPacket> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Some(AudioPacket {
                    body: Body::Own(frame),
                    lost: std::mem::take(&mut self.lost),
                    media_time: self.media_time.take(),
                });
            }
            let PacketItem::Rtp(packet) = self.session.next().await?.ok()? else {
                continue;
            };
            let lost = joined.note(packet.ctx(), packet.timestamp(), packet.loss());
            self.lost = self.lost.saturating_add(lost);
            self.media_time = Some(packet.timestamp().elapsed_secs());
            self.payload.take(
                &Packet {
                    payload: packet.payload(),
                    marker: packet.mark(),
                    timestamp: packet.timestamp().timestamp(),
                    after_loss: lost > 0,
                },
                &mut self.ready,
            );
        }
    }
}

impl fmt::Debug for RtspSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RtspSession({})", self.name)
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
