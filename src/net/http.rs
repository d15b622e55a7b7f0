//! What the HTTP/1.1 clients of this program share: how a request begins, the connection that its
//! address leads to, and one exchange on it. No redirects, no cookies, no proxies.

use std::{convert::Infallible, fmt, time::Duration};

use http::{Method, Request, Response, header, request};
use hyper::{
    body::{Body, Incoming},
    client::conn::http1,
};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use url::{Position, Url};

use super::{DialError, Dialled, Dialler, TlsError, TlsOptions, Turn, tls};

/// The largest head of an answer, in bytes.
pub const MOST_HEAD: usize = 64 * 1024;

const USER_AGENT: &str = concat!("audio-capture-exporter/", env!("CARGO_PKG_VERSION"));

/// A connection to talk over.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection to the server of an address, over TLS where its scheme is `https`.
pub struct Opened {
    /// Ready for a request.
    pub stream: Box<dyn Stream>,
    /// Others may dial the same host once it is dropped.
    pub turn: Turn,
    /// Whether it is a TLS session.
    pub is_tls: bool,
}

/// Why there is no connection.
#[derive(Debug)]
pub enum OpenFailure {
    /// The host could not be reached.
    Dial(DialError),
    /// It could, but TLS failed.
    Tls(TlsError),
}

impl fmt::Display for OpenFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dial(error) => error.fmt(f),
            Self::Tls(error) => error.fmt(f),
        }
    }
}

/// The server broke off, or speaks no HTTP.
#[derive(Debug)]
pub struct Broke;

/// Dials and shakes hands, each within `limit`.
///
/// # Errors
/// [`OpenFailure`], which names no credentials.
///
/// Cancellation safe: dropping the future closes the connection.
pub async fn open(
    dialler: &Dialler,
    place: &Url,
    options: &TlsOptions,
    limit: Duration,
) -> Result<Opened, OpenFailure> {
    let host = place.host_str().unwrap_or_default();
    let bare_host = host.trim_start_matches('[').trim_end_matches(']');
    let port = place.port_or_known_default().unwrap_or(80);
    let Dialled { stream, turn } = dialler
        .dial(bare_host, port, limit)
        .await
        .map_err(OpenFailure::Dial)?;
    let is_tls = place.scheme() == "https";
    let stream: Box<dyn Stream> = if is_tls {
        let stream = tls::connect(stream, bare_host, options, limit).await;
        Box::new(stream.map_err(OpenFailure::Tls)?)
    } else {
        Box::new(stream)
    };
    Ok(Opened {
        stream,
        turn,
        is_tls,
    })
}

/// How a request for an address begins; credentials and fragment of the address are not in it.
pub fn head(method: Method, place: &Url) -> request::Builder {
    let host = place.host_str().unwrap_or_default();
    let port = place.port().map(|port| format!(":{port}"));
    Request::builder()
        .method(method)
        .uri(&place[Position::BeforePath..Position::AfterQuery])
        .header(header::HOST, format!("{host}{}", port.unwrap_or_default()))
        .header(header::USER_AGENT, USER_AGENT)
        .header(header::CONNECTION, "close")
}

/// Sends a request and makes something of the answer, of which `read` takes as much as it wants;
/// then the connection is closed. Has no limit of time of its own. Others may dial the same host
/// meanwhile.
///
/// # Errors
/// [`Broke`] where no answer comes.
///
/// Cancellation safe in that nothing is left open; the server may have taken the request.
pub async fn exchange<B, T>(
    opened: Opened,
    request: Request<B>,
    read: impl AsyncFnOnce(Response<Incoming>) -> T,
) -> Result<T, Broke>
where
    B: Body<Data: Send, Error: std::error::Error + Send + Sync> + Send + 'static,
{
    let Opened { stream, turn, .. } = opened;
    // A server that hangs must not use up the turns of others at the same host.
    drop(turn);
    let handshake = http1::Builder::new()
        .max_buf_size(MOST_HEAD)
        .handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.map_err(|_| Broke)?;
    let exchange = async {
        let answer = sender.send_request(request).await.map_err(|_| Broke)?;
        Ok(read(answer).await)
    };
    // The connection moves the bytes; when it ends first, the exchange is told.
    let connection = async {
        let _told_to_the_exchange = connection.await;
        std::future::pending::<Infallible>().await
    };
    tokio::select! {
        outcome = exchange => outcome,
        never = connection => match never {},
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::Empty;

    use super::{super::DialLimits, *};
    use crate::shutdown::Tasks;

    #[test]
    fn a_request_asks_for_what_the_address_names_and_tells_no_credentials() {
        for (place, target, host) in [
            ("http://u:canary@h/a%20b?c=d#e", "/a%20b?c=d", "h"),
            ("http://h:80/", "/", "h"),
            ("https://[::1]:8443", "/", "[::1]:8443"),
        ] {
            let place = Url::parse(place).unwrap();
            let request = head(Method::GET, &place).body(()).unwrap();
            assert_eq!(request.uri(), target);
            assert_eq!(request.headers()[header::HOST], host);
            assert!(!format!("{request:?}").contains("canary"));
        }
    }

    #[tokio::test]
    async fn a_server_that_hangs_keeps_nobody_else_from_its_host() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let place = format!("http://{}/", listener.local_addr().unwrap());
        let place = Url::parse(&place).unwrap();
        let dialler = Dialler::new(&Tasks::default());
        dialler.set_limits(DialLimits {
            per_host: 1,
            total: 1,
        });
        let options = TlsOptions::default();
        let open = || open(&dialler, &place, &options, Duration::from_secs(30));
        let opened = open().await.unwrap();
        assert!(
            tokio::time::timeout(Duration::from_millis(100), open())
                .await
                .is_err(),
            "until something is asked, it is this one's turn"
        );
        let request = head(Method::GET, &place).body(Empty::<Bytes>::new());
        let exchange = exchange(opened, request.unwrap(), async |_| ());
        tokio::select! {
            outcome = exchange => panic!("nobody answers: {outcome:?}"),
            second = tokio::time::timeout(Duration::from_secs(30), open()) => {
                assert!(second.is_ok(), "its turn never came");
            }
        }
    }
}
