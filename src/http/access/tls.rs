//! TLS of the server: certificate, versions, and what clients must show.

use std::{fmt, sync::Arc};

use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        CertificateError, DigitallySignedStruct, DistinguishedName, Error, InconsistentKeys,
        RootCertStore, ServerConfig, SignatureScheme, SupportedCipherSuite,
        SupportedProtocolVersion,
        client::danger::HandshakeSignatureValid,
        crypto::{
            CryptoProvider, SupportedKxGroup, ring, verify_tls12_signature, verify_tls13_signature,
        },
        pki_types::{CertificateDer, PrivateKeyDer, UnixTime},
        server::{
            NoClientAuth, WebPkiClientVerifier,
            danger::{ClientCertVerified, ClientCertVerifier},
        },
        version,
    },
};

use super::certificate::Named;

/// What a [`Tls`] is made of.
pub struct TlsSettings {
    /// The server's certificate, and those between it and the authority.
    pub chain: Vec<CertificateDer<'static>>,
    /// The key of the first of them.
    pub key: PrivateKeyDer<'static>,
    /// TLS 1.2 and 1.3: whether each is spoken.
    pub versions: [bool; 2],
    /// The suites of TLS 1.2, the preferred one first; `None` for all that are known. Those of 1.3
    /// are always all.
    pub suites: Option<Vec<SupportedCipherSuite>>,
    /// The groups of the key exchange, the preferred one first; `None` for all that are known.
    pub groups: Option<Vec<&'static dyn SupportedKxGroup>>,
    /// Whether the order of `suites` counts, not the client's.
    pub own_order: bool,
    /// What a client must show.
    pub clients: ClientCertificates,
}

/// What a client must show of itself.
#[derive(Clone, Debug)]
pub enum ClientCertificates {
    /// Nothing is asked for.
    None,
    /// Some certificate, of whatever authority, which proves nothing; `required`: without
    /// one there is no connection.
    Unverified {
        /// Whether it must.
        required: bool,
    },
    /// One of these authorities' certificates.
    Verified {
        /// Whose certificates are good.
        authorities: Vec<CertificateDer<'static>>,
        /// Whether there is no connection without one.
        required: bool,
        /// If not empty, names (DNS names, URIs or IP addresses) of which it must carry one.
        names: Vec<String>,
    },
}

/// Why settings are no [`Tls`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsProblem {
    /// Certificate and key do not belong together.
    #[error("the key is not that of the certificate")]
    OtherKey,
    /// The certificate or the key cannot be used.
    #[error("the certificate or its key is of a kind that is not known")]
    Unusable,
    /// An authority's certificate cannot be used.
    #[error("an authority's certificate cannot be used")]
    Authority,
    /// No suite is left for a version.
    #[error("no cipher suite is left for the TLS versions that are allowed")]
    NoSuite,
}

/// How connections are encrypted. The certificate is checked by clients, not here: an expired
/// one is served.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ServerConfig>,
    identifies: bool,
    not_after: Option<u64>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tls(identifies: {})", self.identifies)
    }
}

impl Tls {
    /// Makes it ready for connections. `h2` is not offered: the server speaks HTTP/1.1.
    ///
    /// # Errors
    /// [`TlsProblem`].
    pub fn new(settings: TlsSettings) -> Result<Self, TlsProblem> {
        let mut provider = ring::default_provider();
        if let Some(suites) = settings.suites {
            provider
                .cipher_suites
                .retain(|suite| suite.tls13().is_some());
            provider.cipher_suites.extend(suites);
        }
        if let Some(groups) = settings.groups {
            provider.kx_groups = groups;
        }
        let provider = Arc::new(provider);
        let versions: Vec<&'static SupportedProtocolVersion> = [&version::TLS12, &version::TLS13]
            .into_iter()
            .zip(settings.versions)
            .filter_map(|(version, spoken)| spoken.then_some(version))
            .collect();
        let leaf = settings.chain.first();
        let not_after = leaf.and_then(|leaf| Named::new(leaf)?.not_after());
        let identifies = matches!(settings.clients, ClientCertificates::Verified { .. });
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&versions)
            .map_err(|_| TlsProblem::NoSuite)?
            .with_client_cert_verifier(verifier(settings.clients, &provider)?)
            .with_single_cert(settings.chain, settings.key)
            .map_err(|error| match error {
                Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => TlsProblem::OtherKey,
                _ => TlsProblem::Unusable,
            })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.ignore_client_order = settings.own_order;
        let config = Arc::new(config);
        Ok(Self {
            config,
            identifies,
            not_after,
        })
    }

    /// Until when the server's certificate is valid, in seconds since 1970; `None` for one that does
    /// not tell.
    pub(super) fn not_after(&self) -> Option<u64> {
        self.not_after
    }

    /// Whether a client can prove by a certificate who it is.
    pub(super) fn identifies(&self) -> bool {
        self.identifies
    }

    pub(in crate::http) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }

    /// The names that a client has proved to have; none where certificates prove nothing. `None`
    /// without a certificate.
    pub(in crate::http) fn names(
        &self,
        shown: Option<&[CertificateDer<'_>]>,
    ) -> Option<Vec<String>> {
        let certificate = shown.filter(|_| self.identifies)?.first()?;
        Named::new(certificate).map(|named| named.names())
    }
}

fn verifier(
    clients: ClientCertificates,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsProblem> {
    match clients {
        ClientCertificates::None => Ok(Arc::new(NoClientAuth)),
        ClientCertificates::Unverified { required } => Ok(Arc::new(Unverified {
            required,
            provider: Arc::clone(provider),
        })),
        ClientCertificates::Verified {
            authorities,
            required,
            names,
        } => {
            let mut roots = RootCertStore::empty();
            for authority in authorities {
                roots.add(authority).map_err(|_| TlsProblem::Authority)?;
            }
            let builder =
                WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(provider));
            let builder = if required {
                builder
            } else {
                builder.allow_unauthenticated()
            };
            let inner = builder.build().map_err(|_| TlsProblem::Authority)?;
            Ok(if names.is_empty() {
                inner
            } else {
                Arc::new(WithName { inner, names })
            })
        }
    }
}

/// Takes any certificate whose key the client has.
#[derive(Debug)]
struct Unverified {
    required: bool,
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for Unverified {
    fn client_auth_mandatory(&self) -> bool {
        self.required
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
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

/// Wants a name beside all that another verifier wants.
#[derive(Debug)]
struct WithName {
    inner: Arc<dyn ClientCertVerifier>,
    names: Vec<String>,
}

impl ClientCertVerifier for WithName {
    fn client_auth_mandatory(&self) -> bool {
        self.inner.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.inner.verify_client_cert(certificate, between, now)?;
        match Named::new(certificate) {
            Some(named) if named.has_one_of(&self.names) => Ok(verified),
            _ => Err(CertificateError::ApplicationVerificationFailure.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner
            .verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner
            .verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
