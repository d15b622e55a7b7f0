//! The list of every key that may stand in the web file.

use crate::config::keys::{
    Fallback::{Computed, Nothing, Value},
    Key,
    Kind::{Boolean, Choice, Hidden, Names, Section, Text, Texts},
    key,
};

/// Every key, in the order of the documentation.
pub const WEB_KEYS: &[Key] = &[
    key("tls_server_config", Section, Nothing),
    key("tls_server_config.cert_file", Text, Nothing),
    key("tls_server_config.key_file", Text, Nothing),
    key("tls_server_config.cert", Hidden, Nothing),
    key("tls_server_config.key", Hidden, Nothing),
    key(
        "tls_server_config.client_auth_type",
        Choice(&[
            "NoClientCert",
            "RequestClientCert",
            "RequireAnyClientCert",
            "VerifyClientCertIfGiven",
            "RequireAndVerifyClientCert",
        ]),
        Value("NoClientCert"),
    ),
    key("tls_server_config.client_ca_file", Text, Nothing),
    key("tls_server_config.client_ca", Hidden, Nothing),
    key("tls_server_config.client_allowed_sans", Texts, Value("[]")),
    key(
        "tls_server_config.min_version",
        Choice(&["TLS12", "TLS13"]),
        Value("TLS12"),
    ),
    key(
        "tls_server_config.max_version",
        Choice(&["TLS12", "TLS13"]),
        Value("TLS13"),
    ),
    key(
        "tls_server_config.cipher_suites",
        Texts,
        Computed("all that are known"),
    ),
    key(
        "tls_server_config.prefer_server_cipher_suites",
        Boolean,
        Value("true"),
    ),
    key(
        "tls_server_config.curve_preferences",
        Texts,
        Computed("all that are known"),
    ),
    key("http_server_config", Section, Nothing),
    key("http_server_config.http2", Boolean, Value("false")),
    key("http_server_config.headers", Section, Nothing),
    key(
        "http_server_config.headers.Content-Security-Policy",
        Text,
        Nothing,
    ),
    key("http_server_config.headers.X-Frame-Options", Text, Nothing),
    key(
        "http_server_config.headers.X-Content-Type-Options",
        Text,
        Nothing,
    ),
    key("http_server_config.headers.X-XSS-Protection", Text, Nothing),
    key(
        "http_server_config.headers.Strict-Transport-Security",
        Text,
        Nothing,
    ),
    key("basic_auth_users", Names, Nothing),
];
