//! Opening a TCP connection, with failures sorted into a closed set.

use std::{io, time::Duration};

use tokio::{
    net::{TcpStream, lookup_host},
    time::{Instant, timeout_at},
};

/// Why no connection came about.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The name did not resolve to any address.
    #[error("the host name does not resolve; check its spelling and this machine's DNS")]
    Dns,
    /// Resolving and connecting took too long.
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

/// Resolves `host` anew and connects to its addresses in turn until one answers, all
/// within `limit`. An IPv6 host stands without brackets.
///
/// Cancellation safe: dropping the future closes what was opened. A name lookup under
/// way runs on in tokio's blocking pool until the system gives up.
///
/// # Errors
/// [`DialError`]: that of the last address tried.
pub async fn dial(host: &str, port: u16, limit: Duration) -> Result<TcpStream, DialError> {
    let deadline = Instant::now() + limit;
    let addresses: Vec<_> = match timeout_at(deadline, lookup_host((host, port))).await {
        Err(_) => return Err(DialError::Timeout(limit)),
        Ok(Err(_)) => return Err(DialError::Dns),
        Ok(Ok(addresses)) => addresses.collect(),
    };
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

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test]
    async fn failures_are_told_apart() {
        let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = closed.local_addr().unwrap().port();
        drop(closed);
        assert!(matches!(
            dial("127.0.0.1", port, SECOND).await,
            Err(DialError::Refused)
        ));
        let nowhere = dial("no-such-host.invalid", 554, SECOND * 20).await;
        assert!(matches!(nowhere, Err(DialError::Dns)), "{nowhere:?}");
    }

    #[tokio::test]
    async fn a_name_whose_first_address_refuses_still_connects() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        dial("localhost", port, SECOND * 10).await.unwrap();
    }
}
