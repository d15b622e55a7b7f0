//! What an HTTP stream promises about any server.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    runtime::Runtime,
};
use url::Url;

use super::{HttpStream, icy::Splitter, redirect as address, request};
use crate::{
    fuzzing::{Input, cut},
    net::Traffic,
    secret::Secret,
    sources::Credentials,
};

thread_local! {
    static RUNTIME: Runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
}

/// A server that answers with these pieces, once it was asked.
struct Server {
    pieces: VecDeque<Vec<u8>>,
    asked: bool,
    waiting: Option<Waker>,
}

impl AsyncRead for Server {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.asked {
            self.waiting = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if let Some(mut piece) = self.pieces.pop_front() {
            let rest = piece.split_off(piece.len().min(into.remaining()));
            into.put_slice(&piece);
            if !rest.is_empty() {
                self.pieces.push_front(rest);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Server {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.asked = true;
        if let Some(waker) = self.waiting.take() {
            waker.wake();
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What came of one answer.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// There was no head of an answer.
    NoAnswer,
    Refused(String),
    Redirected(Option<Url>),
    /// The audio, what it claims to be, and why it ended.
    Played(Vec<u8>, Option<String>, String),
}

/// The answer's bytes: what comes of them does not depend on how they were cut, every byte of
/// audio was received, and a first-generation Shoutcast server is heard like any other.
pub(crate) fn http_answer(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let seed = input.byte();
    let stream = input.rest();
    let whole = outcome(stream, 0);
    assert_eq!(whole, outcome(stream, seed.max(1)));
    if let Some(rest) = stream.strip_prefix(b"ICY ") {
        let as_http = [b"HTTP/1.0 ".as_slice(), rest].concat();
        assert_eq!(whole, outcome(&as_http, 0));
    }
}

fn outcome(stream: &[u8], seed: u8) -> Outcome {
    RUNTIME.with(|runtime| runtime.block_on(ask(stream, seed)))
}

async fn ask(stream: &[u8], seed: u8) -> Outcome {
    let place = Url::parse("http://radio.lan/live").expect("a URL");
    let server = Server {
        pieces: cut(stream, seed).into_iter().map(<[u8]>::to_vec).collect(),
        asked: false,
        waiting: None,
    };
    let question = request::request(&place, None).expect("a request");
    let traffic = Arc::<Traffic>::default();
    let limit = Duration::from_secs(60);
    // Of a head that is both damaged and cut off, the HTTP library sees first whichever the
    // reads show it first.
    let Ok(answer) = request::ask(server, None, question, &traffic, limit).await else {
        return Outcome::NoAnswer;
    };
    if let Some(location) = answer.response.headers().get(http::header::LOCATION)
        && answer.response.status().is_redirection()
    {
        return Outcome::Redirected(address::next(&place, Some(location.as_bytes())).ok());
    }
    let mut played = Vec::new();
    let mut stream = match HttpStream::of(answer, false, true) {
        Ok(stream) => stream,
        Err(error) => return Outcome::Refused(error.to_string()),
    };
    let claimed = stream.claimed().map(str::to_owned);
    loop {
        match stream.next().await {
            Ok(bytes) => {
                assert!(!bytes.is_empty());
                played.extend_from_slice(&bytes);
            }
            Err(end) => {
                assert!(played.len() as u64 <= traffic.bytes.load(Relaxed));
                return Outcome::Played(played, claimed, end.to_string());
            }
        }
    }
}

/// Titles: taken out exactly where a server puts them, and of any other bytes the same is kept
/// however they were cut.
pub(crate) fn icy(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (seed, honest) = (input.byte(), input.byte() & 1 == 0);
    let interval = usize::from(input.word()).max(1);
    if !honest {
        let stream = input.rest();
        let whole = split(interval, stream, 0);
        assert_eq!(whole, split(interval, stream, seed));
        assert!(whole.len() <= stream.len());
        return;
    }
    let mut titles = Vec::new();
    for _ in 0..input.byte() % 8 {
        titles.push(input.piece());
    }
    let audio = input.rest();
    let mut stream = Vec::new();
    let mut titles = titles.into_iter();
    for block in audio.chunks(interval) {
        stream.extend_from_slice(block);
        if block.len() == interval {
            let title = titles.next().unwrap_or_default();
            let mut text = match title {
                [] => Vec::new(),
                title => [b"StreamTitle='".as_slice(), title, b"';"].concat(),
            };
            text.resize(text.len().div_ceil(16) * 16, 0);
            stream.push((text.len() / 16) as u8);
            stream.extend_from_slice(&text);
        }
    }
    assert_eq!(split(interval, &stream, seed), audio);
}

fn split(interval: usize, stream: &[u8], seed: u8) -> Vec<u8> {
    let mut splitter = Splitter::new(&interval.to_string()).expect("a usable interval");
    let pieces = cut(stream, seed);
    let audio = pieces
        .iter()
        .flat_map(|piece| splitter.split(&Bytes::copy_from_slice(piece)));
    audio.collect()
}

/// `Location`: what is followed is http or https, carries nobody's credentials, and ours go
/// along only to the place they were configured for.
pub(crate) fn redirect(bytes: &[u8]) {
    let place = Url::parse("http://radio.lan:8000/a/b?token=x").expect("a URL");
    let Ok(next) = address::next(&place, Some(bytes)) else {
        return;
    };
    assert!(matches!(next.scheme(), "http" | "https"), "{next}");
    assert_eq!((next.username(), next.password()), ("", None));
    assert!(next.host_str().is_some_and(|host| !host.is_empty()));
    assert!(next.fragment().is_none() && next.as_str().len() <= 2048);
    let same = (next.scheme(), next.host_str(), next.port_or_known_default())
        == ("http", Some("radio.lan"), Some(8000));
    assert_eq!(address::may_share_credentials(&place, &next), same);
    let credentials = Credentials {
        username: Secret::new("user"),
        password: Secret::new("password"),
    };
    if let Ok(request) = request::request(&next, Some(&credentials)) {
        assert!(request.headers().get_all(http::header::HOST).iter().count() == 1);
        assert!(request.headers()[http::header::AUTHORIZATION].is_sensitive());
    }
}
