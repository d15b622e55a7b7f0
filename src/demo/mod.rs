//! The demo: sample sources behind a built-in RTSP server on loopback, so that the whole
//! product can be watched at work with no camera at hand.
//!
//! [`mounts`] is what the server offers, [`sources`] is the same as configured sources;
//! they differ from cameras only in that they are always at home.

mod content;
mod g711;
pub mod rtsp;

use std::{net::SocketAddr, time::Duration};

use url::Url;

pub use content::Content;

use crate::{
    id::SourceId,
    net::{RtpTransport, TlsOptions},
    sources::{Expectation, Location, RtspTarget, SilenceOptions, SourceOptions},
};
use rtsp::{Behaviour, Media, Mount};

/// How long the flapping source holds a connection.
const FLAP: Duration = Duration::from_secs(6);
/// How long silence is none of the demo's business: short, as nobody watches it for long.
const SILENT_AFTER: Duration = Duration::from_secs(5);
/// The level of what sounds, in dB relative to a full-scale square wave.
const LEVEL_DBFS: f64 = -20.0;

const HEALTHY: &str = "healthy";
const FLAPPING: &str = "flapping";
const SILENT: &str = "silent";

/// What the demo serves: a lively source, one that drops its connection every six
/// seconds, and one that sends digital zeros.
pub fn mounts() -> Vec<Mount> {
    let song = Content::Song { dbfs: LEVEL_DBFS };
    vec![
        Mount::new(HEALTHY, Media::l16(song)),
        Mount::new(FLAPPING, Media::pcmu(song)).behaving(Behaviour::DropAfter(FLAP)),
        Mount::new(SILENT, Media::l16(Content::Silence)),
    ]
}

/// The sources that capture [`mounts`] from the server at `address`, with one minute of
/// capture buffer each.
///
/// # Panics
/// Never: the names and URLs are made of constants and a socket address.
pub fn sources(address: SocketAddr) -> Vec<SourceOptions> {
    [HEALTHY, FLAPPING, SILENT]
        .into_iter()
        .map(|name| SourceOptions {
            id: SourceId::new(name).expect("the demo's names are valid"),
            location: Location::Rtsp(RtspTarget {
                transport: RtpTransport::default(),
                tls: TlsOptions::default(),
                url: Url::parse(&format!("rtsp://{address}/{name}"))
                    .expect("a socket address makes a valid URL"),
                credentials: None,
            }),
            enabled: true,
            stall_after: Duration::from_secs(10),
            expect: Expectation::default(),
            capture: Duration::from_secs(60),
            analysis: Duration::from_secs(3),
            silence: SilenceOptions {
                after: SILENT_AFTER,
                ..SilenceOptions::default()
            },
        })
        .collect()
}
