//! A connection to a camera: plain or TLS, watched for readiness or read on the grid.

use std::{
    io::{self, Read, Write},
    net::SocketAddr,
    time::Duration,
};

use tokio::net::TcpStream;
use tokio_rustls::rustls::ClientConnection;

use super::{TlsError, TlsOptions, tls};
use crate::objects::Held;

/// An open connection to a camera.
#[derive(Debug)]
pub struct Camera {
    socket: Socket,
    tls: Option<Box<ClientConnection>>,
    _counted: Option<Held>,
    /// Decrypted bytes that wait to be read; the socket's readiness does not tell of them.
    decrypted: usize,
}

#[derive(Debug)]
enum Socket {
    /// In the reactor.
    Watched(TcpStream),
    /// Out of it, non-blocking.
    OnGrid(std::net::TcpStream),
    Gone,
}

impl Camera {
    /// An RTSP connection as it is.
    pub fn plain(stream: TcpStream) -> Self {
        Self {
            socket: Socket::Watched(stream),
            tls: None,
            _counted: None,
            decrypted: 0,
        }
    }

    /// An `rtsps://` connection: shakes hands with `host` within `limit`. It is `counted` as
    /// long as it is there.
    ///
    /// Cancellation safe: dropping the future closes the connection.
    ///
    /// # Errors
    /// [`TlsError`], in the owner's words.
    pub async fn tls(
        stream: TcpStream,
        host: &str,
        options: &TlsOptions,
        limit: Duration,
        counted: Held,
    ) -> Result<Self, TlsError> {
        let (stream, session) = tls::connect(stream, host, options, limit)
            .await?
            .into_inner();
        Ok(Self {
            socket: Socket::Watched(stream),
            tls: Some(Box::new(session)),
            _counted: Some(counted),
            // There may be some: the first read finds out.
            decrypted: 1,
        })
    }

    /// Our address and the camera's.
    pub(super) fn addresses(&self) -> io::Result<(SocketAddr, SocketAddr)> {
        match &self.socket {
            Socket::Watched(stream) => Ok((stream.local_addr()?, stream.peer_addr()?)),
            Socket::OnGrid(stream) => Ok((stream.local_addr()?, stream.peer_addr()?)),
            Socket::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Whether readiness tells when to read; else the grid does.
    pub(super) fn is_watched(&self) -> bool {
        matches!(self.socket, Socket::Watched(_))
    }

    /// Whether a read that did not fill its buffer may have left something: TLS hands on
    /// one record at a time.
    pub(super) fn may_have_more(&self) -> bool {
        self.tls.is_some()
    }

    /// Waits until there may be something to read; for ever off the reactor. Cancellation
    /// safe.
    pub(super) async fn readable(&self) {
        match &self.socket {
            // An error shows at the read that follows.
            Socket::Watched(stream) if self.decrypted == 0 => {
                let _seen_by_the_read = stream.readable().await;
            }
            Socket::Watched(_) => {}
            _ => std::future::pending().await,
        }
    }

    /// Takes the socket out of the reactor: from now on the grid reads it.
    pub(super) fn go_on_grid(&mut self) -> io::Result<()> {
        self.socket = match std::mem::replace(&mut self.socket, Socket::Gone) {
            Socket::Watched(stream) => Socket::OnGrid(stream.into_std()?),
            settled => settled,
        };
        Ok(())
    }

    /// Reads what is there, `Ok(0)` at the end.
    ///
    /// # Errors
    /// `WouldBlock` when nothing is there; else the connection is broken.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else {
            return self.socket.read(buffer);
        };
        loop {
            match tls.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => {
                    self.decrypted = self.decrypted.saturating_sub(*read.as_ref().unwrap_or(&0));
                    return read;
                }
            }
            self.decrypted = 0;
            if tls.read_tls(&mut self.socket)? == 0 {
                return Ok(0);
            }
            let state = tls.process_new_packets().map_err(io::Error::other)?;
            self.decrypted = state.plaintext_bytes_to_read();
            // Answers of TLS's own, such as to a change of keys. They are few bytes, and
            // what does not fit goes with the next request.
            while tls.wants_write() {
                match tls.write_tls(&mut self.socket) {
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                    Err(_) => break,
                    Ok(_) => {}
                }
            }
        }
    }

    /// Sends all of `bytes`, waiting for room while the socket is watched.
    ///
    /// Not cancellation safe: some of the bytes may have been sent.
    ///
    /// # Errors
    /// The connection is broken, or off the reactor has no room: requests are a few hundred
    /// bytes, and a send buffer without room for one belongs to a camera that has not read
    /// for minutes.
    pub(super) async fn send(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        if let Some(tls) = &mut self.tls {
            tls.writer().write_all(bytes)?;
            while tls.wants_write() {
                match tls.write_tls(&mut self.socket) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        self.socket.writable().await?;
                    }
                    sent => {
                        sent?;
                    }
                }
            }
            return Ok(());
        }
        while !bytes.is_empty() {
            match self.socket.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => bytes = &bytes[n..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.socket.writable().await?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Socket {
    async fn writable(&self) -> io::Result<()> {
        match self {
            Self::Watched(stream) => stream.writable().await,
            _ => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Watched(stream) => stream.try_read(buffer),
            Self::OnGrid(stream) => stream.read(buffer),
            Self::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Watched(stream) => stream.try_write(bytes),
            Self::OnGrid(stream) => stream.write(bytes),
            Self::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
