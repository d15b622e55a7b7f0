//! Web files that are refused, each with its key, line and remedy.

use std::{
    fs,
    path::{Path, PathBuf},
};

use audio_capture_exporter::config::{WEB_KEYS, keys::Kind, load_web};

use crate::{
    stage::sign,
    support::Scratch,
    tls_front::{Authority, Identity},
};

/// A directory with `server.pem` (a certificate and its key), `other.pem` (another),
/// `authority.pem`, `empty.pem` and `junk.pem`.
fn folder() -> Scratch {
    let (scratch, authority) = (Scratch::new(), Authority::new());
    scratch.write("authority.pem", &authority.pem());
    scratch.write("server.pem", &sign(&authority, "a").pem());
    scratch.write("other.pem", &Identity::self_signed("b").pem());
    scratch.write("empty.pem", "");
    scratch.write(
        "junk.pem",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    scratch
}

fn said(path: &Path) -> String {
    match load_web(path) {
        Ok(_) => "nothing".to_owned(),
        Err(bad) => format!("{}", bad.errors),
    }
}

const PAIR: &str = "cert_file: server.pem, key_file: server.pem";

/// A file and what is said of it: a line for each mistake, its essential parts separated by `|`.
const BAD: &[(&str, &str)] = &[
    // Structure.
    ("junk", "expected keys and values"),
    ("- a\n- b", "expected keys and values, found a list"),
    ("a: b: c", "web.yaml:1: |not YAML"),
    (
        "tls_config: {}",
        ":1: tls_config: unknown key; known here: tls_server_config",
    ),
    (
        "http_server_config:\n  http3: true",
        ":2: http_server_config.http3: unknown key|http2",
    ),
    ("rate_limit: { interval: 1s }", "rate_limit: unknown key"),
    (
        "tls_server_config: 5",
        "tls_server_config: expected keys\ncert_file: the server's certificate is missing\nkey_file: the certificate's key is missing",
    ),
    // Certificate and key.
    (
        "tls_server_config: {}",
        "cert_file: the server's certificate is missing; name its PEM file\nkey_file: the certificate's key is missing",
    ),
    (
        "tls_server_config:",
        "cert_file: the server's certificate is missing\nkey_file: the certificate's key is missing",
    ),
    (
        "tls_server_config: { key_file: server.pem }",
        "cert_file: the server's certificate is missing",
    ),
    (
        "tls_server_config: { cert_file: server.pem }",
        "key_file: the certificate's key is missing",
    ),
    (
        "tls_server_config: { cert_file: \"\", key_file: server.pem }",
        "cert_file: the server's certificate is missing",
    ),
    (
        "tls_server_config: { cert: \"\", key_file: server.pem }",
        "cert_file: the server's certificate is missing",
    ),
    (
        "tls_server_config: { cert_file: server.pem, key_file: \"\" }",
        "key_file: the certificate's key is missing",
    ),
    (
        "tls_server_config: { cert_file: \"\", key_file: \"\" }",
        "cert_file: the server's\nkey_file: the certificate's",
    ),
    (
        "tls_server_config: { cert_file: , key_file: server.pem }",
        "cert_file: has no value; write one",
    ),
    (
        "tls_server_config: { cert_file: no.pem, key_file: server.pem }",
        ":1: tls_server_config.cert_file: cannot be read: entity not found; name a PEM file",
    ),
    (
        "tls_server_config: { cert_file: server.pem, key_file: no.pem }",
        "key_file: cannot be read: entity not found",
    ),
    (
        "tls_server_config: { cert_file: no.pem, key_file: no.pem }",
        "cert_file: cannot be read\nkey_file: cannot be read",
    ),
    (
        "tls_server_config: { cert_file: ., key_file: server.pem }",
        "cert_file: not a file",
    ),
    (
        "tls_server_config: { cert_file: empty.pem, key_file: server.pem }",
        "cert_file: holds no certificate; put it there in PEM form",
    ),
    (
        "tls_server_config: { cert_file: server.pem, key_file: authority.pem }",
        "key_file: holds no private key; |without a passphrase",
    ),
    (
        "tls_server_config: { cert_file: junk.pem, key_file: server.pem }",
        "cert_file: the certificate or its key is of a kind that is not known; use",
    ),
    (
        "tls_server_config: { cert_file: server.pem, key_file: other.pem }",
        "key_file: the key is not that of the certificate",
    ),
    (
        "tls_server_config: { cert: CANARY, key: CANARY }",
        "cert: holds no certificate\nkey: holds no private key",
    ),
    (
        "tls_server_config: { PAIR, cert: CANARY }",
        "cert: `cert_file` says it as well; keep one",
    ),
    // Clients.
    (
        "tls_server_config: { PAIR, client_ca_file: authority.pem }",
        "client_ca_file: without effect|RequireAndVerifyClientCert",
    ),
    (
        "tls_server_config: { PAIR, client_auth_type: RequireAnyClientCert, client_ca_file: authority.pem }",
        "client_ca_file: without effect",
    ),
    (
        "tls_server_config: { PAIR, client_auth_type: RequireAndVerifyClientCert }",
        "client_ca_file: nobody is named who signs",
    ),
    (
        "tls_server_config: { PAIR, client_auth_type: VerifyClientCertIfGiven, client_ca_file: no.pem }",
        "client_ca_file: cannot be read",
    ),
    (
        "tls_server_config: { PAIR, client_auth_type: RequireAndVerifyClientCert, client_ca_file: empty.pem }",
        "client_ca_file: holds no certificate",
    ),
    (
        "tls_server_config: { PAIR, client_auth_type: RequireAndVerifyClientCert, client_ca_file: junk.pem }",
        "client_ca_file: an authority's certificate cannot be used",
    ),
    (
        "tls_server_config: { PAIR, client_auth_type: RequireAndVerifyClientCert, client_ca: CANARY }",
        "client_ca: holds no certificate",
    ),
    (
        "tls_server_config: { PAIR, client_auth_type: Yes }",
        "client_auth_type: `Yes` is not NoClientCert or|write RequireAndVerifyClientCert",
    ),
    (
        "tls_server_config: { PAIR, client_allowed_sans: [ a ] }",
        "client_allowed_sans: a name that nobody has verified",
    ),
    (
        "tls_server_config: { PAIR, client_auth_type: VerifyClientCertIfGiven, client_ca_file: authority.pem, client_allowed_sans: [ a ] }",
        "client_allowed_sans: |need not show",
    ),
    (
        "tls_server_config: { PAIR, client_auth_type: RequireAndVerifyClientCert, client_ca_file: authority.pem, client_allowed_sans: [ a@b ] }",
        "client_allowed_sans: mail addresses",
    ),
    // Versions, suites, groups.
    (
        "tls_server_config: { PAIR, min_version: TLS111 }",
        "min_version: `TLS111` is not TLS12 or TLS13; write",
    ),
    (
        "tls_server_config: { PAIR, min_version: TLS10 }",
        "min_version: `TLS10` is not TLS12 or TLS13|broken",
    ),
    (
        "tls_server_config: { PAIR, max_version: SSL3 }",
        "max_version: `SSL3`",
    ),
    (
        "tls_server_config: { PAIR, min_version: TLS13, max_version: TLS12 }",
        "min_version: above `max_version`",
    ),
    (
        "tls_server_config: { PAIR, cipher_suites: [ TLS_INVENTED ] }",
        "cipher_suites: `TLS_INVENTED` is not known, or too weak; choose from TLS_ECDHE",
    ),
    (
        "tls_server_config: { PAIR, cipher_suites: [ TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA ] }",
        "cipher_suites: `TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA` is not known, or too weak",
    ),
    (
        "tls_server_config: { PAIR, max_version: TLS12, cipher_suites: [ TLS_AES_128_GCM_SHA256 ] }",
        "cipher_suites: no cipher suite is left",
    ),
    (
        "tls_server_config: { PAIR, curve_preferences: [ CurveP257 ] }",
        "curve_preferences: `CurveP257` is not known, or too weak; choose from X25519",
    ),
    (
        "tls_server_config: { PAIR, prefer_server_cipher_suites: maybe }",
        "prefer_server_cipher_suites: `maybe` is not true or false",
    ),
    // HTTP.
    (
        "http_server_config: { http2: true }",
        "http2: this server speaks HTTP/1.1 only; write false",
    ),
    (
        "http_server_config: { http2: maybe }",
        "http2: `maybe` is not true or false",
    ),
    (
        "http_server_config: { headers: { X-Frame-Options: maybe } }",
        "http_server_config.headers.X-Frame-Options: `maybe` means nothing there; write deny or sameorigin",
    ),
    (
        "http_server_config: { headers: { X-Content-Type-Options: sniff } }",
        "X-Content-Type-Options: `sniff` means nothing there; write nosniff",
    ),
    (
        "http_server_config: { headers: { X-Powered-By: us } }",
        "headers.X-Powered-By: unknown key",
    ),
    (
        "http_server_config: { headers: { Content-Security-Policy: \"a\\nb\" } }",
        "Content-Security-Policy: a character that no header field may have",
    ),
    (
        "http_server_config: { headers: [] }",
        "http_server_config.headers: expected keys and values, found a list",
    ),
    // Users.
    (
        "basic_auth_users:\n  ada: CANARY",
        ":2: basic_auth_users.ada: not a bcrypt hash; write what `htpasswd",
    ),
    (
        "basic_auth_users:\n  ada:",
        "basic_auth_users.ada: not a bcrypt hash",
    ),
    (
        "basic_auth_users: { ada: [ CANARY ] }",
        "basic_auth_users.ada: not a bcrypt hash",
    ),
    (
        "basic_auth_users: { ada: \"HASH31\" }",
        "basic_auth_users.ada: a bcrypt hash of a cost beyond 4 to 15; make it",
    ),
    (
        "basic_auth_users:\n  ada: \"HASH10\"\n  ada: \"HASH10\"",
        ":3: basic_auth_users.ada: written twice, first in line 2",
    ),
    (
        "basic_auth_users: { \"a:b\": \"HASH10\" }",
        "basic_auth_users.(a key not shown): no name that a client could send",
    ),
    (
        "basic_auth_users: { \"\": \"HASH10\" }",
        "no name that a client could send",
    ),
    (
        "basic_auth_users: { anonymous: \"HASH10\" }",
        "basic_auth_users.anonymous: the name stands for",
    ),
    ("basic_auth_users: {}", "basic_auth_users: names nobody"),
    ("basic_auth_users:", "basic_auth_users: names nobody"),
    (
        "basic_auth_users: CANARY",
        "basic_auth_users: (not shown) is not a section",
    ),
    (
        "basic_auth_users: [ CANARY ]",
        "basic_auth_users: a list is not a section",
    ),
];

const GOOD: &[&str] = &[
    "",
    "# nothing\n",
    "tls_server_config: { PAIR }",
    "tls_server_config: { PAIR, client_auth_type: RequireAndVerifyClientCert, client_ca_file: authority.pem, client_allowed_sans: [ a, 10.0.0.1, \"spiffe://x/y\" ] }",
    "tls_server_config: { PAIR, client_auth_type: RequestClientCert }",
    "tls_server_config: { PAIR, cipher_suites: [ TLS_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305 ] }",
    "tls_server_config: { PAIR, min_version: TLS13, curve_preferences: [ CurveP256, X25519 ], prefer_server_cipher_suites: false }",
    "basic_auth_users: { ada: \"HASH10\" }\nhttp_server_config: { http2: false }",
];

/// The placeholders of the tables filled in.
fn filled(text: &str) -> String {
    let hash = |cost: &str| {
        format!(
            "$2y${cost}${}",
            "a".repeat(21) + "u" + &"b".repeat(30) + "2"
        )
    };
    text.replace("PAIR", PAIR)
        .replace("HASH10", &hash("10"))
        .replace("HASH31", &hash("31"))
}

#[test]
fn every_bad_file_is_refused_with_its_key_and_a_remedy() {
    let folder = folder();
    let mut failures = Vec::new();
    for (text, expected) in BAD {
        let path = folder.write("web.yaml", &filled(text));
        let said = said(&path);
        let all = expected.lines().all(|line| {
            let fits = |said: &str| line.split('|').all(|part| said.contains(part));
            said.lines().any(fits)
        });
        let remedies = said.lines().all(|line| line.contains("; "));
        if !all || !remedies || said.lines().count() != expected.lines().count() {
            failures.push(format!("{text}\n  wanted {expected}\n  said {said}"));
        }
        if said.contains("CANARY") {
            failures.push(format!("{text}\n  gave away {said}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn good_files_are_taken_and_name_what_to_watch() {
    let folder = folder();
    for text in GOOD {
        let path = folder.write("web.yaml", &filled(text));
        assert_eq!(said(&path), "nothing", "{text}");
    }
    let path = folder.write("web.yaml", &filled(GOOD[3]));
    let files: Vec<PathBuf> = load_web(&path).unwrap().files;
    let names = ["web.yaml", "server.pem", "server.pem", "authority.pem"];
    assert_eq!(files, names.map(|name| folder.path(name)));
    // Written out instead of in files.
    let pem = fs::read_to_string(folder.path("server.pem"))
        .unwrap()
        .replace('\n', "\n    ");
    let text = format!("tls_server_config:\n  cert: |\n    {pem}\n  key: |\n    {pem}\n");
    assert_eq!(said(&folder.write("web.yaml", &text)), "nothing");
    assert!(said(&folder.path("nowhere.yaml")).contains("check the path"));
}

#[test]
fn a_bad_file_is_a_bad_start_and_is_found_by_the_check() {
    let folder = folder();
    let path = folder.write("web.yaml", "basic_auth_users: { ada: CANARY }");
    for check in [&["--config.check"][..], &[]] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_audio-capture-exporter"))
            .args(check)
            .args([
                "--web.listen-address",
                "127.0.0.1:0",
                "a.wav",
                "--web.config.file",
            ])
            .arg(&path)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(
            said.contains("basic_auth_users.ada: not a bcrypt hash"),
            "{said}"
        );
        assert!(!said.contains("CANARY"), "{said}");
    }
}

#[test]
fn the_document_and_the_code_list_the_same_keys() {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/security.md");
    let document = fs::read_to_string(document).unwrap();
    let rows: Vec<[String; 3]> = document
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            line.trim_matches('|')
                .split(" | ")
                .map(|cell| cell.trim().to_owned())
                .collect()
        })
        .filter_map(|cells: Vec<String>| match &cells[..] {
            [key, kind, default, _] => Some([
                key.trim_matches('`').to_owned(),
                kind.clone(),
                default.clone(),
            ]),
            _ => None,
        })
        .collect();
    let keys: Vec<[String; 3]> = WEB_KEYS
        .iter()
        .map(|key| {
            [
                key.path.to_owned(),
                key.kind.to_string(),
                key.default.to_string(),
            ]
        })
        .collect();
    assert_eq!(rows, keys);
}

#[test]
fn every_key_is_really_read() {
    let folder = folder();
    for key in WEB_KEYS {
        let value = match key.kind {
            Kind::Section | Kind::Texts | Kind::Names => "5",
            _ => "[[ ]]",
        };
        let parts: Vec<&str> = key.path.split('.').collect();
        let nested = parts.iter().rev().fold(value.to_owned(), |inner, part| {
            format!("{{ {part}: {inner} }}")
        });
        let said = said(&folder.write("web.yaml", &nested));
        assert!(
            said.contains(&format!("{}: ", key.path)),
            "{}: {said}",
            key.path
        );
    }
}
