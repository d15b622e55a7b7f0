//! Tables of hosts and origins.

use hyper::Request;

use super::*;

fn guard() -> Guard {
    let allowed = [
        "recorder.example".to_owned(),
        "proxy.example:8443".to_owned(),
    ];
    let (_, web) = watch::channel(allowing(&allowed));
    Guard::new(Some("Garden-Pi.lan"), web)
}

fn allowing(hosts: &[String]) -> Arc<WebOptions> {
    Arc::new(WebOptions {
        allowed_hosts: hosts.to_vec(),
        ..WebOptions::default()
    })
}

fn parts(method: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(method).uri("/-/reload");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn verdict(request: &Parts) -> Option<Rejection> {
    guard().check(request).err().map(|(reason, _)| reason)
}

#[test]
fn our_own_names_are_served_and_others_are_not() {
    for host in [
        "127.0.0.1",
        "127.0.0.1:10480",
        "192.168.1.7:10480",
        "[::1]",
        "[::1]:10480",
        "[FE80::1]:1",
        "localhost",
        "localhost:3000",
        "LocalHost:3000",
        "localhost.",
        "localhost.:80",
        "garden-pi.lan",
        "garden-pi.lan:10480",
        "GARDEN-PI.local",
        "garden-pi.local.:9",
        "recorder.example",
        "Recorder.Example:1",
        "recorder.example.",
        "proxy.example:8443",
    ] {
        assert_eq!(verdict(&parts("GET", &[("host", host)])), None, "{host}");
    }
    for host in [
        "evil.example",
        "evil.example:10480",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.1.nip.io",
        "notlocalhost",
        "recorder.example.evil.example",
        "evil-recorder.example",
        "proxy.example",
        "proxy.example:80",
        "proxy.example:8444",
        "1.2.3.4.5",
        "0x7f000001",
        "localhost..",
    ] {
        assert_eq!(
            verdict(&parts("GET", &[("host", host)])),
            Some(Rejection::Host),
            "{host}"
        );
    }
}

#[test]
fn a_host_that_is_no_host_is_malformed() {
    for host in [
        "",
        ":80",
        "localhost:",
        "localhost:x",
        "localhost:99999",
        "localhost:80:80",
        "::1",
        "[::1",
        "[localhost]",
        "[::1]x",
        "user@localhost",
        "localhost/..",
        "local host",
        "localhost,evil.example",
    ] {
        // An empty port alone is allowed by RFC 3986.
        let expected = (host != "localhost:").then_some(Rejection::Malformed);
        assert_eq!(
            verdict(&parts("GET", &[("host", host)])),
            expected,
            "{host:?}"
        );
    }
    assert_eq!(verdict(&parts("GET", &[])), Some(Rejection::Malformed));
    let twice = parts("GET", &[("host", "localhost"), ("host", "localhost")]);
    assert_eq!(verdict(&twice), Some(Rejection::Malformed));
    let mut old = parts("GET", &[]);
    old.version = Version::HTTP_10;
    assert_eq!(verdict(&old), None);
}

#[test]
fn an_absolute_target_counts_as_the_host() {
    let mut request = parts("GET", &[("host", "localhost")]);
    request.uri = "http://evil.example/metrics".parse().unwrap();
    assert_eq!(verdict(&request), Some(Rejection::Host));
    request.version = Version::HTTP_10;
    request.headers.clear();
    assert_eq!(verdict(&request), Some(Rejection::Host));
}

#[test]
fn a_change_comes_from_our_own_origin_or_from_no_page_at_all() {
    let check = |headers: &[(&str, &str)]| {
        let mut all = vec![("host", "localhost:10480")];
        all.extend_from_slice(headers);
        verdict(&parts("POST", &all))
    };
    assert_eq!(check(&[]), None);
    for origin in [
        "http://localhost:10480",
        "http://LOCALHOST:10480",
        "https://localhost:10480",
    ] {
        assert_eq!(check(&[("origin", origin)]), None, "{origin}");
    }
    for origin in [
        "null",
        "",
        "http://localhost",
        "http://localhost:3000",
        "http://127.0.0.1:10480",
        "http://evil.example",
        "http://localhost:10480.evil.example",
        "http://localhost:10480/x",
        "ftp://localhost:10480",
        "localhost:10480",
        "http://user@localhost:10480",
    ] {
        assert_eq!(
            check(&[("origin", origin)]),
            Some(Rejection::Origin),
            "{origin}"
        );
    }
    let twice = [
        ("origin", "http://localhost:10480"),
        ("origin", "http://localhost:10480"),
    ];
    assert_eq!(check(&twice), Some(Rejection::Origin));
    assert_eq!(
        check(&[("sec-fetch-site", "cross-site")]),
        Some(Rejection::Origin)
    );
    assert_eq!(check(&[("sec-fetch-site", "same-origin")]), None);
    assert_eq!(check(&[("sec-fetch-site", "none")]), None);
}

#[test]
fn default_ports_follow_the_scheme() {
    let check = |host, origin| verdict(&parts("PUT", &[("host", host), ("origin", origin)]));
    assert_eq!(check("localhost", "http://localhost:80"), None);
    assert_eq!(check("localhost:80", "http://localhost"), None);
    assert_eq!(check("localhost:443", "https://localhost"), None);
    assert_eq!(
        check("localhost:443", "http://localhost"),
        Some(Rejection::Origin)
    );
    assert_eq!(check("[::1]:9", "http://[::1]:9"), None);
}

#[test]
fn reading_is_not_a_change() {
    let headers = [
        ("host", "localhost"),
        ("origin", "http://evil.example"),
        ("sec-fetch-site", "cross-site"),
    ];
    for method in ["GET", "HEAD"] {
        assert_eq!(verdict(&parts(method, &headers)), None, "{method}");
    }
}

#[test]
fn a_reload_replaces_the_allowed_names() {
    let (change, allowed) = watch::channel(Arc::default());
    let guard = Guard::new(None, allowed);
    let request = parts("GET", &[("host", "new.example")]);
    assert!(guard.check(&request).is_err());
    change.send_replace(allowing(&["new.example".to_owned()]));
    assert!(guard.check(&request).is_ok());
    change.send_replace(Arc::default());
    assert!(guard.check(&request).is_err());
}
