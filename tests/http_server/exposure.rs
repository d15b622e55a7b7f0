//! Who may ask for what.

use std::{net::SocketAddr, sync::Arc};

use audio_capture_exporter::http::{Rejection, WebOptions};

use crate::{
    client::{Answer, Client, ask, get},
    fixture::{Setup, start},
};

fn with_host(address: SocketAddr, host: &str) -> Answer {
    let mut client = Client::connect(address);
    client.send(format!("GET /metrics HTTP/1.1\r\n{host}\r\n"));
    client.answer(false)
}

#[test]
fn a_rebound_name_gets_nothing() {
    let server = start(Setup::default());
    for (host, status) in [
        ("host: evil.example\r\n", 421),
        ("Host: evil.example:10480\r\n", 421),
        ("host: localhost.evil.example\r\n", 421),
        ("", 400),
        ("host:\r\n", 400),
        ("host: localhost\r\nhost: localhost\r\n", 400),
        ("host: user@localhost\r\n", 400),
        ("host: LOCALHOST.:9\r\n", 200),
        ("host: [::1]:9\r\n", 200),
        ("host: 10.0.0.7\r\n", 200),
    ] {
        let answer = with_host(server.address, host);
        assert_eq!(answer.status, status, "{host}");
        if status != 200 {
            answer.problem();
            assert!(!answer.text().contains("evil"), "nothing is echoed");
        }
    }
    assert_eq!(server.rejected(Rejection::Host), 3);
    assert_eq!(server.rejected(Rejection::Malformed), 4);
    let mut old = Client::connect(server.address);
    old.send("GET /metrics HTTP/1.0\r\n\r\n");
    assert_eq!(old.answer(false).status, 200);
}

#[test]
fn an_allowed_name_is_served_as_long_as_it_is_allowed() {
    let server = start(Setup::default());
    let ask = || with_host(server.address, "host: recorder.example\r\n").status;
    assert_eq!(ask(), 421);
    server.web.send_replace(Arc::new(WebOptions {
        allowed_hosts: vec!["recorder.example".to_owned()],
        ..WebOptions::default()
    }));
    assert_eq!(ask(), 200);
    server.web.send_replace(Arc::default());
    assert_eq!(ask(), 421);
}

#[test]
fn the_network_gets_metrics_and_health_and_is_told_why_not_more() {
    let mut server = start(Setup {
        listen: "0.0.0.0:0",
        ..Setup::default()
    });
    for path in ["/metrics", "/-/healthy"] {
        assert_eq!(get(server.address, path).status, 200, "{path}");
    }
    assert_eq!(get(server.address, "/-/ready").status, 503, "no report yet");
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/page/style.css"),
        ("POST", "/-/reload"),
        ("GET", "/probe?target=garden"),
        ("GET", "/alerts/recorder.yaml"),
        ("GET", "/no"),
    ] {
        let answer = ask(server.address, method, path, "");
        assert_eq!(answer.status, 403, "{path}");
        let detail = answer.problem()["detail"].as_str().unwrap().to_owned();
        assert!(
            detail.contains("authentication") && detail.contains("/metrics"),
            "{detail}"
        );
    }
    assert!(server.commands.try_recv().is_err());
    assert_eq!(server.rejected(Rejection::Exposure), 6);
}

#[test]
fn ipv6_loopback_serves_everything() {
    let Ok(listeners) = audio_capture_exporter::http::bind(&["[::1]:0".to_owned()]) else {
        return; // A machine without IPv6.
    };
    drop(listeners);
    let server = start(Setup {
        listen: "[::1]:0",
        ..Setup::default()
    });
    let address = SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, server.address.port()));
    assert_eq!(get(address, "/").status, 200);
}
