//! A TLS front before a plain server, and certificates to show there.

use std::{net::SocketAddr, sync::Arc};

use ::ring::digest;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer},
        version,
    },
};

/// A certificate and its key.
pub struct Identity {
    pub certificate: CertificateDer<'static>,
    key: KeyPair,
}

/// An authority that signs certificates.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap())
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for a name, with its dates changed by `change`.
    pub fn sign(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let mut parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
        change(&mut parameters);
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.signed_by(&key, &self.0).unwrap();
        Identity {
            certificate: certificate.der().clone(),
            key,
        }
    }
}

impl Identity {
    pub fn self_signed(name: &str) -> Self {
        let parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        Self {
            certificate: certificate.der().clone(),
            key,
        }
    }

    /// What `pin_sha256` takes.
    pub fn fingerprint(&self) -> String {
        let digest = digest::digest(&digest::SHA256, &self.certificate);
        let bytes: Vec<String> = digest.as_ref().iter().map(|b| format!("{b:02X}")).collect();
        bytes.join(":")
    }
}

impl Identity {
    /// The certificate and its key, for a program that reads both from one file.
    pub fn pem(&self) -> String {
        let encoded = STANDARD.encode(&self.certificate);
        let certificate =
            format!("-----BEGIN CERTIFICATE-----\n{encoded}\n-----END CERTIFICATE-----\n");
        certificate + &self.key.serialize_pem()
    }
}

/// Starts a front on loopback that shows `identity` and passes everything to `port`; it
/// ends with the test's process. `old` offers TLS 1.2 alone.
pub fn start(identity: &Identity, port: u16, old: bool) -> u16 {
    let key = PrivateKeyDer::Pkcs8(identity.key.serialize_der().into());
    let versions = if old {
        &[&version::TLS12][..]
    } else {
        &[&version::TLS13][..]
    };
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![identity.certificate.clone()], key)
        .unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let here = listener.local_addr().unwrap().port();
    let server = SocketAddr::from(([127, 0, 0, 1], port));
    std::thread::Builder::new()
        .spawn(move || serve(listener, config, server))
        .unwrap();
    here
}

fn serve(listener: std::net::TcpListener, config: ServerConfig, server: SocketAddr) {
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let local = tokio::task::LocalSet::new();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    local.block_on(&runtime, async move {
        let listener = TcpListener::from_std(listener).unwrap();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::task::spawn_local(async move {
                // A client that refuses the certificate is what some tests want.
                let Ok(mut client) = acceptor.accept(stream).await else {
                    return;
                };
                let mut plain = TcpStream::connect(server).await.unwrap();
                let _closed_by_either =
                    tokio::io::copy_bidirectional(&mut client, &mut plain).await;
            });
        }
    });
}
