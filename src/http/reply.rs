//! Responses.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream::BoxStream};
use hyper::{
    Response, StatusCode,
    body::{Frame, SizeHint},
    header::{self, HeaderName, HeaderValue},
};
use tokio::sync::OwnedSemaphorePermit;

use crate::{clip::Overtaken, objects::Use};

/// How much is handed to the connection at once.
const FRAME: usize = 64 * 1024;

/// A response body that keeps its request's turns until the connection has taken all of
/// it: what a slow client leaves in memory counts as a request in progress.
pub(super) struct Body {
    rest: Rest,
    turns: Vec<OwnedSemaphorePermit>,
    usage: Option<Use>,
}

/// What has not been handed to the connection.
enum Rest {
    Bytes(Bytes),
    /// Made as it is taken, without an end in sight.
    Live(BoxStream<'static, Result<Bytes, Overtaken>>),
}

impl Body {
    /// Keeps a turn to the end.
    pub(super) fn hold(&mut self, turn: OwnedSemaphorePermit) {
        self.turns.push(turn);
    }

    /// Keeps a use of memory to the end.
    pub(super) fn books(&mut self, usage: Use) {
        self.usage = Some(usage);
    }

    /// Whether it lasts as long as its client listens.
    pub(super) fn is_live(&self) -> bool {
        matches!(self.rest, Rest::Live(_))
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.rest {
            Rest::Bytes(rest) => write!(f, "Body({} bytes)", rest.len()),
            Rest::Live(_) => f.write_str("Body(live)"),
        }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Overtaken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Overtaken>>> {
        match &mut self.rest {
            Rest::Bytes(rest) if rest.is_empty() => {
                self.turns.clear();
                self.usage = None;
                Poll::Ready(None)
            }
            Rest::Bytes(rest) => {
                let length = rest.len().min(FRAME);
                Poll::Ready(Some(Ok(Frame::data(rest.split_to(length)))))
            }
            Rest::Live(stream) => {
                let next = stream.poll_next_unpin(cx);
                next.map(|bytes| bytes.map(|bytes| bytes.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.rest, Rest::Bytes(rest) if rest.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.rest {
            Rest::Bytes(rest) => SizeHint::with_exact(rest.len() as u64),
            Rest::Live(_) => SizeHint::default(),
        }
    }
}

/// A response that a browser treats as inert: nothing in it runs, is framed, sniffed or
/// kept.
pub(super) fn reply(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<Body> {
    inert(status, content_type, Rest::Bytes(body.into()))
}

/// The same with status 200 and a body that is made as it is taken.
pub(super) fn streaming(
    content_type: &'static str,
    body: impl Stream<Item = Result<Bytes, Overtaken>> + Send + 'static,
) -> Response<Body> {
    inert(StatusCode::OK, content_type, Rest::Live(body.boxed()))
}

fn inert(status: StatusCode, content_type: &'static str, rest: Rest) -> Response<Body> {
    const INERT: [(HeaderName, &str); 5] = [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (header::CACHE_CONTROL, "no-store"),
    ];
    let body = Body {
        rest,
        turns: Vec::new(),
        usage: None,
    };
    let mut reply = Response::new(body);
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    for (name, value) in INERT {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply
}

/// A line of plain text with status 200.
pub(super) fn plain(text: impl Into<Bytes>) -> Response<Body> {
    reply(StatusCode::OK, "text/plain; charset=utf-8", text)
}
