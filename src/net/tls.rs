//! TLS for `rtsps://`: whom to trust, the handshake, and its failures in words.
//!
//! A camera is trusted by the system's certificates, by a CA of the owner's own, or by
//! the fingerprint of its one certificate, which is what a self-signed camera needs.

use std::{
    io,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    net::TcpStream,
    time::{Instant, timeout_at},
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, Error,
        RootCertStore, SignatureScheme,
        client::{
            ResolvesClientCert,
            danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        },
        crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
        pki_types::{CertificateDer, ServerName, UnixTime},
        sign::CertifiedKey,
    },
};

/// Which certificates a server may show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// What the system trusts (`SSL_CERT_FILE`, `SSL_CERT_DIR`, else its usual places;
    /// read once), for the right name and time.
    #[default]
    System,
    /// What these authorities signed, for the right name and time.
    Authorities(Vec<CertificateDer<'static>>),
    /// The one certificate with this SHA-256 over its DER form. Its name, dates and issuer
    /// do not matter then.
    Pinned([u8; 32]),
}

/// How a server must prove itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// Which certificates it may show.
    pub trust: Trust,
    /// The name or address that its certificate must carry; the host of the URL if `None`.
    pub server_name: Option<String>,
}

/// Why no TLS session came about; the text tells the owner what to do.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum TlsError {
    /// The system has no root certificates.
    #[error(
        "this machine has no root certificates; install ca-certificates, or set tls.ca_file or \
         tls.pin_sha256"
    )]
    NoRoots,
    /// `ca_file` holds something that is no certificate of an authority.
    #[error("tls.ca_file holds no certificate that can be trusted; check the file")]
    BadAuthority,
    /// Neither a DNS name nor an IP address.
    #[error("the host is no name that a certificate could carry; set tls.server_name")]
    BadName,
    /// The certificate is past its time.
    #[error(
        "the server's certificate has expired; renew it in the camera, check this machine's clock, \
         or set tls.pin_sha256"
    )]
    Expired,
    /// The certificate's time has not come.
    #[error(
        "the server's certificate is not valid yet; check the clocks of the camera and of this \
         machine"
    )]
    NotYetValid,
    /// The certificate is for another name.
    #[error(
        "the server's certificate is for another name; use that name in the URL, or set \
         tls.server_name"
    )]
    WrongName,
    /// Nobody trusted signed the certificate.
    #[error(
        "the server's certificate is self-signed or of an unknown authority; set tls.ca_file to \
         its authority, or tls.pin_sha256 to its fingerprint"
    )]
    Untrusted,
    /// Another certificate than the pinned one.
    #[error(
        "the server shows another certificate than tls.pin_sha256 names; if the camera got a new \
         one, set its fingerprint, else somebody stands in between"
    )]
    PinMismatch,
    /// The server has no certificate for the name it was asked for.
    #[error(
        "the server knows no such name as the URL's host; use its own name in the URL, or set \
         tls.server_name"
    )]
    UnknownName,
    /// The server lets only clients in that show a certificate.
    #[error(
        "the server wants a certificate of its client, and there is none to show; let it accept \
         clients without one (a password can still protect the stream)"
    )]
    WantsCertificate,
    /// The server broke the handshake off for a reason of its own.
    #[error(
        "the server broke off the TLS handshake ({0:?}); its log may say why, and whether it wants \
         another tls.server_name"
    )]
    Refused(AlertDescription),
    /// No protocol version or cipher in common.
    #[error("the server offers no TLS 1.2 or 1.3 with a safe cipher; update the camera")]
    Outdated,
    /// What answered does not speak TLS.
    #[error("what answers there does not speak TLS; check the port (usually 322), or use rtsp://")]
    NotTls,
    /// The connection broke during the handshake.
    #[error("the server closed the connection during the TLS handshake; does it want rtsp://?")]
    Closed,
    /// The handshake took too long.
    #[error("no end of the TLS handshake within {0:?}; does this port speak TLS?")]
    Timeout(Duration),
    /// Anything else.
    #[error("the TLS handshake failed; check the camera's certificate and this machine's clock")]
    Failed,
}

/// The system's roots, read once: a hundred files are not read again for each attempt.
static SYSTEM_ROOTS: LazyLock<Arc<RootCertStore>> = LazyLock::new(|| {
    let mut roots = RootCertStore::empty();
    // Certificates that cannot be read are as good as absent.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    Arc::new(roots)
});

/// Makes a TLS session of a connection, within `limit`.
///
/// Cancellation safe: dropping the future closes the connection.
///
/// # Errors
/// [`TlsError`]; no text in it comes from the server.
pub(super) async fn connect(
    stream: TcpStream,
    host: &str,
    options: &TlsOptions,
    limit: Duration,
) -> Result<TlsStream<TcpStream>, TlsError> {
    let deadline = Instant::now() + limit;
    let name = options.server_name.as_deref().unwrap_or(host).to_owned();
    let name = ServerName::try_from(name).map_err(|_| TlsError::BadName)?;
    let asked = Arc::new(Asked::default());
    let connector = TlsConnector::from(Arc::new(client(&options.trust, &asked)?));
    match timeout_at(deadline, connector.connect(name, stream)).await {
        Ok(Ok(session)) => Ok(session),
        Ok(Err(error)) => Err(classify(&error, asked.0.load(Relaxed))),
        Err(_) => Err(TlsError::Timeout(limit)),
    }
}

fn client(trust: &Trust, asked: &Arc<Asked>) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|_| TlsError::Failed)?;
    let builder = match trust {
        Trust::System if SYSTEM_ROOTS.is_empty() => return Err(TlsError::NoRoots),
        Trust::System => builder.with_root_certificates(Arc::clone(&SYSTEM_ROOTS)),
        Trust::Authorities(certificates) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates {
                let added = roots.add(certificate.clone());
                added.map_err(|_| TlsError::BadAuthority)?;
            }
            builder.with_root_certificates(roots)
        }
        Trust::Pinned(fingerprint) => {
            let pinned = PinnedCertificate {
                fingerprint: *fingerprint,
                provider,
            };
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(pinned))
        }
    };
    Ok(builder.with_client_cert_resolver(Arc::clone(asked) as _))
}

/// `asked`: the server asked for a certificate, and got none.
fn classify(error: &io::Error, asked: bool) -> TlsError {
    use AlertDescription as A;
    use CertificateError as C;
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref());
    match tls {
        None => TlsError::Closed,
        // TLS 1.2 has no alert of its own for it (RFC 5246 §7.4.6).
        Some(Error::AlertReceived(A::HandshakeFailure | A::BadCertificate)) if asked => {
            TlsError::WantsCertificate
        }
        Some(Error::InvalidCertificate(certificate)) => match certificate {
            C::Expired | C::ExpiredContext { .. } => TlsError::Expired,
            C::NotValidYet | C::NotValidYetContext { .. } => TlsError::NotYetValid,
            C::NotValidForName | C::NotValidForNameContext { .. } => TlsError::WrongName,
            C::ApplicationVerificationFailure => TlsError::PinMismatch,
            // Among the others is a self-signed authority that poses as a server, which is
            // what many cameras make for themselves.
            _ => TlsError::Untrusted,
        },
        Some(Error::InvalidMessage(_)) => TlsError::NotTls,
        Some(Error::PeerIncompatible(_)) => TlsError::Outdated,
        Some(Error::AlertReceived(alert)) => alerted(*alert),
        Some(_) => TlsError::Failed,
    }
}

/// What a server means by the alert (RFC 8446 §6.2) it ends a handshake with.
fn alerted(alert: AlertDescription) -> TlsError {
    use AlertDescription as A;
    match alert {
        A::HandshakeFailure | A::ProtocolVersion | A::InsufficientSecurity => TlsError::Outdated,
        A::UnrecognisedName => TlsError::UnknownName,
        A::CertificateRequired => TlsError::WantsCertificate,
        A::CloseNotify | A::UserCanceled => TlsError::Closed,
        other => TlsError::Refused(other),
    }
}

/// In TLS 1.3 a server judges its client after the client's handshake is done: what the
/// first reads of the session then say of it, if they do.
pub fn refused_late(error: &io::Error) -> Option<TlsError> {
    match error.get_ref()?.downcast_ref()? {
        Error::AlertReceived(alert) => Some(alerted(*alert)),
        _ => None,
    }
}

/// Has no certificate to show, and remembers that the server asked for one.
#[derive(Debug, Default)]
struct Asked(AtomicBool);

impl ResolvesClientCert for Asked {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.store(true, Relaxed);
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

/// Accepts one certificate. The handshake's signature still proves that the server has
/// its key.
#[derive(Debug)]
struct PinnedCertificate {
    fingerprint: [u8; 32],
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinnedCertificate {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let shown = ::ring::digest::digest(&::ring::digest::SHA256, certificate);
        if shown.as_ref() == self.fingerprint {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
