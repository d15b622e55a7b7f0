//! The telemetry path: one scrape.

use std::{fmt, io::Write as _, time::Instant};

use flate2::{Compression, write::GzEncoder};
use hyper::{
    HeaderMap, Response, StatusCode,
    header::{self, HeaderName, HeaderValue},
};

use super::{
    metrics::HttpMetrics,
    negotiate::{self, Format},
    problem::Problem,
    reply::{Body, reply},
};
use crate::metrics::{Registry, to_text_0_0_4};

/// Encodes the live state in the format that the client asks for.
pub(super) fn scrape(
    registry: &Registry,
    metrics: &HttpMetrics,
    headers: &HeaderMap,
) -> Response<Body> {
    let started = Instant::now();
    let reply = exposition(registry, headers);
    metrics.scraped(started.elapsed());
    reply
}

/// A registry's exposition in the format that the client asks for.
pub(super) fn exposition(registry: &Registry, headers: &HeaderMap) -> Response<Body> {
    let format = negotiate::format(joined(headers, &header::ACCEPT).as_deref());
    let gzip = negotiate::gzip(joined(headers, &header::ACCEPT_ENCODING).as_deref());
    match encode(registry, format) {
        Ok(text) => respond(format, text, gzip),
        Err(fmt::Error) => Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "A module of the exporter could not write its metrics.",
            "This is a bug; please report it with the version and the list of sources' kinds.",
        )
        .into_reply(),
    }
}

fn encode(registry: &Registry, format: Format) -> Result<String, fmt::Error> {
    let openmetrics = registry.encode_openmetrics()?;
    Ok(match format {
        Format::OpenMetrics => openmetrics,
        Format::Text => to_text_0_0_4(&openmetrics),
    })
}

fn respond(format: Format, text: String, gzip: bool) -> Response<Body> {
    let compressed = if gzip {
        compress(text.as_bytes())
    } else {
        None
    };
    let encoded = compressed.is_some();
    let body = compressed.unwrap_or_else(|| text.into_bytes());
    let mut reply = reply(StatusCode::OK, format.content_type(), body);
    let headers = reply.headers_mut();
    headers.insert(
        header::VARY,
        HeaderValue::from_static("accept, accept-encoding"),
    );
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

/// A list header as one text, however many lines it came in (RFC 9110 §5.3).
fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let lines: Vec<_> = headers
        .get_all(name)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .collect();
    (!lines.is_empty()).then(|| lines.join(","))
}
