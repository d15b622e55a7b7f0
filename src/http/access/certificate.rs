//! The names in a client's certificate.
//!
//! Those of its Subject Alternative Name (RFC 5280 §4.2.1.6) count: DNS names and URIs. The
//! common name does not: who signs certificates need not have checked it.

use tokio_rustls::rustls::pki_types::{CertificateDer, IpAddr, ServerName};
use webpki::EndEntityCert;

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
