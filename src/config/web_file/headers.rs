//! What every answer gets besides.

use hyper::header::{HeaderName, HeaderValue};

use crate::config::{mistake::shown, section::Section};

/// The fields that may be set, and the values that mean something where there are few.
const FIELDS: [(&str, &[&str]); 5] = [
    ("Content-Security-Policy", &[]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-XSS-Protection", &[]),
    ("Strict-Transport-Security", &[]),
];

/// Reads `http_server_config`.
pub(super) fn headers(server: &Section<'_>) -> Vec<(HeaderName, HeaderValue)> {
    if server.flag("http2") {
        let problem = "this server speaks HTTP/1.1 only";
        let remedy = "write false or remove the key: clients that know HTTP/2 know HTTP/1.1";
        server.mistake("http2", problem, remedy);
    }
    let section = server.section("headers");
    let mut headers = Vec::new();
    for (field, known) in FIELDS {
        // An empty one counts as absent.
        let Some(text) = section.text(field).filter(|text| !text.is_empty()) else {
            continue;
        };
        if !known.is_empty() && !known.iter().any(|word| text.eq_ignore_ascii_case(word)) {
            let problem = format!("{} means nothing there", shown(text));
            section.mistake(field, problem, format!("write {}", known.join(" or ")));
            continue;
        }
        let name = HeaderName::from_bytes(field.as_bytes());
        match (name, HeaderValue::from_str(text)) {
            (Ok(name), Ok(value)) => headers.push((name, value)),
            _ => {
                let problem = "a character that no header field may have";
                section.mistake(field, problem, "write printable ASCII on one line");
            }
        }
    }
    headers
}
