//! The network edge: dialling, and the relay that stands between a camera and the RTSP
//! client.

mod dial;
mod framing;
mod pump;
mod relay;
mod report;
mod request;
mod tls;

use std::sync::atomic::AtomicU64;

pub use dial::{DialError, dial};
pub use framing::Violation;
pub use relay::Relay;
pub use report::RelayReport;
pub use tls::{TlsError, TlsOptions, Trust, connector};

/// What came over the wire from one source; kept across its sessions.
#[derive(Debug, Default)]
pub struct Traffic {
    /// Every byte received, signalling included.
    pub bytes: AtomicU64,
    /// RTP packets received.
    pub packets: AtomicU64,
}
