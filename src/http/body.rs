//! Bodies of requests, bounded in size and time.

use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::{StatusCode, body::Incoming};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _},
};
use serde_json::Number;

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

/// Beyond this an `f64` has no fraction that could be told.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A whole number, also when it is written with a fraction of zero: JSON has only numbers.
pub(super) fn whole<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: TryFrom<i128>,
    D: Deserializer<'de>,
{
    let number = Number::deserialize(deserializer)?;
    let written_out = number
        .as_f64()
        .filter(|value| value.fract() == 0.0 && value.abs() <= EXACT);
    number
        .as_i128()
        .or_else(|| written_out.map(|value| value as i128))
        .and_then(|whole| T::try_from(whole).ok())
        .ok_or_else(|| D::Error::custom("not a whole number, or out of range"))
}

/// The same for what may be null.
pub(super) fn maybe_whole<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: TryFrom<i128>,
    D: Deserializer<'de>,
{
    #[derive(Deserialize)]
    #[serde(bound = "T: TryFrom<i128>")]
    struct Whole<T>(#[serde(deserialize_with = "whole")] T);
    Ok(Option::<Whole<T>>::deserialize(deserializer)?.map(|whole| whole.0))
}

/// Reads a body as JSON; `example` is one that would do.
pub(super) fn json<T: DeserializeOwned>(body: &[u8], example: &str) -> Result<T, Problem> {
    // A list of the values in their order would pass for an object, too.
    let is_list = body.trim_ascii_start().starts_with(b"[");
    let read = if is_list {
        Err(serde_json::Error::custom("not an object"))
    } else {
        serde_json::from_slice(body)
    };
    read.map_err(|error| {
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
