//! One POST: dial, shake hands, send, read the status. No redirects; bounded in time and size.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use url::Url;

use crate::{
    alarms::{options::Endpoint, tally::FailureReason},
    net::{DialError, Dialler, connect_tls},
};

/// The largest head of an answer, in bytes.
const MOST_HEAD: usize = 64 * 1024;
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
    let host = place.host_str().unwrap_or_default();
    let bare_host = host.trim_start_matches('[').trim_end_matches(']');
    let port = place.port_or_known_default().unwrap_or(80);
    let opened = dialler.dial(bare_host, port, endpoint.timeout).await;
    let tcp = opened.map_err(|error| undialled(&error))?.stream;
    if place.scheme() == "https" {
        let stream = connect_tls(tcp, bare_host, &endpoint.tls, endpoint.timeout).await;
        let refused = |error| Failure::new(FailureReason::Tls, format!("{error}"));
        talk(stream.map_err(refused)?, request, answered).await
    } else {
        talk(tcp, request, answered).await
    }
}

fn undialled(error: &DialError) -> Failure {
    let reason = match error {
        DialError::Dns | DialError::DnsTimeout(_) => FailureReason::Dns,
        DialError::Timeout(_) => FailureReason::Timeout,
        DialError::Refused | DialError::Unreachable => FailureReason::Connect,
        DialError::Local(_) => FailureReason::Local,
    };
    Failure::new(reason, error.to_string())
}

async fn talk(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
    answered: &mut Option<StatusCode>,
) -> Result<(), Failure> {
    let broke = || {
        let problem = "the server broke off, or speaks no HTTP";
        Failure::new(FailureReason::Protocol, problem)
    };
    let handshake = http1::Builder::new()
        .max_buf_size(MOST_HEAD)
        .handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.map_err(|_| broke())?;
    let exchange = async {
        let answer = sender.send_request(request).await.map_err(|_| broke())?;
        let status = answer.status();
        *answered = Some(status);
        // What is longer than that is not waited for; the status counts.
        let rest = Limited::new(answer.into_body(), MOST_BODY).collect();
        let _read = timeout(REST, rest).await;
        judge(status)
    };
    // The connection moves the bytes; when it ends first, the exchange is told.
    let connection = async {
        let _told_to_the_exchange = connection.await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        outcome = exchange => outcome,
        () = connection => Err(broke()),
    }
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
    let target = &place[url::Position::BeforePath..url::Position::AfterQuery];
    let host = place.host_str().unwrap_or_default();
    let port = place.port().map(|port| format!(":{port}"));
    let request = Request::post(target)
        .header(header::HOST, format!("{host}{}", port.unwrap_or_default()))
        .header(header::CONTENT_TYPE, "application/json")
        .header(
            header::USER_AGENT,
            concat!("audio-capture-exporter/", env!("CARGO_PKG_VERSION")),
        )
        .header("idempotency-key", id)
        .header(header::CONNECTION, "close")
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
