//! A single-use loopback relay between the RTSP client and a camera.
//!
//! The client library opens its own plain TCP connection and puts no limit on what it
//! buffers. So it is pointed at a loopback port where this relay bounds every message
//! ([`super::framing`]), counts what comes over the wire, and keeps the client on the one
//! host that was configured. Once audio flows it reads the camera every 100 ms and hands
//! on what gathered in one write, which costs less than half of a wake-up per packet.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use tokio::{
    io::AsyncReadExt as _,
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Camera, Traffic, pump::Pump, report::RelayReport, request::Requests, udp::Udp};
use crate::shutdown::{TaskKind, Tasks};

/// How long a connection to the loopback port may take to prove that it is ours.
const PROOF_TIME: Duration = Duration::from_secs(1);
/// Strangers that may wait for their rejection at once.
const MAX_STRANGERS: usize = 256;

/// How a camera sends its RTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RtpTransport {
    /// Over the RTSP connection (RFC 2326 §10.12).
    #[default]
    Tcp,
    /// By UDP, which the relay turns into frames of the client's connection.
    Udp,
}

/// A running relay. Dropping it closes both connections.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    pass: String,
    report: Arc<Mutex<RelayReport>>,
    _stop: DropGuard,
}

impl Relay {
    /// Starts a relay for one session over the connected `camera`.
    ///
    /// # Errors
    /// When no port or no randomness is to be had.
    pub async fn start(
        tasks: &Tasks,
        camera: Camera,
        transport: RtpTransport,
        traffic: Arc<Traffic>,
    ) -> io::Result<Self> {
        let udp = match transport {
            RtpTransport::Tcp => None,
            RtpTransport::Udp => {
                let (local, peer) = camera.addresses()?;
                Some(Udp::bind(local, peer)?)
            }
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let pass = format!("{:032x}", u128::from_be_bytes(random));
        let report = Arc::new(Mutex::new(RelayReport::default()));
        let stop = CancellationToken::new();
        let relay = Self {
            address: listener.local_addr()?,
            pass: pass.clone(),
            report: Arc::clone(&report),
            _stop: stop.clone().drop_guard(),
        };
        let group = tasks.clone();
        tasks.spawn(TaskKind::Relay, async move {
            let session = async {
                if let Ok((client, requests, first)) = accept_ours(listener, &pass).await {
                    Pump::new(client, camera, udp, requests, traffic, report)
                        .run(first)
                        .await;
                }
            };
            tokio::select! {
                () = session => {}
                () = stop.cancelled() => {}
                () = group.cancelled() => {}
            }
        });
        Ok(relay)
    }

    /// Where the client must connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The `User-Agent` by which the relay knows its client.
    pub fn user_agent(&self) -> String {
        format!(
            "audio-capture-exporter/{} ({})",
            env!("CARGO_PKG_VERSION"),
            self.pass
        )
    }

    /// What the relay learnt so far.
    pub fn report(&self) -> RelayReport {
        self.report
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Waits for the connection that presents the pass. Others are closed; a stranger who
/// connects first and says nothing cannot keep ours waiting.
async fn accept_ours(
    listener: TcpListener,
    pass: &str,
) -> io::Result<(TcpStream, Requests, Vec<u8>)> {
    let mut candidates = FuturesUnordered::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if candidates.len() < MAX_STRANGERS => {
                let (stream, _) = accepted?;
                candidates.push(prove(stream, Requests::new(pass)));
            }
            Some(proof) = candidates.next() => {
                if let Some(ours) = proof {
                    return Ok(ours);
                }
            }
        }
    }
}

/// Reads the first request; `None` when it is not ours.
async fn prove(
    mut stream: TcpStream,
    mut requests: Requests,
) -> Option<(TcpStream, Requests, Vec<u8>)> {
    let read = async {
        let mut buffer = [0; 1024];
        loop {
            let n = stream.read(&mut buffer).await.ok().filter(|n| *n > 0)?;
            let ready = requests.feed(&buffer[..n]).ok()?;
            if !ready.is_empty() {
                return Some(ready);
            }
        }
    };
    let first = timeout(PROOF_TIME, read).await.ok()??;
    stream.set_nodelay(true).ok()?;
    Some((stream, requests, first))
}

#[cfg(test)]
mod tests;
