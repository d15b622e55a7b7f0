//! The server's side of one connection as a state machine: a request in, a reply out.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::time::Instant;
use url::Url;

use super::{
    inbox::Request,
    media::{Behaviour, Mount},
    player::{Channels, Player},
    reply::{Reply, Status},
    rtp::Identity,
};

/// The one track of every mount, relative to its `Content-Base`.
const TRACK: &str = "track1";
const METHODS: &str = "OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, SET_PARAMETER, TEARDOWN";

/// What the two sides have agreed on so far.
#[derive(Debug)]
pub(super) struct Dialogue {
    mounts: Arc<[Mount]>,
    /// The connection's number, which decides what its session hears.
    number: u64,
    session_timeout: Duration,
    session: Option<Session>,
}

#[derive(Debug)]
struct Session {
    id: String,
    mount: usize,
    channels: Channels,
    identity: Identity,
    playing: Option<Playing>,
}

#[derive(Debug)]
struct Playing {
    player: Player,
    drop_at: Option<Instant>,
}

impl Dialogue {
    pub(super) fn new(mounts: Arc<[Mount]>, number: u64, session_timeout: Duration) -> Self {
        Self {
            mounts,
            number,
            session_timeout,
            session: None,
        }
    }

    /// When the next packet is due; `None` unless playing.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let session = self.session.as_ref()?;
        let playing = session.playing.as_ref()?;
        Some(playing.player.next_due(&self.mounts[session.mount].media))
    }

    /// When the mount wants the connection to break.
    pub(super) fn drop_at(&self) -> Option<Instant> {
        self.session.as_ref()?.playing.as_ref()?.drop_at
    }

    /// Appends the packets that are due at `now`.
    pub(super) fn emit(&mut self, now: Instant, wall: SystemTime, out: &mut Vec<u8>) {
        if let Some(session) = &mut self.session
            && let Some(playing) = &mut session.playing
        {
            let media = &self.mounts[session.mount].media;
            playing.player.emit(media, now, wall, out);
        }
    }

    /// Answers one request.
    pub(super) fn answer(&mut self, request: &Request, now: Instant, out: &mut Vec<u8>) {
        let reply = match request.cseq() {
            // Without it no client can tell what is answered (RFC 2326 §12.17).
            None => Err(Status::BAD_REQUEST),
            Some(_) => self.reply(request, now),
        };
        reply
            .unwrap_or_else(|status| match status {
                Status::METHOD_NOT_ALLOWED => bare(request, status).header("Allow", METHODS),
                _ => bare(request, status),
            })
            .write(out);
    }

    fn reply(&mut self, request: &Request, now: Instant) -> Result<Reply, Status> {
        if let Some(claimed) = request.header("Session") {
            let id = claimed.split(';').next().unwrap_or_default().trim();
            if self.session.as_ref().is_none_or(|session| session.id != id) {
                return Err(Status::SESSION_NOT_FOUND);
            }
        }
        match request.method.as_str() {
            "OPTIONS" => Ok(bare(request, Status::OK).header("Public", METHODS)),
            // Keepalives; there are no parameters to get or set (§10.8, §10.9).
            "GET_PARAMETER" | "SET_PARAMETER" => Ok(bare(request, Status::OK)),
            "DESCRIBE" => self.describe(request),
            "SETUP" => self.set_up(request),
            "PLAY" => self.play(request, now),
            "TEARDOWN" => {
                self.target(request)?;
                self.session.take().ok_or(Status::SESSION_NOT_FOUND)?;
                Ok(bare(request, Status::OK))
            }
            "ANNOUNCE" | "PAUSE" | "RECORD" | "REDIRECT" => Err(Status::METHOD_NOT_ALLOWED),
            _ => Err(Status::NOT_IMPLEMENTED),
        }
    }

    fn describe(&self, request: &Request) -> Result<Reply, Status> {
        let (mount, base) = self.target(request)?;
        let Mount { path, media, .. } = &self.mounts[mount];
        Ok(bare(request, Status::OK)
            .header("Content-Base", base)
            .body("application/sdp", media.sdp(path, TRACK)))
    }

    fn set_up(&mut self, request: &Request) -> Result<Reply, Status> {
        let (mount, _) = self.target(request)?;
        let wanted = request.header("Transport").ok_or(Status::BAD_REQUEST)?;
        let channels = wanted
            .split(',')
            .find_map(interleaved)
            .ok_or(Status::UNSUPPORTED_TRANSPORT)?;
        if self.session.as_ref().is_some_and(|s| s.playing.is_some()) {
            return Err(Status::NOT_VALID_IN_STATE);
        }
        let random = Identity::random().and_then(|identity| Ok((identity, getrandom::u64()?)));
        let (identity, id) = random.map_err(|_| Status::INTERNAL)?;
        let session = self.session.insert(Session {
            id: format!("{id:016X}"),
            mount,
            channels,
            identity,
            playing: None,
        });
        let timeout = self.session_timeout.as_secs();
        let (Channels { rtp, rtcp }, ssrc) = (channels, identity.ssrc);
        Ok(bare(request, Status::OK)
            .header("Session", format_args!("{};timeout={timeout}", session.id))
            .header(
                "Transport",
                format_args!("RTP/AVP/TCP;unicast;interleaved={rtp}-{rtcp};ssrc={ssrc:08X}"),
            ))
    }

    fn play(&mut self, request: &Request, now: Instant) -> Result<Reply, Status> {
        let (target, base) = self.target(request)?;
        let session = self.session.as_mut().ok_or(Status::SESSION_NOT_FOUND)?;
        if target != session.mount {
            return Err(Status::NOT_VALID_IN_STATE);
        }
        let Mount {
            media, behaviour, ..
        } = &self.mounts[target];
        // A second PLAY asks for more of what is already endless: it changes nothing.
        let playing = session.playing.get_or_insert_with(|| Playing {
            player: Player::new(media, session.channels, session.identity, self.number, now),
            drop_at: match behaviour {
                Behaviour::Steady => None,
                Behaviour::DropAfter(after) => Some(now + *after),
            },
        });
        let (sequence, timestamp) = playing.player.next_numbers(media);
        Ok(bare(request, Status::OK)
            .header("Session", &session.id)
            .header("Range", "npt=now-")
            .header(
                "RTP-Info",
                format_args!("url={base}{TRACK};seq={sequence};rtptime={timestamp}"),
            ))
    }

    /// The mount that a request names, itself or by its track, and its base URL as the
    /// client sees it.
    fn target(&self, request: &Request) -> Result<(usize, String), Status> {
        let url = Url::parse(&request.uri).map_err(|_| Status::BAD_REQUEST)?;
        let asked = url.path().trim_matches('/');
        let is_asked = |mount: &Mount| match asked.strip_prefix(mount.path.as_str()) {
            Some(rest) => rest.is_empty() || rest.strip_prefix('/') == Some(TRACK),
            None => false,
        };
        let found = self.mounts.iter().position(is_asked);
        let mount = found.ok_or(Status::NOT_FOUND)?;
        let host = url.host_str().unwrap_or_default();
        let port = url
            .port()
            .map(|port| format!(":{port}"))
            .unwrap_or_default();
        let path = &self.mounts[mount].path;
        Ok((mount, format!("rtsp://{host}{port}/{path}/")))
    }
}

fn bare(request: &Request, status: Status) -> Reply {
    Reply::new(status, request.cseq())
}

/// The channels of a transport that this server can serve, 0 and 1 unless the client
/// chooses (§12.39).
fn interleaved(transport: &str) -> Option<Channels> {
    let mut parts = transport.split(';').map(str::trim);
    if !parts.next()?.eq_ignore_ascii_case("RTP/AVP/TCP") {
        return None;
    }
    let mut channels = Channels { rtp: 0, rtcp: 1 };
    for part in parts {
        if part.eq_ignore_ascii_case("multicast") {
            return None;
        }
        if let Some(range) = part.strip_prefix("interleaved=") {
            let (first, second) = range.split_once('-')?;
            channels = Channels {
                rtp: first.parse().ok()?,
                rtcp: second.parse().ok()?,
            };
        }
    }
    (channels.rtp != channels.rtcp).then_some(channels)
}

#[cfg(test)]
mod tests;
