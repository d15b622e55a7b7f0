//! What a relay has to say about its session.

use super::{
    TlsError,
    framing::{Head, Violation},
};

/// What the relay learnt about a session; it explains the client's error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RelayReport {
    /// The rule that the camera broke.
    pub violation: Option<Violation>,
    /// The camera closed the connection, or it broke.
    pub camera_closed: bool,
    /// Why the camera did, where it said so in terms of TLS.
    pub tls: Option<TlsError>,
    /// The camera agreed to send by UDP.
    pub by_udp: bool,
    /// The host that the last redirect named.
    pub redirect_host: Option<String>,
}

impl RelayReport {
    pub(super) fn note_head(&mut self, head: Head) {
        self.redirect_host = head.location_host;
    }
}
