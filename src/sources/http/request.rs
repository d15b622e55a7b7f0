//! One request and the head of its answer.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, header};
use http_body_util::Empty;
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use url::Url;

use super::{answer, wire::Wire};
use crate::{
    net::{
        Dialler, TlsOptions, Traffic,
        http::{self as client, OpenFailure, Opened},
    },
    objects::Held,
    sources::{Credentials, FailureReason, OpenError, explain},
};

/// Moves the bytes of a connection while it is polled.
pub(super) type Connection = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

/// An answer whose body is still to come.
pub(super) struct Answer {
    pub(super) response: Response<Incoming>,
    pub(super) connection: Connection,
}

/// Dials, shakes hands where the scheme is https, asks, and waits for the answer's head;
/// each within `limit`.
pub(super) async fn send(
    dialler: &Dialler,
    place: &Url,
    credentials: Option<&Credentials>,
    tls: &TlsOptions,
    traffic: &Arc<Traffic>,
    limit: Duration,
) -> Result<Answer, OpenError> {
    let request = request(place, credentials)?;
    // The turn is held until the head of the answer is here.
    let Opened {
        stream,
        turn: _turn,
        is_tls,
    } = client::open(dialler, place, tls, limit)
        .await
        .map_err(|failure| match failure {
            OpenFailure::Dial(error) => explain::dial(&error),
            OpenFailure::Tls(error) => explain::tls(&error),
        })?;
    let counted = is_tls.then(|| dialler.count_tls_session());
    ask(stream, counted, request, traffic, limit).await
}

pub(super) async fn ask(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    counted: Option<Held>,
    request: Request<Empty<Bytes>>,
    traffic: &Arc<Traffic>,
    limit: Duration,
) -> Result<Answer, OpenError> {
    let io = TokioIo::new(Wire::new(stream, counted, Arc::clone(traffic)));
    let (mut sender, connection) = http1::Builder::new()
        // The body is read in pieces of this size too.
        .max_buf_size(client::MOST_HEAD)
        // Shoutcast servers of the first generation compare names letter by letter.
        .title_case_headers(true)
        .ignore_invalid_headers_in_responses(true)
        .handshake(io)
        .await
        .map_err(|error| answer::no_answer(&error))?;
    let mut connection: Connection = Box::pin(connection);
    let answered = async {
        let mut response = std::pin::pin!(sender.send_request(request));
        tokio::select! {
            biased;
            response = &mut response => return response,
            _ = &mut connection => {}
        }
        // The connection is over, and its last deed was to answer or to fail.
        response.await
    };
    let response = timeout(limit, answered)
        .await
        .map_err(|_| explain::phase_timeout("the request", limit))?
        .map_err(|error| answer::no_answer(&error))?;
    Ok(Answer {
        response,
        connection,
    })
}

pub(super) fn request(
    place: &Url,
    credentials: Option<&Credentials>,
) -> Result<Request<Empty<Bytes>>, OpenError> {
    let nonsense = || OpenError::new(FailureReason::Protocol, "the address is no usable URL");
    let mut request = client::head(Method::GET, place)
        .header(header::ACCEPT, "*/*")
        .header(header::ACCEPT_ENCODING, "identity")
        .header("icy-metadata", "0");
    if let Some(Credentials { username, password }) = credentials {
        let pair = format!("{}:{}", username.expose(), password.expose());
        let basic = format!("Basic {}", STANDARD.encode(pair));
        let mut value = HeaderValue::from_str(&basic).map_err(|_| nonsense())?;
        value.set_sensitive(true);
        request = request.header(header::AUTHORIZATION, value);
    }
    request.body(Empty::new()).map_err(|_| nonsense())
}
