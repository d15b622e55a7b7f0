//! One open socket.

use std::{future::Future, io, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Bytes, Error, Message,
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};

use super::Accepted;
use crate::{
    http::{
        Limits,
        metrics::{HttpMetrics, Rejection},
    },
    shutdown::Tasks,
};

/// A client says nothing but pongs; more than this in a message or frame is not one of ours.
const MOST_BYTES: usize = 4 * 1024;
/// How long a client may take to answer a close, and the switch of protocols to happen.
const FAREWELL: Duration = Duration::from_secs(2);

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Why it ends.
enum End {
    /// The connection is gone.
    Gone,
    /// It is closed with this code and reason.
    Close(CloseCode, &'static str),
}

/// Serves an accepted socket until either side ends it.
pub(in crate::http) async fn run(
    accepted: Accepted,
    tasks: &Tasks,
    limits: &Limits,
    metrics: &HttpMetrics,
) {
    let Ok(Ok(upgraded)) = timeout(FAREWELL, accepted.upgrade.clone()).await else {
        return;
    };
    let config = WebSocketConfig::default()
        .read_buffer_size(MOST_BYTES)
        .write_buffer_size(MOST_BYTES)
        .max_message_size(Some(MOST_BYTES))
        .max_frame_size(Some(MOST_BYTES));
    let io = TokioIo::new(upgraded);
    let mut socket = Socket::from_raw_socket(io, Role::Server, Some(config)).await;
    let end = converse(&mut socket, &accepted, tasks, limits).await;
    let close = match end {
        End::Gone => return,
        End::Close(code, reason) => CloseFrame {
            code,
            reason: reason.into(),
        },
    };
    match close.code {
        CloseCode::Size => metrics.reject(Rejection::Oversized),
        CloseCode::Protocol | CloseCode::Invalid => metrics.reject(Rejection::Malformed),
        CloseCode::Policy => metrics.reject(Rejection::SlowReader),
        _ => {}
    }
    // RFC 6455 §7.1.1: the client's answer is waited for, but not for long, and what else it
    // sends is not looked at.
    let farewell = async {
        socket.close(Some(close)).await?;
        while socket.next().await.is_some_and(|said| said.is_ok()) {}
        Ok::<_, Error>(())
    };
    match timeout(FAREWELL, farewell).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "an event socket ended before its farewell"),
        Err(_) => tracing::debug!("an event socket did not answer the farewell"),
    }
}

async fn converse(socket: &mut Socket, accepted: &Accepted, tasks: &Tasks, limits: &Limits) -> End {
    let mut feed = accepted.feed();
    let mut pings = interval(limits.socket_silence / 3);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = Instant::now();
    loop {
        let sent = tokio::select! {
            biased;
            () = tasks.cancelled() => return End::Close(CloseCode::Away, "the program stops"),
            said = socket.next() => match said {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {
                    heard = Instant::now();
                    continue;
                }
                // The library has answered it; the end follows.
                Some(Ok(Message::Close(_))) => continue,
                Some(Ok(_)) => return End::Close(CloseCode::Unsupported, "events are only told"),
                Some(Err(error)) => return ending(&error),
                None => return End::Gone,
            },
            told = feed.next() => match told {
                Some(messages) => {
                    let all = async {
                        for message in messages {
                            socket.feed(Message::Text(message)).await?;
                        }
                        socket.flush().await
                    };
                    within(limits.write, tasks, all).await
                }
                None => return End::Close(CloseCode::Away, "the program stops"),
            },
            _ = pings.tick() => {
                if heard.elapsed() > limits.socket_silence {
                    return End::Close(CloseCode::Policy, "nothing was heard for too long");
                }
                within(limits.write, tasks, socket.send(Message::Ping(Bytes::new()))).await
            }
        };
        if let Err(end) = sent {
            return end;
        }
    }
}

/// Sends, but neither for ever nor beyond the program's end.
async fn within(
    limit: Duration,
    tasks: &Tasks,
    sending: impl Future<Output = Result<(), Error>>,
) -> Result<(), End> {
    tokio::select! {
        sent = timeout(limit, sending) => match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(ending(&error)),
            Err(_) => Err(End::Close(CloseCode::Policy, "too slow to be told anything")),
        },
        () = tasks.cancelled() => Err(End::Gone),
    }
}

/// What a fault means (RFC 6455 §7.4.1).
fn ending(error: &Error) -> End {
    match error {
        Error::Protocol(_) => End::Close(CloseCode::Protocol, "against the protocol"),
        Error::Capacity(_) => End::Close(CloseCode::Size, "too large"),
        Error::Utf8(_) => End::Close(CloseCode::Invalid, "not UTF-8"),
        Error::Io(error) if error.kind() == io::ErrorKind::TimedOut => {
            End::Close(CloseCode::Policy, "too slow to be told anything")
        }
        _ => End::Gone,
    }
}
