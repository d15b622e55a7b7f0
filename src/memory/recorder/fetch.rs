//! One request for a recorder's metrics.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::{Method, Response, body::Incoming, header};
use tokio::time::timeout;
use url::Url;

use super::text::{OwnWords, Reader};
use crate::{
    memory::{ReadFailure, Unreadable},
    net::{
        DialError, Dialler, TlsOptions,
        http::{self, OpenFailure},
    },
};

/// How long all of it may take.
const LIMIT: Duration = Duration::from_secs(5);
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
    let request = http::head(Method::GET, place)
        .header(header::ACCEPT, "text/plain;version=0.0.4")
        .body(Empty::<Bytes>::new())
        .map_err(|_| failed("cannot be asked for such an address"))?;
    let opened = http::open(dialler, place, &TlsOptions::default(), LIMIT).await;
    let opened = opened.map_err(|error| {
        // It tells its own remedy.
        let problem = format!("the recorder's own metrics: {error}");
        let reason = match error {
            OpenFailure::Dial(DialError::Local(_)) => ReadFailure::Local,
            _ => ReadFailure::Metrics,
        };
        Unreadable::new(reason, problem)
    })?;
    let broke = |_| failed("broke off, or speaks no HTTP");
    let said = http::exchange(opened, request, read).await;
    said.map_err(broke)?
}

async fn read(answer: Response<Incoming>) -> Result<OwnWords, Unreadable> {
    if !answer.status().is_success() {
        let status = answer.status().as_u16();
        return Err(failed(format_args!("answered with status {status}")));
    }
    let mut body = answer.into_body();
    let mut reader = Reader::default();
    let mut total = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| failed("broke off"))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        total += data.len();
        if total > MOST_BODY {
            return Err(failed("sends more than 16 MiB"));
        }
        reader.feed(&data);
    }
    let told = reader.finish();
    let told = told.ok_or_else(|| failed("answered with something else than metrics as text"))?;
    if told == OwnWords::default() {
        return Err(failed("tells no figures of Go, Node.js or Java"));
    }
    Ok(told)
}
