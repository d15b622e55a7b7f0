//! The telemetry path: one scrape.

use std::{fmt, time::Instant};

use hyper::{
    HeaderMap, Response, StatusCode,
    header::{self, HeaderValue},
};

use super::{
    compressed,
    metrics::HttpMetrics,
    negotiate::{self, Format},
    problem::Problem,
    reply::Body,
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
    let format = negotiate::format(negotiate::joined(headers, &header::ACCEPT).as_deref());
    match encode(registry, format) {
        Ok(text) => {
            let mut reply = compressed::reply(format.content_type(), text.into_bytes(), headers);
            let vary = HeaderValue::from_static("accept, accept-encoding");
            reply.headers_mut().insert(header::VARY, vary);
            reply
        }
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
