//! What of the web file is worth watching.

use std::{fmt, sync::Arc};

use tokio::sync::watch;

use super::{Access, Tls};
use crate::metrics::{Expose, Exposition, Family};

static NOT_AFTER: Family = Family::gauge(
    "audio_capture_exporter_web_certificate_not_after_timestamp_seconds",
    "Until when the certificate that this server shows is valid, in seconds since 1970",
    &[],
);
static FAMILIES: [&Family; 1] = [&NOT_AFTER];

/// Tells of what is in force at the moment of the scrape.
#[derive(Debug)]
pub struct AccessMetrics(watch::Receiver<Arc<Access>>);

impl AccessMetrics {
    /// Of whatever stands in `access`.
    pub fn new(access: watch::Receiver<Arc<Access>>) -> Arc<Self> {
        Arc::new(Self(access))
    }
}

impl Expose for AccessMetrics {
    fn families(&self) -> &'static [&'static Family] {
        &FAMILIES
    }

    fn expose(&self, out: &mut Exposition<'_>) -> fmt::Result {
        let until = self.0.borrow().tls.as_ref().and_then(Tls::not_after);
        out.family(&NOT_AFTER, |series| match until {
            Some(seconds) => series.sample(&[], seconds),
            None => Ok(()),
        })
    }
}
