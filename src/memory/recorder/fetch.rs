//! One request for a recorder's metrics.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use url::Url;

use super::text::{OwnWords, Reader};
use crate::{
    memory::{ReadFailure, Unreadable},
    net::{Dialler, TlsOptions, connect_tls},
};

/// How long all of it may take.
const LIMIT: Duration = Duration::from_secs(5);
/// The largest head of an answer, in bytes.
const MOST_HEAD: usize = 64 * 1024;
/// The most of a body that is read, in bytes.
const MOST_BODY: usize = 16 << 20;

/// Asks once. No redirects, no credentials; bounded in time and size.
///
/// Cancellation safe: dropping the future closes the connection.
pub(in crate::memory) async fn fetch(
    dialler: &Dialler,
    place: &Url,
) -> Result<OwnWords, Unreadable> {
    let answer = timeout(LIMIT, ask(dialler, place)).await;
    answer.unwrap_or_else(|_| Err(failed("gave no whole answer within 5 s")))
}

fn failed(problem: impl std::fmt::Display) -> Unreadable {
    Unreadable::new(
        ReadFailure::Metrics,
        format!("the recorder's own metrics: its server {problem}; check metrics_url"),
    )
}

async fn ask(dialler: &Dialler, place: &Url) -> Result<OwnWords, Unreadable> {
    let host = place.host_str().unwrap_or_default();
    let bare_host = host.trim_start_matches('[').trim_end_matches(']');
    let port = place.port_or_known_default().unwrap_or(80);
    // An error of the dialler tells its own remedy.
    let unreachable = |error: &dyn std::fmt::Display| {
        Unreadable::new(
            ReadFailure::Metrics,
            format!("the recorder's own metrics: {error}"),
        )
    };
    let opened = dialler.dial(bare_host, port, LIMIT).await;
    let tcp = opened.map_err(|error| unreachable(&error))?.stream;
    if place.scheme() == "https" {
        let tls = TlsOptions::default();
        let stream = connect_tls(tcp, bare_host, &tls, LIMIT).await;
        let stream = stream.map_err(|error| unreachable(&error))?;
        talk(stream, place).await
    } else {
        talk(tcp, place).await
    }
}

async fn talk(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    place: &Url,
) -> Result<OwnWords, Unreadable> {
    let broke = |_| failed("broke off, or speaks no HTTP");
    let handshake = http1::Builder::new()
        .max_buf_size(MOST_HEAD)
        .handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.map_err(broke)?;
    let request = request(place)?;
    let exchange = async {
        let answer = sender.send_request(request).await.map_err(broke)?;
        if !answer.status().is_success() {
            let status = answer.status().as_u16();
            return Err(failed(format_args!("answered with status {status}")));
        }
        let mut body = answer.into_body();
        let mut reader = Reader::default();
        let mut total = 0;
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(broke)?.into_data() else {
                continue;
            };
            total += data.len();
            if total > MOST_BODY {
                return Err(failed("sends more than 16 MiB"));
            }
            reader.feed(&data);
        }
        reader
            .finish()
            .ok_or_else(|| failed("answered with something else than metrics as text"))
    };
    // The connection moves the bytes; when it ends first, the exchange is told.
    let connection = async {
        let _told_to_the_exchange = connection.await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        words = exchange => words,
        () = connection => Err(failed("broke off")),
    }
}

fn request(place: &Url) -> Result<Request<Empty<Bytes>>, Unreadable> {
    let query = place.query().map(|query| format!("?{query}"));
    let target = format!("{}{}", place.path(), query.unwrap_or_default());
    let host = place.host_str().unwrap_or_default();
    let port = place.port().map(|port| format!(":{port}"));
    Request::get(target)
        .header(header::HOST, format!("{host}{}", port.unwrap_or_default()))
        .header(header::ACCEPT, "text/plain;version=0.0.4")
        .header(
            header::USER_AGENT,
            concat!("audio-capture-exporter/", env!("CARGO_PKG_VERSION")),
        )
        .header(header::CONNECTION, "close")
        .body(Empty::new())
        .map_err(|_| failed("cannot be asked for such an address"))
}
