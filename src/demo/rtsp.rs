//! A small RTSP 1.0 server (RFC 2326) for loopback: live audio over interleaved TCP.
//!
//! It speaks enough for any player: `OPTIONS`, `DESCRIBE`, `SETUP`, `PLAY`,
//! `GET_PARAMETER`, `SET_PARAMETER`, `TEARDOWN`. RTP travels inside the RTSP connection
//! only (§10.12); UDP is answered with 461. Each connection is one task, one session at
//! most, and a bounded amount of memory, whatever its client sends or fails to read.

mod adts;
mod connection;
mod dialogue;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod inbox;
mod media;
mod player;
mod reply;
mod rtp;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::net::{TcpListener, TcpSocket};

pub use adts::AdtsError;
pub use media::{Behaviour, Media, Mount};

use crate::shutdown::{TaskKind, Tasks};

/// What the kernel may hold for a client that reads slowly, in bytes each way.
const SEND_BUFFER: u32 = 64 * 1024;
/// Connections the kernel may hold until they are accepted.
const BACKLOG: u32 = 1024;
/// How long to wait when the process has no descriptor left for another client.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How the server treats its clients.
#[derive(Clone, Copy, Debug)]
pub struct ServerOptions {
    /// The TCP port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// A client that sends nothing for this long is gone. Whole seconds are announced.
    pub session_timeout: Duration,
    /// A client that does not take what it is sent for this long is dropped.
    pub write_timeout: Duration,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            port: 0,
            session_timeout: Duration::from_secs(60),
            write_timeout: Duration::from_secs(5),
        }
    }
}

/// A running server. It lives until its tasks are cancelled, not until it is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
}

impl Server {
    /// Serves `mounts` on a free port of 127.0.0.1. Must be called inside a runtime.
    ///
    /// # Errors
    /// What binding says.
    pub fn start(tasks: &Tasks, mounts: Vec<Mount>) -> io::Result<Self> {
        Self::start_with(tasks, mounts, ServerOptions::default())
    }

    /// Serves `mounts` as `options` say. Must be called inside a runtime.
    ///
    /// # Errors
    /// What binding says: the port may be taken.
    pub fn start_with(
        tasks: &Tasks,
        mounts: Vec<Mount>,
        options: ServerOptions,
    ) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        // Accepted connections inherit it: a client that stops reading is noticed soon.
        socket.set_send_buffer_size(SEND_BUFFER)?;
        socket.bind(SocketAddr::from(([127, 0, 0, 1], options.port)))?;
        let listener = socket.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        let group = tasks.clone();
        tasks.spawn(TaskKind::Demo, async move {
            accept(&group, listener, mounts.into(), options).await;
        });
        Ok(Self { address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn accept(
    tasks: &Tasks,
    listener: TcpListener,
    mounts: Arc<[Mount]>,
    options: ServerOptions,
) {
    for number in 0.. {
        let accepted = tokio::select! {
            () = tasks.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let (group, mounts) = (tasks.clone(), Arc::clone(&mounts));
                tasks.spawn(TaskKind::Demo, async move {
                    tokio::select! {
                        () = group.cancelled() => {}
                        ended = connection::serve(stream, number, mounts, options) => {
                            if let Err(reason) = ended {
                                tracing::debug!(client = number, %reason, "a client went away");
                            }
                        }
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a client");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
