//! One POST: dial, shake hands, send, read the status. No redirects; bounded in time and size.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Method, Request, StatusCode, header};
use tokio::time::timeout;
use url::Url;

use crate::{
    alarms::{options::Endpoint, tally::FailureReason},
    net::{
        DialError, Dialler,
        http::{self, OpenFailure},
    },
};

/// The most of an answer's body that is read, so that the sender is not cut off, in bytes.
const MOST_BODY: usize = 64 * 1024;

/// How long that is waited for after the head.
const REST: Duration = Duration::from_secs(1);

/// Why a POST did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) reason: FailureReason,
    /// In words, without anything that the server sent or the address holds.
    pub(super) problem: String,
    /// The receiver will never take it.
    pub(super) is_final: bool,
}

impl Failure {
    fn new(reason: FailureReason, problem: impl Into<String>) -> Self {
        Self {
            reason,
            problem: problem.into(),
            is_final: false,
        }
    }
}

/// Posts JSON to a place at the endpoint's host. `id` names what is sent, the same each time.
///
/// Cancellation safe in that nothing is left open; the receiver may have taken it.
pub(super) async fn post(
    dialler: &Dialler,
    endpoint: &Endpoint,
    place: &Url,
    id: &str,
    body: Bytes,
) -> Result<(), Failure> {
    let limit = endpoint.timeout;
    let late = || {
        Failure::new(
            FailureReason::Timeout,
            format!("no answer within {limit:?}"),
        )
    };
    let mut answered = None;
    let attempt = attempt(dialler, endpoint, place, id, body, &mut answered);
    let outcome = timeout(limit, attempt).await;
    // Who has answered has decided, whatever becomes of the rest.
    match answered {
        Some(status) => judge(status),
        None => outcome.unwrap_or_else(|_| Err(late())),
    }
}

async fn attempt(
    dialler: &Dialler,
    endpoint: &Endpoint,
    place: &Url,
    id: &str,
    body: Bytes,
    answered: &mut Option<StatusCode>,
) -> Result<(), Failure> {
    let request = request(endpoint, place, id, body)?;
    let opened = http::open(dialler, place, &endpoint.tls, endpoint.timeout).await;
    let opened = opened.map_err(|error| unopened(&error))?;
    let exchange = http::exchange(opened, request, async |answer| {
        let status = answer.status();
        *answered = Some(status);
        // What is longer than that is not waited for; the status counts.
        let rest = Limited::new(answer.into_body(), MOST_BODY).collect();
        let _read = timeout(REST, rest).await;
        judge(status)
    });
    exchange.await.map_err(|_| {
        let problem = "the server broke off, or speaks no HTTP";
        Failure::new(FailureReason::Protocol, problem)
    })?
}

fn unopened(failure: &OpenFailure) -> Failure {
    let reason = match failure {
        OpenFailure::Tls(_) => FailureReason::Tls,
        OpenFailure::Dial(error) => match error {
            DialError::Dns | DialError::DnsTimeout(_) => FailureReason::Dns,
            DialError::Timeout(_) => FailureReason::Timeout,
            DialError::Refused | DialError::Unreachable => FailureReason::Connect,
            DialError::Local(_) => FailureReason::Local,
        },
    };
    Failure::new(reason, failure.to_string())
}

fn judge(status: StatusCode) -> Result<(), Failure> {
    let problem = format!("the server answered with status {}", status.as_u16());
    match status.as_u16() {
        200..=299 => Ok(()),
        300..=399 => {
            let problem = format!("{problem}, which is not followed: write the new address");
            Err(Failure::new(FailureReason::Redirected, problem))
        }
        500..=599 => Err(Failure::new(FailureReason::ServerError, problem)),
        code => Err(Failure {
            // It has read this one and will not have it; others may pass.
            is_final: matches!(code, 400 | 413 | 422),
            ..Failure::new(FailureReason::Rejected, problem)
        }),
    }
}

fn request(
    endpoint: &Endpoint,
    place: &Url,
    id: &str,
    body: Bytes,
) -> Result<Request<Full<Bytes>>, Failure> {
    let request = http::head(Method::POST, place)
        .header(header::CONTENT_TYPE, "application/json")
        .header("idempotency-key", id)
        .body(Full::new(body));
    let mut request = request.map_err(|_| {
        let problem = "the address cannot be asked for over HTTP";
        Failure::new(FailureReason::Local, problem)
    })?;
    // The configuration's may take the place of ours.
    for (name, value) in &endpoint.headers {
        request.headers_mut().insert(name.clone(), value.clone());
    }
    Ok(request)
}
