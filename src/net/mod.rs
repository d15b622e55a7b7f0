//! The network edge: dialling, and the relay that stands between a camera and the RTSP
//! client.

mod camera;
mod dial;
mod dialler;
mod framing;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod gate;
pub mod http;
mod pump;
mod relay;
mod reorder;
mod report;
mod request;
mod resolve;
mod tls;
mod udp;

use std::sync::atomic::AtomicU64;

pub use camera::Camera;
pub use dial::DialError;
pub use dialler::{Dialled, Dialler};
pub use framing::Violation;
pub use gate::{DialLimits, Turn};
pub use relay::{Relay, RtpTransport};
pub use report::RelayReport;
pub use tls::{TlsError, TlsOptions, Trust, refused_late};

/// What came over the wire from one source; kept across its sessions.
#[derive(Debug, Default)]
pub struct Traffic {
    /// Every byte received, signalling included.
    pub bytes: AtomicU64,
    /// RTP packets received.
    pub packets: AtomicU64,
}
