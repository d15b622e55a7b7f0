//! Paths, methods, headers, health.

use std::time::Duration;

use crate::{
    client::{Client, ask, get},
    fixture::{Setup, source, start},
};

#[test]
fn head_is_get_without_the_body() {
    let server = start(Setup::default());
    server.publish(Duration::ZERO, vec![source("garden")]);
    let mut client = Client::connect(server.address);
    for path in [
        "/",
        "/page/style.css",
        "/-/healthy",
        "/-/ready",
        "/grafana/overview.json",
        "/nothing",
    ] {
        let head = client.ask("HEAD", path, "");
        let get = client.ask("GET", path, "");
        assert_eq!(head.status, get.status, "{path}");
        for name in ["content-length", "content-type"] {
            assert_eq!(head.header(name), get.header(name), "{name} of {path}");
        }
        assert!(head.body.is_empty() && !get.body.is_empty());
    }
    assert_eq!(client.ask("HEAD", "/metrics", "").status, 200);
}

#[test]
fn a_wrong_method_is_told_the_right_ones() {
    let server = start(Setup::default());
    for (method, path, allow) in [
        ("POST", "/metrics", "GET, HEAD"),
        ("DELETE", "/", "GET, HEAD"),
        ("PUT", "/-/healthy", "GET, HEAD"),
        ("OPTIONS", "/-/ready", "GET, HEAD"),
        ("POST", "/alerts/recorder.yaml", "GET, HEAD"),
        ("GET", "/-/reload", "POST, PUT"),
        ("HEAD", "/-/reload", "POST, PUT"),
        ("DELETE", "/-/reload", "POST, PUT"),
    ] {
        let answer = ask(server.address, method, path, "");
        assert_eq!(answer.status, 405, "{method} {path}");
        assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
    }
}

#[test]
fn only_what_is_known_is_served() {
    let server = start(Setup::default());
    let dashboard = get(server.address, "/grafana/overview.json");
    assert_eq!((dashboard.status, dashboard.text()), (200, "{\"title\":1}"));
    assert_eq!(dashboard.header("content-type"), Some("application/json"));
    let rules = get(server.address, "/alerts/recorder.yaml");
    assert_eq!((rules.status, rules.text()), (200, "groups: []\n"));
    for path in [
        "/nothing",
        "/metrics/",
        "//metrics",
        "/grafana/",
        "/grafana/other.json",
        "/grafana/recorder.yaml",
        "/grafana/../alerts/recorder.yaml",
        "/grafana/%2e%2e/alerts/recorder.yaml",
        "/alerts/overview.json",
        "/../../etc/passwd",
        "/grafana/..%2f..%2fetc%2fpasswd",
        "/GRAFANA/overview.json",
    ] {
        let answer = get(server.address, path);
        assert_eq!(answer.status, 404, "{path}");
        answer.problem();
    }
}

#[test]
fn every_answer_is_inert_in_a_browser() {
    let server = start(Setup::default());
    server.publish(Duration::ZERO, Vec::new());
    for path in [
        "/",
        "/page/style.css",
        "/metrics",
        "/-/healthy",
        "/-/ready",
        "/-/reload",
        "/alerts/recorder.yaml",
        "/no",
    ] {
        let answer = get(server.address, path);
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("server"), None);
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
}

#[test]
fn the_page_shows_the_snapshot_and_no_markup_from_outside() {
    let server = start(Setup {
        telemetry_path: "/telemetry",
        ..Setup::default()
    });
    assert!(get(server.address, "/").text().contains("no report yet"));
    let mut stalled = source("garden");
    stalled.problem = Some("<script>alert('x')</script>".to_owned());
    server.publish(Duration::from_secs(40), vec![stalled]);
    let page = get(server.address, "/");
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let html = page.text();
    // One of our own, and that from a file.
    assert_eq!(html.matches("<script").count(), 1, "{html}");
    assert!(html.contains("<script type=\"module\" src=\"/page/main.js\"></script>"));
    assert!(
        html.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"),
        "{html}"
    );
    for text in [
        "garden",
        "connected, but no audio arrives",
        "href=\"/telemetry\"",
        "not reported for 40 s",
    ] {
        assert!(html.contains(text), "{text} in {html}");
    }
    assert_eq!(get(server.address, "/telemetry").status, 200);
    assert_eq!(get(server.address, "/metrics").status, 404);
}

#[test]
fn health_is_the_age_of_the_capture_sides_report() {
    let server = start(Setup::default());
    assert_eq!(
        get(server.address, "/-/healthy").status,
        200,
        "it has just started"
    );
    server.publish(Duration::from_secs(20), Vec::new());
    assert_eq!(get(server.address, "/-/healthy").status, 200);
    server.publish(Duration::from_secs(31), Vec::new());
    let stale = get(server.address, "/-/healthy");
    assert_eq!(stale.status, 503);
    let problem = stale.problem();
    assert!(
        problem["detail"].as_str().unwrap().contains("31 s"),
        "{problem}"
    );
    server.publish(Duration::ZERO, Vec::new());
    assert_eq!(
        get(server.address, "/-/healthy").status,
        200,
        "and it recovers"
    );
}

#[test]
fn readiness_comes_with_the_first_report_and_stays() {
    let server = start(Setup::default());
    let early = get(server.address, "/-/ready");
    assert_eq!(
        (early.status, early.header("retry-after")),
        (503, Some("1"))
    );
    early.problem();
    server.publish(Duration::from_secs(300), vec![source("garden")]);
    assert_eq!(
        get(server.address, "/-/ready").status,
        200,
        "whatever any source does"
    );
}
