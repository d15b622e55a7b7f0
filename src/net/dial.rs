//! Connecting, with failures sorted into a closed set.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{net::TcpStream, time::Instant};

/// Why no connection came about.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The name did not resolve to any address.
    #[error("the host name does not resolve; check its spelling and this machine's DNS")]
    Dns,
    /// The name service gave no answer at all.
    #[error("the name service gave no answer within {0:?}; check this machine's DNS")]
    DnsTimeout(Duration),
    /// Connecting took too long.
    #[error("no answer within {0:?}; check that the host is switched on and reachable")]
    Timeout(Duration),
    /// The host answered that nobody listens there.
    #[error("the host refuses connections on this port; check the port and that its server runs")]
    Refused,
    /// There is no way to the host.
    #[error("there is no route to the host; check the network")]
    Unreachable,
    /// The system refused something of ours, such as another socket.
    #[error("this machine could not open a connection: {0}")]
    Local(io::Error),
}

/// Connects to the addresses one after the other until one answers, all within `limit`.
///
/// Cancellation safe: dropping the future closes what was opened.
///
/// # Errors
/// [`DialError`]: that of the last address tried.
pub(super) async fn connect(
    addresses: &[SocketAddr],
    limit: Duration,
) -> Result<TcpStream, DialError> {
    let deadline = Instant::now() + limit;
    let mut last = DialError::Dns;
    for (i, address) in addresses.iter().enumerate() {
        // An address that swallows packets must leave time for the others.
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(addresses.len() - i).unwrap_or(1);
        match tokio::time::timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true).map_err(DialError::Local)?;
                return Ok(stream);
            }
            Ok(Err(error)) => last = classify(error, limit),
            Err(_) => last = DialError::Timeout(limit),
        }
    }
    Err(last)
}

fn classify(error: io::Error, limit: Duration) -> DialError {
    use io::ErrorKind as K;
    match error.kind() {
        K::ConnectionRefused | K::ConnectionReset | K::ConnectionAborted => DialError::Refused,
        K::HostUnreachable | K::NetworkUnreachable | K::NetworkDown => DialError::Unreachable,
        K::TimedOut => DialError::Timeout(limit),
        _ => DialError::Local(error),
    }
}
