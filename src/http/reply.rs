//! Responses.

use std::{
    collections::VecDeque,
    error::Error,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use crate::clip::Part;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream::BoxStream};
use hyper::{
    Response, StatusCode,
    body::{Frame, SizeHint},
    header::{self, HeaderName, HeaderValue},
};

/// How much is handed to the connection at once.
const FRAME: usize = 64 * 1024;

/// A response body that keeps its request's turns until the connection has taken all of
/// it: what a slow client leaves in memory counts as a request in progress.
pub(super) struct Body {
    rest: Rest,
    held: Vec<Box<dyn Send + Sync>>,
}

/// Why a body ends before its end, which the client sees as a connection that breaks.
pub(super) type Broken = Box<dyn Error + Send + Sync>;

type Pieces = BoxStream<'static, Result<Bytes, Broken>>;

/// What has not been handed to the connection.
enum Rest {
    /// None of these is empty.
    Parts(VecDeque<Part>),
    /// Made as it is taken, without an end in sight.
    Live(Pieces),
    /// Made as it is taken, to its end.
    Whole(Pieces),
}

impl Body {
    /// Keeps a turn or a reservation to the end.
    pub(super) fn hold(&mut self, held: impl Send + Sync + 'static) {
        self.held.push(Box::new(held));
    }

    /// Whether it lasts as long as its client listens.
    pub(super) fn is_live(&self) -> bool {
        matches!(self.rest, Rest::Live(_))
    }

    /// Whether it is made while it is sent, and has an end.
    pub(super) fn is_being_made(&self) -> bool {
        matches!(self.rest, Rest::Whole(_))
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.rest {
            Rest::Parts(parts) => write!(f, "Body({} bytes)", length(parts)),
            Rest::Live(_) => f.write_str("Body(live)"),
            Rest::Whole(_) => f.write_str("Body(being made)"),
        }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match &mut self.rest {
            Rest::Parts(parts) => {
                let Some(part) = parts.front_mut() else {
                    self.held.clear();
                    return Poll::Ready(None);
                };
                let frame = take_frame(part);
                if size(part) == 0 {
                    parts.pop_front();
                }
                Poll::Ready(Some(Ok(Frame::data(frame))))
            }
            Rest::Live(stream) | Rest::Whole(stream) => {
                let next = stream.poll_next_unpin(cx);
                next.map(|bytes| bytes.map(|bytes| bytes.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.rest, Rest::Parts(parts) if parts.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.rest {
            Rest::Parts(parts) => SizeHint::with_exact(length(parts)),
            Rest::Live(_) | Rest::Whole(_) => SizeHint::default(),
        }
    }
}

fn size(part: &Part) -> u64 {
    match part {
        Part::Bytes(bytes) => bytes.len() as u64,
        Part::Zeros(count) => *count,
    }
}

fn length(parts: &VecDeque<Part>) -> u64 {
    parts.iter().map(size).sum()
}

/// The next bytes of a part, at most [`FRAME`] of them.
fn take_frame(part: &mut Part) -> Bytes {
    static ZEROS: [u8; FRAME] = [0; FRAME];
    match part {
        Part::Bytes(bytes) => bytes.split_to(bytes.len().min(FRAME)),
        Part::Zeros(count) => {
            let taken = (*count).min(FRAME as u64);
            *count -= taken;
            Bytes::from_static(&ZEROS[..taken as usize])
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
    in_parts(status, content_type, [Part::Bytes(body.into())])
}

/// The same with a body of several parts.
pub(super) fn in_parts(
    status: StatusCode,
    content_type: &'static str,
    parts: impl IntoIterator<Item = Part>,
) -> Response<Body> {
    let parts = parts.into_iter().filter(|part| size(part) > 0).collect();
    inert(status, content_type, Rest::Parts(parts))
}

/// The same with status 200 and a body that is made as it is taken, without an end in sight.
pub(super) fn streaming<E: Into<Broken> + 'static>(
    content_type: &'static str,
    body: impl Stream<Item = Result<Bytes, E>> + Send + 'static,
) -> Response<Body> {
    let body = body.map_err(Into::into).boxed();
    inert(StatusCode::OK, content_type, Rest::Live(body))
}

/// The same with a body that comes to its end.
pub(super) fn piecewise<E: Into<Broken> + 'static>(
    content_type: &'static str,
    body: impl Stream<Item = Result<Bytes, E>> + Send + 'static,
) -> Response<Body> {
    let body = body.map_err(Into::into).boxed();
    inert(StatusCode::OK, content_type, Rest::Whole(body))
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
        held: Vec::new(),
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
