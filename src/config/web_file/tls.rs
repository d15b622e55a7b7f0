//! `tls_server_config`.

use tokio_rustls::rustls::{
    SupportedCipherSuite,
    crypto::{SupportedKxGroup, ring::cipher_suite as suite, ring::kx_group as group},
};

use super::pem::Files;
use crate::{
    config::{mistake::shown, section::Section},
    http::{ClientCertificates, Tls, TlsProblem, TlsSettings},
};

/// The suites of TLS 1.2, under the names of their registry; two have had another in Go.
static SUITES: [(&str, SupportedCipherSuite); 8] = [
    (
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
    (
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    ),
    (
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    ),
    (
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305",
        suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
    (
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305",
        suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
];

/// Suites of TLS 1.3 may be listed as well, and make no difference.
const ALWAYS: [&str; 3] = [
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
];

static GROUPS: [(&str, &dyn SupportedKxGroup); 3] = [
    ("X25519", group::X25519),
    ("CurveP256", group::SECP256R1),
    ("CurveP384", group::SECP384R1),
];

/// Reads `tls_server_config`; `None` without one, or with a mistake.
pub(super) fn tls(top: &Section<'_>, files: &Files) -> Option<Tls> {
    const NAME: &str = "tls_server_config";
    if !top.has(NAME) {
        return None;
    }
    let section = top.section(NAME);
    let chain = files.certificates(&section, "cert", "cert_file");
    let key = files.key(&section, "key", "key_file");
    needed(&section, "cert", "cert_file", "the server's certificate");
    needed(&section, "key", "key_file", "the certificate's key");
    let versions = versions(&section);
    let suites = suites(&section);
    let groups = groups(&section);
    let own_order = section.flag("prefer_server_cipher_suites");
    let clients = clients(&section, files);
    let settings = TlsSettings {
        chain: chain?,
        key: key?,
        versions: versions?,
        suites: suites?,
        groups: groups?,
        own_order,
        clients: clients?,
    };
    let problem = match Tls::new(settings) {
        Ok(tls) => return Some(tls),
        Err(problem) => problem,
    };
    let (key, remedy) = match problem {
        TlsProblem::OtherKey => ("key", "name the two that were made together"),
        TlsProblem::Unusable => (
            "cert",
            "use an X.509 certificate with an RSA key of 2048 bits or more, or an ECDSA or Ed25519 \
             one",
        ),
        TlsProblem::Authority => (
            "client_ca",
            "name the certificate of an authority, as `openssl x509 -text` shows one",
        ),
        TlsProblem::NoSuite => (
            "cipher_suites",
            "remove the key, or allow TLS13, whose suites are always there",
        ),
    };
    let file = format!("{key}_file");
    let place = if section.has(&file) { &file } else { key };
    section.mistake(place, problem.to_string(), remedy);
    None
}

/// Notes that neither of two keys says anything.
fn needed(section: &Section<'_>, inline: &'static str, file: &'static str, what: &str) {
    // Null has been noted where it stands.
    let said = |key| section.has(key) && section.peek(key) != Some("");
    if !said(inline) && !said(file) {
        let problem = format!("{what} is missing");
        section.mistake(
            file,
            problem,
            "name its PEM file; without TLS, remove `tls_server_config`",
        );
    }
}

fn versions(section: &Section<'_>) -> Option<[bool; 2]> {
    for key in ["min_version", "max_version"] {
        section.choice(
            key,
            "write TLS12 or TLS13; older versions are broken, and not spoken here",
        );
    }
    let given = |key, default| section.peek(key).unwrap_or(default);
    match (given("min_version", "TLS12"), given("max_version", "TLS13")) {
        ("TLS12", "TLS12") => Some([true, false]),
        ("TLS12", "TLS13") => Some([true, true]),
        ("TLS13", "TLS13") => Some([false, true]),
        ("TLS13", "TLS12") => {
            let problem = "above `max_version`, so that no version is left";
            section.mistake("min_version", problem, "raise `max_version` or lower it");
            None
        }
        _ => None,
    }
}

#[expect(clippy::option_option, reason = "a mistake, all of them, or some")]
fn suites(section: &Section<'_>) -> Option<Option<Vec<SupportedCipherSuite>>> {
    let names = section.texts("cipher_suites");
    let known = names.iter().filter(|name| !ALWAYS.contains(name));
    let found = chosen(section, "cipher_suites", known, &SUITES)?;
    Some(Some(found).filter(|_| !names.is_empty()))
}

#[expect(clippy::option_option, reason = "a mistake, all of them, or some")]
fn groups(section: &Section<'_>) -> Option<Option<Vec<&'static dyn SupportedKxGroup>>> {
    let names = section.texts("curve_preferences");
    let found = chosen(section, "curve_preferences", names.iter(), &GROUPS)?;
    Some(Some(found).filter(|_| !names.is_empty()))
}

/// What names stand for; `None` with one that stands for nothing, which has been noted.
fn chosen<'n, T: Copy>(
    section: &Section<'_>,
    key: &str,
    names: impl Iterator<Item = &'n &'n str>,
    known: &[(&str, T)],
) -> Option<Vec<T>> {
    let mut found = Some(Vec::new());
    for name in names {
        match (known.iter().find(|(other, _)| other == name), &mut found) {
            (Some((_, value)), Some(found)) => found.push(*value),
            (Some(_), None) => {}
            (None, _) => {
                let all: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
                let problem = format!("{} is not known, or too weak", shown(name));
                section.mistake(key, problem, format!("choose from {}", all.join(", ")));
                found = None;
            }
        }
    }
    found
}

fn clients(section: &Section<'_>, files: &Files) -> Option<ClientCertificates> {
    let words = "write RequireAndVerifyClientCert, which is the one that proves who asks";
    section.choice("client_auth_type", words);
    let authorities = files.certificates(section, "client_ca", "client_ca_file");
    let has_authorities = section.has("client_ca") || section.has("client_ca_file");
    let names = allowed_names(section)?;
    let wanted = section.peek("client_auth_type").unwrap_or("NoClientCert");
    let required = wanted.starts_with("Require");
    if !names.is_empty() && wanted != "RequireAndVerifyClientCert" {
        let problem = "a name that nobody has verified, or need not show, proves nothing";
        let remedy = "write `client_auth_type: RequireAndVerifyClientCert`";
        section.mistake("client_allowed_sans", problem, remedy);
        return None;
    }
    match wanted {
        "VerifyClientCertIfGiven" | "RequireAndVerifyClientCert" => {
            if !has_authorities {
                let problem = "nobody is named who signs clients' certificates";
                section.mistake("client_ca_file", problem, "name the authority's PEM file");
            }
            Some(ClientCertificates::Verified {
                authorities: authorities?,
                required,
                names,
            })
        }
        _ if has_authorities => {
            let key = if section.has("client_ca") {
                "client_ca"
            } else {
                "client_ca_file"
            };
            let problem = "without effect, since no certificate of a client is verified";
            let remedy = "write `client_auth_type: RequireAndVerifyClientCert`, or remove it";
            section.mistake(key, problem, remedy);
            None
        }
        "RequestClientCert" | "RequireAnyClientCert" => {
            Some(ClientCertificates::Unverified { required })
        }
        _ => Some(ClientCertificates::None),
    }
}

fn allowed_names(section: &Section<'_>) -> Option<Vec<String>> {
    let names = section.texts("client_allowed_sans");
    for name in &names {
        if name.contains('@') && !name.contains("://") {
            let problem = "mail addresses are not looked at";
            let remedy = "name a DNS name, a URI or an IP address of the certificate";
            section.mistake("client_allowed_sans", problem, remedy);
            return None;
        }
    }
    Some(names.into_iter().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use tokio_rustls::rustls::crypto::ring;

    use super::*;

    #[test]
    fn every_suite_and_group_that_is_known_has_a_name() {
        let provider = ring::default_provider();
        for suite in provider
            .cipher_suites
            .iter()
            .filter(|s| s.tls13().is_none())
        {
            assert!(SUITES.iter().any(|(_, known)| known == suite), "{suite:?}");
        }
        for group in provider.kx_groups {
            assert!(GROUPS.iter().any(|(_, known)| known.name() == group.name()));
        }
    }
}
