//! Errors as problem documents (RFC 9457), each with a remedy.

use hyper::{
    Response, StatusCode,
    header::{self, HeaderName, HeaderValue},
};

use schemars::JsonSchema;
use serde::Serialize;

use super::reply::{Body, reply};

/// What went wrong with a request, in words for the person who made it. Never echoes
/// what the client sent.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    detail: String,
    remedy: String,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// A problem document (RFC 9457).
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Problem")]
pub(super) struct Document {
    /// The status in words.
    title: &'static str,
    #[schemars(range(min = 400, max = 599))]
    status: u16,
    /// What went wrong.
    detail: String,
    /// What to do about it.
    remedy: String,
}

impl Problem {
    pub(super) fn new(
        status: StatusCode,
        detail: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            status,
            detail: detail.into(),
            remedy: remedy.into(),
            headers: Vec::new(),
        }
    }

    /// There is no picture of the sources yet.
    pub(super) fn starting() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "The program is starting; there is no report yet.",
            "Ask again in a second.",
        )
        .retry_after(1)
    }

    /// What is wanted waits behind too much else.
    pub(super) fn too_many() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "Too many requests are in progress.",
            "Ask less often, or raise --web.max-requests.",
        )
        .retry_after(1)
    }

    /// A name that is not configured.
    pub(super) fn unknown_source() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "No source of this name is configured.",
            "/api/v1/sources lists the names.",
        )
    }

    /// Adds a header field.
    pub(super) fn with(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.push((name, HeaderValue::from_static(value)));
        self
    }

    /// Adds `Retry-After`, in seconds.
    pub(super) fn retry_after(mut self, seconds: u32) -> Self {
        self.headers.push((header::RETRY_AFTER, seconds.into()));
        self
    }

    /// Ends the connection: the rest of the request is not wanted.
    pub(super) fn close(self) -> Self {
        self.with(header::CONNECTION, "close")
    }

    pub(super) fn into_reply(self) -> Response<Body> {
        let status = self.status;
        let document = Document {
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: self.detail,
            remedy: self.remedy,
        };
        // Texts and a number can always be written.
        let text = serde_json::to_string(&document).unwrap_or_default();
        let mut reply = reply(status, "application/problem+json", text);
        reply.headers_mut().extend(self.headers);
        reply
    }
}

/// A document, as JSON; a problem when it cannot be written.
pub(super) fn json(document: &impl Serialize) -> Response<Body> {
    match serde_json::to_vec(document) {
        Ok(text) => reply(StatusCode::OK, "application/json", text),
        Err(_) => Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "The answer could not be written.",
            "This is a bug; please report it.",
        )
        .into_reply(),
    }
}
