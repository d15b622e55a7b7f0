//! Who is asked, and from where: against DNS rebinding and cross-site requests.
//!
//! A page that someone opens in a browser can make the browser resolve the page's own
//! name to this machine; the request that follows carries that name in `Host`. So only
//! names known to be ours are served. Changes must come from our own origin.
//! Source: RFC 9110 §7.2, RFC 9112 §3.2, RFC 6454, W3C Fetch Metadata.

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
};

use hyper::{
    Method, StatusCode, Version,
    header::{HOST, HeaderName, ORIGIN},
    http::request::Parts,
};
use tokio::sync::watch;

use super::{WebOptions, metrics::Rejection, problem::Problem};

/// A host and perhaps a port, as a `Host` header writes them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Authority {
    /// In lower case, without brackets and trailing dot.
    host: String,
    port: Option<u16>,
}

impl Authority {
    fn parse(text: &str) -> Option<Self> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (inner, port) = rest.split_once(']')?;
                inner.parse::<Ipv6Addr>().ok()?;
                (inner, port)
            }
            None => text.split_at(text.find(':').unwrap_or(text.len())),
        };
        // RFC 3986 §3.2.3 lets the port be absent or empty.
        let port = match port.strip_prefix(':') {
            Some("") => None,
            None if port.is_empty() => None,
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
                Some(digits.parse().ok()?)
            }
            _ => return None,
        };
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let sound = |b: u8| b.is_ascii_alphanumeric() || b"-._:".contains(&b);
        (!host.is_empty() && host.bytes().all(sound)).then_some(Self { host, port })
    }

    fn is_ip(&self) -> bool {
        self.host.parse::<IpAddr>().is_ok()
    }
}

/// Decides by `Host`, `Origin` and `Sec-Fetch-Site`.
#[derive(Debug)]
pub(super) struct Guard {
    own_names: Vec<String>,
    web: watch::Receiver<Arc<WebOptions>>,
}

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

impl Guard {
    /// `hostname`: the machine's. `web`: its `allowed_hosts` are further names, each for any port or
    /// with one.
    pub(super) fn new(hostname: Option<&str>, web: watch::Receiver<Arc<WebOptions>>) -> Self {
        let mut own_names = vec!["localhost".to_owned()];
        if let Some(name) = hostname.and_then(Authority::parse) {
            // Multicast DNS announces the first label (RFC 6762 §3).
            let first = name.host.split('.').next().unwrap_or_default();
            own_names.extend([format!("{first}.local"), name.host]);
        }
        Self { own_names, web }
    }

    /// Lets a request through, or says why not.
    pub(super) fn check(&self, request: &Parts) -> Result<(), (Rejection, Problem)> {
        let host = effective_host(request)?;
        if host.as_ref().is_some_and(|host| !self.is_ours(host)) {
            return Err(misdirected());
        }
        if request.method == Method::GET || request.method == Method::HEAD {
            return Ok(());
        }
        if is_foreign(request) {
            return Err(cross_origin());
        }
        Ok(())
    }

    fn is_ours(&self, host: &Authority) -> bool {
        let allows = |entry: &String| {
            Authority::parse(entry).is_some_and(|entry| {
                entry.host == host.host && entry.port.is_none_or(|p| p == host.port.unwrap_or(80))
            })
        };
        host.is_ip()
            || self.own_names.contains(&host.host)
            || self.web.borrow().allowed_hosts.iter().any(allows)
    }
}

/// The host the request is for; `None` only for HTTP/1.0, which needs none and which no
/// browser speaks.
fn effective_host(request: &Parts) -> Result<Option<Authority>, (Rejection, Problem)> {
    let hosts: Vec<_> = request.headers.get_all(HOST).iter().collect();
    // A target in absolute form overrides the header (RFC 9112 §3.2.2).
    let target = request
        .uri
        .authority()
        .map(hyper::http::uri::Authority::as_str);
    let old = request.version == Version::HTTP_10;
    let text = match (hosts.as_slice(), target) {
        ([], None) if old => return Ok(None),
        ([], Some(target)) if old => Some(target),
        ([_], Some(target)) => Some(target),
        ([value], None) => value.to_str().ok(),
        _ => None,
    };
    text.and_then(Authority::parse).map(Some).ok_or_else(|| {
        let problem = Problem::new(
            StatusCode::BAD_REQUEST,
            "The request has no Host header, several, or one that is not HOST[:PORT].",
            "Send exactly one Host header that names this server.",
        );
        (Rejection::Malformed, problem)
    })
}

/// Whether a browser asks on behalf of a page that this server did not serve: one of another
/// site, or of another port or name of this one.
pub(super) fn is_foreign(request: &Parts) -> bool {
    let site = request.headers.get(SEC_FETCH_SITE);
    if site.is_some_and(|site| site == "cross-site" || site == "same-site") {
        return true;
    }
    let origins: Vec<_> = request.headers.get_all(ORIGIN).iter().collect();
    let same_origin = match (origins.as_slice(), effective_host(request)) {
        ([], _) => true,
        ([origin], Ok(Some(host))) => origin.to_str().is_ok_and(|o| is_origin_of(o, &host)),
        _ => false,
    };
    !same_origin
}

/// Whether an `Origin` is that of a page served under `host`. Both schemes count: a proxy
/// in front may terminate TLS.
fn is_origin_of(origin: &str, host: &Authority) -> bool {
    let (rest, default) = if let Some(rest) = origin.strip_prefix("http://") {
        (rest, 80)
    } else if let Some(rest) = origin.strip_prefix("https://") {
        (rest, 443)
    } else {
        return false;
    };
    Authority::parse(rest).is_some_and(|origin| {
        origin.host == host.host && origin.port.unwrap_or(default) == host.port.unwrap_or(default)
    })
}

fn misdirected() -> (Rejection, Problem) {
    let problem = Problem::new(
        StatusCode::MISDIRECTED_REQUEST,
        "The Host header is not a name this server is known by.",
        "Use an IP address, localhost or the machine's host name, or add the name to \
         `web.allowed_hosts` in the configuration.",
    );
    (Rejection::Host, problem)
}

fn cross_origin() -> (Rejection, Problem) {
    let problem = Problem::new(
        StatusCode::FORBIDDEN,
        "A page of another origin asked for a change.",
        "Make the request from this server's own pages, or from a program that sends no \
         Origin header, such as curl.",
    );
    (Rejection::Origin, problem)
}

#[cfg(test)]
#[path = "guard/tests.rs"]
mod tests;
