//! The opening handshake (RFC 6455 §4.2).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hyper::{
    HeaderMap, StatusCode, Version,
    header::{self, HeaderName, HeaderValue},
    http::request::Parts,
};
use ring::digest;

use crate::http::problem::Problem;

/// Proves that the server understood (RFC 6455 §1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The request's key, if it is one for a WebSocket.
pub(super) fn key(head: &Parts) -> Result<&[u8], Problem> {
    let headers = &head.headers;
    let asks = has_token(headers, &header::UPGRADE, "websocket")
        && has_token(headers, &header::CONNECTION, "upgrade")
        && head.version == Version::HTTP_11;
    if !asks {
        return Err(not_a_socket());
    }
    let version = headers.get(header::SEC_WEBSOCKET_VERSION);
    if version.is_none_or(|version| version != "13") {
        let detail = "Only version 13 of the WebSocket protocol is spoken here.";
        let remedy = "Send `Sec-WebSocket-Version: 13`.";
        let problem = Problem::new(StatusCode::UPGRADE_REQUIRED, detail, remedy);
        return Err(problem.with(header::SEC_WEBSOCKET_VERSION, "13"));
    }
    let mut keys = headers.get_all(header::SEC_WEBSOCKET_KEY).iter();
    let key = match (keys.next(), keys.next()) {
        (Some(key), None) => key.as_bytes(),
        _ => b"",
    };
    let nonce = STANDARD.decode(key);
    if nonce.is_ok_and(|nonce| nonce.len() == 16) {
        return Ok(key);
    }
    Err(Problem::new(
        StatusCode::BAD_REQUEST,
        "There is not exactly one Sec-WebSocket-Key of 16 bytes in base64.",
        "Leave the handshake to a WebSocket library.",
    ))
}

/// The answer to a key.
pub(super) fn accept(key: &[u8]) -> HeaderValue {
    let mut context = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    context.update(key);
    context.update(GUID);
    let text = STANDARD.encode(context.finish());
    // Base64 is always a valid value.
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}

/// Somebody asked as for a page.
pub(super) fn not_a_socket() -> Problem {
    let detail = "Events are told over a WebSocket (RFC 6455), and this is not a request for one.";
    let remedy = "Use a WebSocket client, or ask /api/v1/status.";
    let problem = Problem::new(StatusCode::UPGRADE_REQUIRED, detail, remedy);
    problem
        .with(header::UPGRADE, "websocket")
        .with(header::CONNECTION, "upgrade")
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|part| part.trim().eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_that_of_the_rfc() {
        // RFC 6455 §1.3.
        let answer = accept(b"dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(answer, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
