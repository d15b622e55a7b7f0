//! TLS for connections to sources: the system's certificate authorities, the owner's own,
//! or one pinned certificate.

use std::{
    io,
    sync::{Arc, LazyLock},
};

use tokio_rustls::{
    TlsConnector,
    rustls::{
        CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore,
        SignatureScheme,
        client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        crypto::{
            CryptoProvider, ring as provider, verify_tls12_signature, verify_tls13_signature,
        },
        pki_types::{CertificateDer, ServerName, UnixTime},
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
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// The system has no root certificates.
    #[error("this machine has no root certificates; install ca-certificates")]
    NoRoots,
    /// One of the authorities is no certificate of an authority.
    #[error("a configured authority is no certificate that can be trusted; check the file")]
    BadAuthority,
    /// Neither a DNS name nor an IP address.
    #[error("the host is no name that a certificate could carry; check the URL")]
    BadName,
    /// The certificate is past its time.
    #[error("the server's certificate has expired; renew it, or check this machine's clock")]
    Expired,
    /// The certificate's time has not come.
    #[error("the server's certificate is not valid yet; check the clocks of both machines")]
    NotYetValid,
    /// The certificate is for another name.
    #[error("the server's certificate is for another name; use that name in the URL")]
    WrongName,
    /// Nobody trusted signed the certificate.
    #[error(
        "the server's certificate is self-signed or of an unknown authority; add its authority to \
         this machine's"
    )]
    Untrusted,
    /// Another certificate than the pinned one.
    #[error("the server shows another certificate than the pinned one")]
    PinMismatch,
    /// The connection broke during the handshake.
    #[error("the server closed the connection during the TLS handshake; does it speak TLS?")]
    Closed,
    /// What answered does not speak TLS, or not a version of it that is safe.
    #[error("no TLS 1.2 or 1.3 came about on this port; check the scheme and the port")]
    Failed,
}

/// A connector that accepts exactly the servers that `options` describe.
///
/// # Errors
/// [`TlsError`] when there is nobody to trust.
pub fn connector(options: &TlsOptions) -> Result<TlsConnector, TlsError> {
    static SYSTEM_ROOTS: LazyLock<Arc<RootCertStore>> = LazyLock::new(|| {
        let mut roots = RootCertStore::empty();
        // Certificates that cannot be read are as good as absent.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Arc::new(roots)
    });
    let provider = Arc::new(provider::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|_| TlsError::Failed)?;
    let builder = match &options.trust {
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
        Trust::Pinned(sha256) => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Pinned {
                sha256: *sha256,
                provider,
            })),
    };
    Ok(TlsConnector::from(Arc::new(builder.with_no_client_auth())))
}

impl TlsError {
    /// What a failed handshake means.
    pub fn of(error: &io::Error) -> Self {
        use CertificateError as C;
        let tls = error.get_ref().and_then(|inner| inner.downcast_ref());
        match tls {
            None => Self::Closed,
            Some(Error::InvalidCertificate(certificate)) => match certificate {
                C::Expired | C::ExpiredContext { .. } => Self::Expired,
                C::NotValidYet | C::NotValidYetContext { .. } => Self::NotYetValid,
                C::NotValidForName | C::NotValidForNameContext { .. } => Self::WrongName,
                C::ApplicationVerificationFailure => Self::PinMismatch,
                _ => Self::Untrusted,
            },
            Some(_) => Self::Failed,
        }
    }
}

/// Accepts one certificate and no other.
#[derive(Debug)]
struct Pinned {
    sha256: [u8; 32],
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let digest = ring::digest::digest(&ring::digest::SHA256, certificate);
        if digest.as_ref() == self.sha256 {
            Ok(ServerCertVerified::assertion())
        } else {
            let fault = CertificateError::ApplicationVerificationFailure;
            Err(Error::InvalidCertificate(fault))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
