//! Listen addresses, bound before anything else starts.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs as _},
};

/// Why an address cannot be listened on, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Not `host:port`.
    #[error(
        "the listen address `{0}` is not HOST:PORT; write for example 127.0.0.1:10480, [::1]:10480 \
         or :10480 for every interface"
    )]
    Malformed(String),
    /// The host name has no address.
    #[error(
        "the host of the listen address `{0}` has no address ({1}); use an IP address of this machine"
    )]
    Resolve(String, io::Error),
    /// Another process, or an earlier address of the same list, has the port.
    #[error(
        "`{0}` is already in use, perhaps by another instance; stop that, or choose another port \
         with --web.listen-address"
    )]
    InUse(String),
    /// The system forbids it.
    #[error(
        "`{0}` may not be used by this user; ports below 1024 need privileges, choose a higher one"
    )]
    Denied(String),
    /// The machine has no such address.
    #[error(
        "`{0}` is not an address of this machine; use one that `ip address` shows, or 127.0.0.1"
    )]
    NotLocal(String),
    /// Nobody has passed a socket.
    #[error(
        "--web.systemd-socket is given, but no socket was passed; start the program by its .socket \
         unit, or name addresses with --web.listen-address instead"
    )]
    NotPassed,
    /// A socket that was passed, counted from 1, is not of TCP and listening.
    #[error(
        "socket {0} of those that were passed cannot be used ({1}); let the .socket unit say \
         ListenStream= with an address and a port"
    )]
    NotTcp(usize, io::Error),
    /// Anything else.
    #[error("cannot listen on `{0}`: {1}")]
    Other(String, io::Error),
}

/// Binds every address: `host:port`, `[v6]:port`, or `:port` for every interface.
///
/// A host name is resolved, which can block.
///
/// # Errors
/// [`BindError`] for the first address that cannot be had; those before it are closed
/// again.
pub fn bind(addresses: &[String]) -> Result<Vec<TcpListener>, BindError> {
    addresses.iter().map(|address| bind_one(address)).collect()
}

/// Takes the listeners that the service manager has passed (`sd_listen_fds(3)`). Once: who asks
/// again gets none. Changes the environment, so no other thread may run yet.
///
/// # Errors
/// [`BindError`] when there is none, and when one is not of TCP.
pub fn inherit() -> Result<Vec<TcpListener>, BindError> {
    let mut passed = listenfd::ListenFd::from_env();
    let count = passed.len();
    let mut take = |n: usize| match passed.take_tcp_listener(n) {
        Ok(Some(listener)) => Ok(listener),
        Ok(None) => Err(BindError::NotPassed),
        Err(error) => Err(BindError::NotTcp(n + 1, error)),
    };
    if count == 0 {
        return Err(BindError::NotPassed);
    }
    (0..count).map(&mut take).collect()
}

fn bind_one(address: &str) -> Result<TcpListener, BindError> {
    let named = || address.to_owned();
    let (host, port) = split(address).ok_or_else(|| BindError::Malformed(named()))?;
    let result = match host {
        "" => bind_everywhere(port),
        host => TcpListener::bind(resolve(host, port).map_err(|e| BindError::Resolve(named(), e))?),
    };
    result.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse(named()),
        io::ErrorKind::PermissionDenied => BindError::Denied(named()),
        io::ErrorKind::AddrNotAvailable => BindError::NotLocal(named()),
        _ => BindError::Other(named(), error),
    })
}

/// Both families where the machine has IPv6, else IPv4.
fn bind_everywhere(port: u16) -> io::Result<TcpListener> {
    match TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)) {
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))
        }
        other => other,
    }
}

fn split(address: &str) -> Option<(&str, u16)> {
    let (host, port) = address.rsplit_once(':')?;
    let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    let port = port.parse().ok().filter(|_| digits)?;
    let host = match host.strip_prefix('[') {
        Some(inner) => {
            let inner = inner.strip_suffix(']')?;
            inner.parse::<Ipv6Addr>().ok()?;
            inner
        }
        // A bare IPv6 address leaves open where its port begins.
        None if host.contains([':', ']', '/', ' ']) => return None,
        None => host,
    };
    Some((host, port))
}

/// One address of the host; IPv4 first, which is what `localhost` is expected to mean.
fn resolve(host: &str, port: u16) -> io::Result<SocketAddr> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(SocketAddr::new(ip, port));
    }
    let found: Vec<_> = (host, port).to_socket_addrs()?.collect();
    let first = found.iter().find(|a| a.is_ipv4()).or(found.first());
    first.copied().ok_or_else(|| io::ErrorKind::NotFound.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bind_text(address: &str) -> Result<Vec<TcpListener>, BindError> {
        bind(&[address.to_owned()])
    }

    #[test]
    fn addresses_are_read_strictly() {
        assert_eq!(split("127.0.0.1:10480"), Some(("127.0.0.1", 10_480)));
        assert_eq!(split(":9"), Some(("", 9)));
        assert_eq!(split("[::1]:9"), Some(("::1", 9)));
        assert_eq!(split("localhost:9"), Some(("localhost", 9)));
        for bad in [
            "",
            "9",
            "host",
            "host:",
            "host:+9",
            "host:65536",
            "::1:9",
            "[::1]",
            "[x]:9",
            "http://h:9",
            "[::1:9",
        ] {
            assert_eq!(split(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_port_in_use_is_named_with_a_remedy() {
        let first = bind_text("127.0.0.1:0").unwrap();
        let taken = first[0].local_addr().unwrap().to_string();
        let error = bind_text(&taken).unwrap_err();
        assert!(matches!(&error, BindError::InUse(address) if *address == taken));
        let text = error.to_string();
        assert!(
            text.contains(&taken) && text.contains("--web.listen-address"),
            "{text}"
        );
    }

    #[test]
    fn a_foreign_address_is_told_from_a_malformed_one() {
        assert!(matches!(
            bind_text("192.0.2.1:0"),
            Err(BindError::NotLocal(_))
        ));
        assert!(matches!(bind_text("10480"), Err(BindError::Malformed(_))));
    }

    #[test]
    fn a_bare_port_is_reachable_over_loopback() {
        let listeners = bind_text(":0").unwrap();
        let port = listeners[0].local_addr().unwrap().port();
        std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    }
}
