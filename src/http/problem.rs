//! Errors as problem documents (RFC 9457), each with a remedy.

use hyper::{
    Response, StatusCode,
    header::{self, HeaderName, HeaderValue},
};

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
        let document = serde_json::json!({
            "title": status.canonical_reason().unwrap_or("Error"),
            "status": status.as_u16(),
            "detail": self.detail,
            "remedy": self.remedy,
        });
        let text = document.to_string();
        let mut reply = reply(status, "application/problem+json", text);
        reply.headers_mut().extend(self.headers);
        reply
    }
}
