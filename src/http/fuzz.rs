//! What the server promises about any request's head.

use std::{net::IpAddr, sync::Arc, time::Duration};

use hyper::{
    HeaderMap, Method, Request, Version,
    header::{HOST, ORIGIN},
};
use tokio::sync::watch;
use url::Url;

use super::{
    WebOptions,
    guard::Guard,
    negotiate::{Format, format, gzip},
    probe,
};
use crate::fuzzing::Input;

/// Names known to be ours; the third stands for any port.
const OURS: [&str; 4] = ["localhost", "recorder", "recorder.local", "radio.lan"];

/// `Host`, `Origin`, `Accept` and the query of a probe: no panic; a browser that was led here
/// under a name that is not ours is refused; nothing changes from a foreign page.
///
/// # Panics
/// When that is not so.
pub(crate) fn request(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let method = input.one_of(&[
        &Method::GET,
        &Method::HEAD,
        &Method::POST,
        &Method::PUT,
        &Method::DELETE,
    ]);
    guard(method, input.byte() & 1 == 1, &input.text(), &input.text());
    negotiation(&input.text());
    let query = input.text();
    if let Ok(target) = probe::target(&query) {
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        let targets: Vec<_> = pairs.filter(|(key, _)| key == "target").collect();
        assert_eq!(targets.len(), 1);
        assert_eq!(targets[0].1, target);
    }
    let mut headers = HeaderMap::new();
    if let Ok(value) = input.text().parse() {
        headers.insert("x-prometheus-scrape-timeout-seconds", value);
    }
    assert!((Duration::ZERO..Duration::from_secs(120)).contains(&probe::limit(&headers)));
}

fn guard(method: &Method, old: bool, host: &str, origin: &str) {
    let web = WebOptions {
        allowed_hosts: vec!["radio.lan".to_owned()],
        ..WebOptions::default()
    };
    let (_sender, receiver) = watch::channel(Arc::new(web));
    let guard = Guard::new(Some("recorder"), receiver);
    let mut request = Request::builder().method(method).uri("/-/reload");
    if old {
        request = request.version(Version::HTTP_10);
    }
    if !host.is_empty() {
        request = request.header(HOST, host);
    }
    if !origin.is_empty() {
        request = request.header(ORIGIN, origin);
    }
    let Ok(request) = request.body(()) else {
        return;
    };
    if guard.check(&request.into_parts().0).is_err() {
        return;
    }
    if host.is_empty() {
        assert!(old, "only HTTP/1.0 needs no Host");
        assert!(origin.is_empty() || method == Method::GET || method == Method::HEAD);
        return;
    }
    // As a browser reads what it sends.
    let asked = Url::parse(&format!("http://{host}/")).expect("a host that a browser reads");
    assert!(is_ours(&asked), "{host}");
    if !origin.is_empty() && method != Method::GET && method != Method::HEAD {
        let page = Url::parse(origin).expect("an origin that a browser reads");
        assert!(is_ours(&page), "{origin}");
    }
}

fn is_ours(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let host = host.strip_suffix('.').unwrap_or(host);
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    OURS.contains(&host) || bare.parse::<IpAddr>().is_ok()
}

fn negotiation(accept: &str) {
    let chosen = format(Some(accept));
    // The case of letters and ranges of something else change nothing.
    assert_eq!(format(Some(&accept.to_ascii_uppercase())), chosen);
    if accept.matches('"').count().is_multiple_of(2) {
        assert_eq!(
            format(Some(&format!("image/png, {accept} ,a/b;q=1"))),
            chosen
        );
    }
    let lower = accept.to_ascii_lowercase();
    if chosen == Format::OpenMetrics {
        assert!(lower.contains("openmetrics") || lower.contains('*'));
    }
    let compressed = gzip(Some(accept));
    assert_eq!(gzip(Some(&accept.to_ascii_uppercase())), compressed);
    assert!(!compressed || lower.contains("gzip") || lower.contains('*'));
}
