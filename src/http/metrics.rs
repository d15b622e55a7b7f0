//! What the server tells about itself.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use crate::{
    closed_set::closed_set,
    metrics::{Expose, Exposition, Family},
};

closed_set! {
    /// Why a request or connection was not served. An ordinary 404 or 405 is an answer,
    /// not a rejection.
    pub enum Rejection {
        /// The system had no descriptor or memory for another connection.
        Accept => "accept",
        /// Too many connections: turned away, or closed because it had waited longest.
        Connections => "connections",
        /// Too many requests at once.
        Requests => "requests",
        /// The head or body of the request did not arrive in time.
        SlowRequest => "slow_request",
        /// The client did not read the response.
        SlowReader => "slow_reader",
        /// The head or body of the request is too large.
        Oversized => "oversized",
        /// Not HTTP, or without a usable `Host`.
        Malformed => "malformed",
        /// The `Host` is not a name of this server.
        Host => "host",
        /// A change asked for by a page of another origin.
        Origin => "origin",
        /// The path is not served on a network listener without authentication.
        Exposure => "exposure",
        /// Without the name and password of a user.
        Unauthorized => "unauthorized",
        /// Of somebody who does not have the role that it takes.
        Forbidden => "forbidden",
        /// No TLS where that is spoken, or a handshake that came to nothing.
        Tls => "tls",
    }
}

static REJECTED: Family = Family::counter(
    "audio_capture_exporter_http_rejected_total",
    "HTTP requests and connections that were not served, by reason",
    &["reason"],
);
static SCRAPE_DURATION: Family = Family::gauge(
    "audio_capture_exporter_scrape_duration_seconds",
    "Time it took to encode and compress the exposition for the last finished scrape, in seconds",
    &[],
);
static WEB_FILE: Family = Family::gauge(
    "audio_capture_exporter_web_config_last_load_successful",
    "Whether the file of --web.config.file and the certificates it names are in force as they are; \
     1 without such a file",
    &[],
);
static FAMILIES: [&Family; 3] = [&REJECTED, &SCRAPE_DURATION, &WEB_FILE];

/// The server's own counters, created and registered before the server starts.
#[derive(Debug)]
pub struct HttpMetrics {
    rejected: [AtomicU64; Rejection::COUNT],
    scrape_nanos: AtomicU64,
    web_file_is_old: AtomicBool,
}

impl HttpMetrics {
    /// All zero.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            rejected: std::array::from_fn(|_| AtomicU64::new(0)),
            scrape_nanos: AtomicU64::new(0),
            web_file_is_old: AtomicBool::new(false),
        })
    }

    /// How often something was rejected for this reason.
    pub fn rejected(&self, reason: Rejection) -> u64 {
        self.rejected[reason.index()].load(Relaxed)
    }

    /// Records whether the web file could be put in force as it is.
    pub fn web_file_loaded(&self, success: bool) {
        self.web_file_is_old.store(!success, Relaxed);
    }

    pub(super) fn reject(&self, reason: Rejection) {
        self.rejected[reason.index()].fetch_add(1, Relaxed);
    }

    pub(super) fn scraped(&self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.scrape_nanos.store(nanos, Relaxed);
    }
}

impl Expose for HttpMetrics {
    fn families(&self) -> &'static [&'static Family] {
        &FAMILIES
    }

    fn expose(&self, out: &mut Exposition<'_>) -> fmt::Result {
        out.family(&REJECTED, |series| {
            Rejection::ALL
                .iter()
                .try_for_each(|reason| series.sample(&[reason.as_str()], self.rejected(*reason)))
        })?;
        let took = Duration::from_nanos(self.scrape_nanos.load(Relaxed));
        out.family(&SCRAPE_DURATION, |series| {
            series.sample(&[], took.as_secs_f64())
        })?;
        let in_force = !self.web_file_is_old.load(Relaxed);
        out.family(&WEB_FILE, |series| series.sample(&[], u64::from(in_force)))
    }
}
