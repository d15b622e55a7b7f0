//! Files that are refused, and some that are not.

/// What `PAIR` stands for in the tables.
pub(super) const PAIR: &str = "cert_file: server.pem, key_file: server.pem";

/// A file and what is said of it: a line for each mistake, its essential parts separated by `|`.
pub(super) const BAD: &[(&str, &str)] = &[
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

pub(super) const GOOD: &[&str] = &[
    "",
    "# nothing\n",
    "tls_server_config: { PAIR }",
    "tls_server_config: { PAIR, client_auth_type: RequireAndVerifyClientCert, client_ca_file: authority.pem, client_allowed_sans: [ a, 10.0.0.1, \"spiffe://x/y\" ] }",
    "tls_server_config: { PAIR, client_auth_type: RequestClientCert }",
    "tls_server_config: { PAIR, cipher_suites: [ TLS_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305 ] }",
    "tls_server_config: { PAIR, min_version: TLS13, curve_preferences: [ CurveP256, X25519 ], prefer_server_cipher_suites: false }",
    "basic_auth_users: { ada: \"HASH10\" }\nhttp_server_config: { http2: false }",
];
