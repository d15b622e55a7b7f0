//! Texts, compressed for those who take it.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use hyper::{
    HeaderMap, Response, StatusCode,
    header::{self, HeaderValue},
};

use super::{
    negotiate,
    reply::{self, Body},
};

/// A text with status 200, compressed if the client takes gzip.
pub(super) fn reply(
    content_type: &'static str,
    text: Vec<u8>,
    headers: &HeaderMap,
) -> Response<Body> {
    let accepted = negotiate::joined(headers, &header::ACCEPT_ENCODING);
    let compressed = if negotiate::gzip(accepted.as_deref()) {
        compress(&text)
    } else {
        None
    };
    let encoded = compressed.is_some();
    let mut reply = reply::reply(StatusCode::OK, content_type, compressed.unwrap_or(text));
    let headers = reply.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if encoded {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    reply
}

fn compress(text: &[u8]) -> Option<Vec<u8>> {
    // An exposition shrinks to about a tenth; level 1 costs a third of the default.
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 8), Compression::fast());
    encoder.write_all(text).ok()?;
    encoder.finish().ok()
}
