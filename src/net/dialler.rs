//! Opening a TCP connection: look up, wait for a turn, connect.

use std::{sync::Arc, time::Duration};

use tokio::net::TcpStream;

use super::{
    dial::{DialError, connect},
    gate::{DialLimits, Gate, Turn},
    resolve::Resolver,
};
use crate::{
    objects::{Counter, Held},
    shutdown::Tasks,
};

/// Opens connections: resolves anew each time, waits for its turn, connects.
#[derive(Debug)]
pub struct Dialler {
    resolver: Resolver,
    gate: Gate,
    tls_sessions: Arc<Counter>,
}

/// A connection, and the turn to hold until what runs over it is open.
#[derive(Debug)]
pub struct Dialled {
    /// The connection.
    pub stream: TcpStream,
    /// Dropping it lets another source dial.
    pub turn: Turn,
}

impl Dialler {
    /// One with the default limits, whose lookups end with `tasks`: the group of the whole
    /// program, since a lookup outlives the source that asked.
    pub fn new(tasks: &Tasks) -> Self {
        Self {
            resolver: Resolver::new(tasks),
            gate: Gate::default(),
            tls_sessions: Arc::default(),
        }
    }

    /// How many TLS sessions there are over what was dialled here.
    pub fn tls_sessions(&self) -> &Arc<Counter> {
        &self.tls_sessions
    }

    /// Counts a TLS session until the answer is dropped.
    pub fn count_tls_session(&self) -> Held {
        self.tls_sessions.hold(0)
    }

    /// Changes the limits for those who dial from now on.
    pub fn set_limits(&self, limits: DialLimits) {
        self.gate.set_limits(limits);
    }

    /// Resolves `host` within `limit` and five seconds, waits for a turn as long as it
    /// takes, and connects to the host's addresses one after the other until one answers,
    /// all within `limit`. An IPv6 host stands without brackets.
    ///
    /// A name is looked up before the turn: a name service that hangs must not use up the
    /// turns of those who need none.
    ///
    /// Cancellation safe: dropping the future closes what was opened and leaves the line. A
    /// lookup under way runs on until the system gives up.
    ///
    /// # Errors
    /// [`DialError`]: that of the last address tried.
    pub async fn dial(&self, host: &str, port: u16, limit: Duration) -> Result<Dialled, DialError> {
        let addresses = self.resolver.resolve(host, port, limit).await?;
        let turn = self.gate.enter(host).await;
        let stream = connect(&addresses, limit).await?;
        Ok(Dialled { stream, turn })
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
        let dialler = Dialler::new(&Tasks::default());
        assert!(matches!(
            dialler.dial("127.0.0.1", port, SECOND).await,
            Err(DialError::Refused)
        ));
        let nowhere = dialler.dial("no-such-host.invalid", 554, SECOND * 20).await;
        assert!(matches!(nowhere, Err(DialError::Dns)), "{nowhere:?}");
    }

    #[tokio::test]
    async fn a_name_whose_first_address_refuses_still_connects() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let dialler = Dialler::new(&Tasks::default());
        dialler.dial("localhost", port, SECOND * 10).await.unwrap();
    }
}
