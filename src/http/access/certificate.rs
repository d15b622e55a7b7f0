//! What is read of a certificate: the names in a client's, and until when one is valid.
//!
//! Of names those of its Subject Alternative Name (RFC 5280 §4.2.1.6) count: DNS names and URIs. The
//! common name does not: who signs certificates need not have checked it.

use std::time::Duration;

use tokio_rustls::rustls::pki_types::{CertificateDer, IpAddr, ServerName, UnixTime};
use webpki::{EndEntityCert, Error, KeyUsage};

/// A certificate whose names can be asked for.
pub(in crate::http) struct Named<'a>(EndEntityCert<'a>);

impl<'a> Named<'a> {
    /// `None` for what is no certificate.
    pub(in crate::http) fn new(certificate: &'a CertificateDer<'a>) -> Option<Self> {
        EndEntityCert::try_from(certificate).ok().map(Self)
    }

    /// Its DNS names and URIs, as they are written there.
    pub(in crate::http) fn names(&self) -> Vec<String> {
        let names = self.0.valid_dns_names().chain(self.0.valid_uri_names());
        names.map(str::to_owned).collect()
    }

    /// Until when it is valid, in seconds since 1970 (RFC 5280 §4.1.2.5); 0 for what ended before.
    ///
    /// The parser tells it only to whom the certificate has expired, and looks at that first: so it
    /// is asked about the end of time. Nothing is said of trust, and nobody need be trusted.
    pub(super) fn not_after(&self) -> Option<u64> {
        let late = UnixTime::since_unix_epoch(Duration::from_secs(u64::MAX));
        let usage = KeyUsage::server_auth();
        let asked = self
            .0
            .verify_for_usage(&[], &[], &[], late, usage, None, None);
        match asked {
            Err(Error::CertExpired { not_after, .. }) => Some(not_after.as_secs()),
            _ => None,
        }
    }

    /// Whether it carries one of these: a DNS name or URI exactly, or an IP address.
    pub(super) fn has_one_of(&self, allowed: &[String]) -> bool {
        let names = self.names();
        let has = |name: &String| match IpAddr::try_from(name.as_str()) {
            Ok(address) => {
                let address = ServerName::IpAddress(address);
                self.0.verify_is_valid_for_subject_name(&address).is_ok()
            }
            Err(_) => names.contains(name),
        };
        allowed.iter().any(has)
    }
}
