//! Bodies of requests, bounded in size and time.

use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::{StatusCode, body::Incoming};
use serde::de::DeserializeOwned;

use super::{Limits, metrics::Rejection, problem::Problem};

/// Reads a body to its end, so that the connection can go on, also where nobody needs it.
pub(super) async fn read(body: Incoming, limits: &Limits) -> Result<Bytes, (Rejection, Problem)> {
    let bytes = limits.body_bytes;
    let read = Limited::new(body, bytes).collect();
    let (rejection, status, detail, remedy) = match tokio::time::timeout(limits.body, read).await {
        Ok(Ok(body)) => return Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => (
            Rejection::Oversized,
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("The request's body is larger than {bytes} bytes."),
            "Send a smaller body, or none where none is needed.",
        ),
        Ok(Err(_)) => (
            Rejection::Malformed,
            StatusCode::BAD_REQUEST,
            "The request's body is broken.".to_owned(),
            "Send the whole body, in the framing that the head announces.",
        ),
        Err(_) => (
            Rejection::SlowRequest,
            StatusCode::REQUEST_TIMEOUT,
            "The request's body did not arrive in time.".to_owned(),
            "Send the body at once.",
        ),
    };
    Err((rejection, Problem::new(status, detail, remedy).close()))
}

/// Reads a body as JSON; `example` is one that would do.
pub(super) fn json<T: DeserializeOwned>(body: &[u8], example: &str) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| {
        // Its own words would echo the client's.
        let what = match error.classify() {
            serde_json::error::Category::Data => "does not have the keys and values that it should",
            _ => "is not JSON",
        };
        Problem::new(
            StatusCode::BAD_REQUEST,
            format!("The request's body {what} (column {}).", error.column()),
            format!("Send for example {example}."),
        )
    })
}
