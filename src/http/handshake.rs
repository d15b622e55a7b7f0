//! The beginning of an encrypted connection.

use std::io;

use tokio::{io::AsyncWriteExt as _, net::TcpStream};
use tokio_rustls::server::TlsStream;

use super::{access::Tls, metrics::Rejection, stall_guard::StallGuard};

/// The content type of the first record of a handshake (RFC 8446 §5.1).
const HANDSHAKE: u8 = 22;

/// Encrypts a connection; also the names in the client's certificate, if it has shown one that
/// proves them. The caller limits how long it may take. Not cancellation safe: what was begun is
/// lost with the connection.
pub(super) async fn shake_hands(
    stream: StallGuard<TcpStream>,
    tls: &Tls,
) -> Result<(TlsStream<StallGuard<TcpStream>>, Option<Vec<String>>), Rejection> {
    let mut first = [0];
    match stream.get_ref().peek(&mut first).await {
        Ok(1) if first[0] == HANDSHAKE => {}
        Ok(0) | Err(_) => return Err(Rejection::Tls),
        Ok(_) => {
            explain(stream).await;
            return Err(Rejection::Tls);
        }
    }
    let stream = tls.acceptor().accept(stream).await;
    let stream = stream.map_err(|error: io::Error| {
        tracing::debug!(%error, "a TLS handshake failed");
        Rejection::Tls
    })?;
    let names = tls.names(stream.get_ref().1.peer_certificates());
    Ok((stream, names))
}

/// Tells who speaks HTTP without TLS what is wrong.
async fn explain(mut stream: StallGuard<TcpStream>) {
    const TEXT: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\n\
        connection: close\r\ncontent-length: 42\r\n\r\nThis port speaks TLS: ask it by https://.\n";
    let _told = stream.write_all(TEXT).await;
    let _closed = stream.shutdown().await;
}
