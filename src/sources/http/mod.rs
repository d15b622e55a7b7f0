//! One HTTP stream: dial, ask, follow a few redirects, yield the audio's bytes.
//!
//! Heads are bounded, every phase has a deadline, and credentials never leave the scheme,
//! host and port they were configured for.

mod answer;
#[cfg(any(test, fuzzing))]
pub(in crate::sources) mod fuzz;
mod icy;
mod redirect;
mod request;
mod wire;

use std::{fmt, future::poll_fn, pin::Pin, time::Duration};

use bytes::Bytes;
use hyper::body::{Body as _, Incoming};
use tokio::time::timeout;

use super::{Account, DisconnectReason, HttpTarget, OpenError, SessionEnd, explain};
use crate::net::Dialler;
use icy::Splitter;
use request::{Answer, Connection};

/// An open stream. Dropping it closes the connection.
pub struct HttpStream {
    body: Incoming,
    /// Moves the bytes; gone once it has ended.
    connection: Option<Connection>,
    titles: Option<Splitter>,
    /// The first bytes, which opening waited for.
    first: Option<Bytes>,
    claimed: Option<String>,
    transport: &'static str,
}

/// Opens a stream: dial, request and first bytes, each within `limit`; at most five
/// redirects.
///
/// Cancellation safe: dropping the future closes the connection.
///
/// # Errors
/// [`OpenError`] with a reason from the closed set and words for the owner.
pub async fn open(
    dialler: &Dialler,
    target: &HttpTarget,
    account: &Account,
    limit: Duration,
) -> Result<HttpStream, OpenError> {
    let mut place = target.url.clone();
    for followed in 0..=redirect::MOST {
        let credentials = target
            .credentials
            .as_ref()
            .filter(|_| redirect::may_share_credentials(&target.url, &place));
        let answer = request::send(
            dialler,
            &place,
            credentials,
            &target.tls,
            account.traffic(),
            limit,
        )
        .await?;
        let status = answer.response.status();
        if matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
            let location = answer.response.headers().get(http::header::LOCATION);
            if followed == redirect::MOST {
                return Err(answer::redirected(status, "for the sixth time"));
            }
            place = redirect::next(&place, location.map(http::HeaderValue::as_bytes))
                .map_err(|fault| answer::redirected(status, fault.0))?;
            continue;
        }
        let secure = place.scheme() == "https";
        let mut stream = HttpStream::of(answer, secure, credentials.is_some())?;
        stream.first = match timeout(limit, stream.next()).await {
            Ok(Ok(first)) => Some(first),
            Ok(Err(_)) => return Err(answer::closed_early()),
            Err(_) => return Err(explain::phase_timeout("with audio", limit)),
        };
        return Ok(stream);
    }
    // The loop's last round returns.
    Err(answer::closed_early())
}

impl HttpStream {
    /// The stream of an answer that is no redirect.
    fn of(answer: Answer, secure: bool, with_credentials: bool) -> Result<Self, OpenError> {
        let (head, body) = answer.response.into_parts();
        let claimed = answer::judge(head.status, &head.headers, with_credentials)?;
        let interval = head.headers.get("icy-metaint");
        Ok(Self {
            body,
            connection: Some(answer.connection),
            titles: interval
                .and_then(|value| value.to_str().ok())
                .and_then(Splitter::new),
            first: None,
            claimed,
            transport: if secure { "https" } else { "http" },
        })
    }

    /// What the server says the bytes are, as a file's extension.
    pub fn claimed(&self) -> Option<&str> {
        self.claimed.as_deref()
    }

    /// The `transport` label: `http` or `https`, where the redirects led.
    pub fn transport(&self) -> &'static str {
        self.transport
    }

    /// The next bytes of audio, never empty. Waits as long as none come: the caller
    /// watches for stalls. Cancellation safe.
    ///
    /// # Errors
    /// [`SessionEnd`] when the stream is over.
    pub async fn next(&mut self) -> Result<Bytes, SessionEnd> {
        if let Some(first) = self.first.take() {
            return Ok(first);
        }
        loop {
            let frame = poll_fn(|cx| {
                if let Some(connection) = &mut self.connection
                    && connection.as_mut().poll(cx).is_ready()
                {
                    self.connection = None;
                }
                Pin::new(&mut self.body).poll_frame(cx)
            });
            let frame = match frame.await {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => return Err(answer::end(&error)),
                None => {
                    let text = "the server ended the stream";
                    return Err(SessionEnd::new(DisconnectReason::Closed, text));
                }
            };
            let Ok(bytes) = frame.into_data() else {
                continue;
            };
            let audio = match &mut self.titles {
                Some(titles) => titles.split(&bytes),
                None => bytes,
            };
            if !audio.is_empty() {
                return Ok(audio);
            }
        }
    }
}

impl fmt::Debug for HttpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpStream({})", self.transport)
    }
}
