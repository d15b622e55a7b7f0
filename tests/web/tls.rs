//! TLS, and certificates of clients, by curl and OpenSSL.

use crate::stage::{Stage, sign, tls, users};

#[test]
fn curl_is_served_over_tls_1_2_and_1_3_and_by_nothing_older() {
    let stage = Stage::set(&tls(""), "");
    for version in [&["--tlsv1.2", "--tls-max", "1.2"][..], &["--tlsv1.3"]] {
        let answer = stage.curl("https", "/metrics", version);
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.body.contains("myaudio_source_up"), "{answer:?}");
    }
    // Whatever the client's OpenSSL thinks of it.
    let old = [
        "--tlsv1.0",
        "--tls-max",
        "1.1",
        "--ciphers",
        "ALL:@SECLEVEL=0",
    ];
    let answer = stage.curl("https", "/metrics", &old);
    assert_eq!(answer.status, 0, "{answer:?}");
    assert!(answer.complaint.contains("alert"), "{answer:?}");
    // Who does not know the authority does not talk to it.
    let answer = stage.curl(
        "https",
        "/",
        &["--cacert", "/etc/ssl/certs/ca-certificates.crt"],
    );
    assert_eq!(answer.status, 0, "{answer:?}");
    // HTTP/2 is offered and not taken up.
    let answer = stage.curl("https", "/-/healthy", &["--http2"]);
    assert!(answer.head.starts_with("http/1.1 200"), "{answer:?}");
}

#[test]
fn versions_and_suites_are_those_of_the_file() {
    let only = ", min_version: TLS12, max_version: TLS12, \
        cipher_suites: [ TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 ], curve_preferences: [ CurveP384 ]";
    let stage = Stage::set(&tls(only), "");
    let status = |arguments: &[&str]| stage.curl("https", "/-/healthy", arguments).status;
    assert_eq!(status(&[]), 200);
    assert_eq!(status(&["--tlsv1.3"]), 0);
    assert_eq!(status(&["--ciphers", "ECDHE-ECDSA-AES256-GCM-SHA384"]), 0);
    assert_eq!(status(&["--ciphers", "ECDHE-ECDSA-AES128-GCM-SHA256"]), 200);
    assert_eq!(status(&["--curves", "X25519:P-256"]), 0);
    assert_eq!(status(&["--curves", "P-256:P-384"]), 200);
}

#[test]
fn a_client_needs_a_certificate_of_the_authority_and_one_of_the_names() {
    let more = ", client_auth_type: RequireAndVerifyClientCert, client_ca_file: authority.pem, \
        client_allowed_sans: [ prometheus.lan, 10.0.0.7 ]";
    let stage = Stage::set(&tls(more), "roles: { admin: [ \"cert:prometheus.lan\" ] }");
    let stranger = crate::tls_front::Authority::new();
    for (name, text) in [
        ("good.pem", sign(&stage.authority, "prometheus.lan").pem()),
        ("address.pem", sign(&stage.authority, "10.0.0.7").pem()),
        ("other.pem", sign(&stage.authority, "other.lan").pem()),
        ("foreign.pem", sign(&stranger, "prometheus.lan").pem()),
    ] {
        stage.scratch.write(name, &text);
    }
    let status = |certificate: Option<&str>, method: &str, path: &str| {
        let file = certificate.map(|name| stage.scratch.path(name).display().to_string());
        let mut arguments = vec!["-X", method];
        if let Some(file) = &file {
            arguments.extend(["--cert", file]);
        }
        stage.curl("https", path, &arguments).status
    };
    assert_eq!(status(Some("good.pem"), "GET", "/api/v1/sources"), 200);
    assert_eq!(status(Some("address.pem"), "GET", "/api/v1/sources"), 200);
    for nobody in [None, Some("other.pem"), Some("foreign.pem")] {
        assert_eq!(status(nobody, "GET", "/-/healthy"), 0, "{nobody:?}");
    }
    // By its name it has a role that the other has not.
    assert_eq!(status(Some("good.pem"), "POST", "/-/reload"), 200);
    assert_eq!(status(Some("address.pem"), "POST", "/-/reload"), 403);
}

#[test]
fn a_certificate_that_need_not_be_shown_makes_the_difference() {
    let more = ", client_auth_type: VerifyClientCertIfGiven, client_ca_file: authority.pem";
    let stage = Stage::set(&tls(more), "roles: { metrics: [ anonymous ] }");
    let certificate = sign(&stage.authority, "ops.lan").pem();
    let file = stage.scratch.write("ops.pem", &certificate);
    let shown = ["--cert", file.to_str().unwrap()];
    assert_eq!(stage.curl("https", "/metrics", &[]).status, 200);
    let refused = stage.curl("https", "/", &[]);
    assert_eq!(refused.status, 403);
    assert!(refused.body.contains("client certificate"), "{refused:?}");
    assert_eq!(stage.curl("https", "/", &shown).status, 200);
}

#[test]
fn a_certificate_of_anybody_proves_nothing() {
    let more = ", client_auth_type: RequireAnyClientCert";
    let stage = Stage::set(&(tls(more) + &users()), "");
    let own = crate::tls_front::Identity::self_signed("anybody").pem();
    let own = stage.scratch.write("own.pem", &own);
    let shown = ["--cert", own.to_str().unwrap()];
    assert_eq!(stage.curl("https", "/-/healthy", &[]).status, 0);
    assert_eq!(stage.curl("https", "/-/healthy", &shown).status, 200);
    assert_eq!(stage.curl("https", "/metrics", &shown).status, 401);
    let both = [&shown[..], &["-u", "ada:ada-pw"]].concat();
    assert_eq!(stage.curl("https", "/metrics", &both).status, 200);
}
