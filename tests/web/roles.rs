//! Who may ask for what, by name and password.

use crate::{
    stage::{Stage, users},
    support::{Exporter, Scratch},
};

/// One request for each role, and one for nobody's.
const ASKED: [(&str, &str, &str); 21] = [
    ("metrics", "GET", "/metrics"),
    ("status", "GET", "/"),
    ("status", "GET", "/page/style.css"),
    ("status", "GET", "/api/v1/sources"),
    ("status", "GET", "/api/v1/sources/garden"),
    ("status", "GET", "/alerts/buffers.yaml"),
    ("status", "GET", "/api/v1/status"),
    ("status", "GET", "/api/v1/events"),
    ("status", "GET", "/api/v1/alarms"),
    ("status", "GET", "/api/v1/history"),
    ("status", "GET", "/openapi.json"),
    ("status", "GET", "/no-such-thing"),
    ("status", "GET", "/probe"),
    ("audio", "GET", "/api/v1/sources/garden/clip.wav?last=1s"),
    ("admin", "GET", "/debug/pprof/heap"),
    ("admin", "POST", "/-/reload"),
    ("admin", "PUT", "/api/v1/allocations"),
    ("admin", "POST", "/api/v1/memory/analyze"),
    ("admin", "POST", "/api/v1/objects/x"),
    ("admin", "POST", "/api/v1/sources/nobody/reconnect"),
    ("admin", "POST", "/api/v1/alarms/0123456789abcdef/resolve"),
];

#[test]
fn every_route_asks_for_its_role_and_says_nothing_before() {
    let roles = "roles: { metrics: [ prom ], status: [ ada ], audio: [ bob ], admin: [ eve ] }";
    let stage = Stage::set(&users(), &format!("audio: true, {roles}"));
    for (role, method, path) in ASKED {
        for (user, has) in [
            ("prom", "metrics"),
            ("ada", "status"),
            ("bob", "audio"),
            ("eve", "admin"),
        ] {
            let status = stage.status(Some(user), method, path);
            let let_in = !matches!(status, 0 | 401 | 403);
            assert_eq!(let_in, has == role, "{user} {method} {path}: {status}");
        }
        assert_eq!(stage.status(None, method, path), 401, "{path}");
    }
    for path in ["/-/healthy", "/-/ready"] {
        assert_eq!(stage.status(None, "GET", path), 200, "{path}");
    }
}

#[test]
fn users_may_everything_unless_it_is_said_otherwise_and_nobody_else_anything() {
    let stage = Stage::set(&users(), "");
    for (role, method, path) in ASKED {
        let status = stage.status(Some("ada"), method, path);
        // Audio stays switched off.
        assert_eq!(status == 403, role == "audio", "{path}: {status}");
        assert_ne!(status, 401, "{path}");
        assert_eq!(stage.status(None, method, path), 401, "{path}");
    }
}

#[test]
fn a_refusal_tells_nothing_of_users_or_paths() {
    let stage = Stage::set(&users(), "");
    let said = |login: &str, path: &str| {
        let answer = stage.curl("http", path, &["-u", login]);
        let lines = answer
            .head
            .lines()
            .filter(|line| !line.starts_with("date:"));
        (
            answer.status,
            lines.collect::<Vec<_>>().join("\n"),
            answer.body,
        )
    };
    let wrong = said("ada:wrong", "/api/v1/sources/garden");
    assert_eq!(wrong.0, 401);
    assert!(
        wrong.1.contains("www-authenticate: basic realm="),
        "{}",
        wrong.1
    );
    assert!(
        !wrong.2.contains("ada") && !wrong.2.contains("garden"),
        "{}",
        wrong.2
    );
    for (login, path) in [
        ("nobody:wrong", "/api/v1/sources/garden"),
        ("ada:", "/api/v1/sources/nothing"),
        (":", "/no"),
        ("bob:ada-pw", "/metrics"),
    ] {
        assert_eq!(said(login, path), wrong, "{login} {path}");
    }
    let counted = "audio_capture_exporter_http_rejected_total{reason=\"unauthorized\"}";
    assert_eq!(stage.value("http", "ada", counted), 5.0);
    assert!(!stage.exporter.process.output().contains("ada"));
}

#[test]
fn headers_of_the_file_are_on_every_answer() {
    let headers = "http_server_config: { http2: false, headers: { X-Frame-Options: deny, \
        Strict-Transport-Security: max-age=60, X-XSS-Protection: \"\", \
        Content-Security-Policy: \"default-src 'self'\" } }\n";
    let stage = Stage::set(&(users() + headers), "");
    for (path, login) in [("/", "ada:ada-pw"), ("/", "ada:no"), ("/-/healthy", ":")] {
        let head = stage.curl("http", path, &["-u", login]).head;
        assert!(head.contains("x-frame-options: deny"), "{head}");
        assert!(
            head.contains("strict-transport-security: max-age=60"),
            "{head}"
        );
        assert!(
            head.contains("content-security-policy: default-src 'self'"),
            "{head}"
        );
        assert_eq!(head.matches("content-security-policy").count(), 1, "{head}");
        assert!(!head.contains("x-xss"), "{head}");
    }
}

#[test]
fn a_network_listener_serves_all_of_it_to_users() {
    let scratch = Scratch::new();
    let web = scratch.write("web.yaml", &users());
    let arguments = ["--web.listen-address", "0.0.0.0:0", "--web.config.file"];
    let exporter = Exporter::start(
        arguments
            .iter()
            .copied()
            .chain([web.to_str().unwrap(), "x=rtsp://127.0.0.1:9/"]),
    );
    let address = exporter.address.replace("0.0.0.0", "127.0.0.1");
    let status = |headers| crate::support::request(&address, "GET", "/", headers).0;
    assert_eq!(status(""), 401);
    assert_eq!(status("Authorization: Basic YWRhOmFkYS1wdw==\r\n"), 200);
    assert_eq!(status("Authorization: Basic YWRhOm5v\r\n"), 401);
}
