//! Who may ask for what: TLS, users, and their roles.
//!
//! [`Access`] is what the web file says; whoever reads that file puts a new one in place
//! ([`Options::access`](super::Options)), and connections and requests that begin afterwards
//! go by it.

mod certificate;
mod metrics;
mod passwords;
mod roles;
mod tls;
mod users;

use std::sync::Arc;

use hyper::header::{HeaderName, HeaderValue};

pub use self::{
    metrics::AccessMetrics,
    roles::{Grantee, Role, Roles},
    tls::{ClientCertificates, Tls, TlsProblem, TlsSettings},
    users::{BadHash, Users},
};
pub(super) use self::{
    passwords::{Crowded, Passwords},
    roles::{Caller, Exposure},
    users::credentials,
};

/// What the web file says. The default is what holds without one: no TLS and no users.
#[derive(Debug, Default)]
pub struct Access {
    /// `None`: connections are not encrypted.
    pub tls: Option<Tls>,
    /// Who may come with a password.
    pub users: Arc<Users>,
    /// Fields that every answer gets, in place of its own of these names.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl Access {
    /// Whether a client can prove who it is.
    pub fn authenticates(&self) -> bool {
        !self.users.is_empty() || self.tls.as_ref().is_some_and(Tls::identifies)
    }
}
