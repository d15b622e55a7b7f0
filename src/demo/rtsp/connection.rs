//! One client's connection: reads requests, writes replies and packets, keeps time.

use std::{
    io,
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, sleep_until, timeout},
};

use super::{
    ServerOptions,
    dialogue::Dialogue,
    inbox::{Inbox, Refusal},
    media::Mount,
    reply::Reply,
};

/// Room for the next read, in bytes.
const READ: usize = 2 * 1024;

/// Serves one client until it leaves, breaks the protocol, stops reading or talking, or
/// its mount drops it.
///
/// # Errors
/// Why the connection was not closed by the client itself.
pub(super) async fn serve(
    mut stream: TcpStream,
    number: u64,
    mounts: Arc<[Mount]>,
    options: ServerOptions,
) -> io::Result<()> {
    // Audio waits for nobody: each group of packets leaves in a segment of its own.
    stream.set_nodelay(true)?;
    let ended = converse(&mut stream, number, mounts, options).await;
    if matches!(&ended, Err(error) if error.kind() != io::ErrorKind::InvalidData) {
        // A reset: whatever the client has not taken by now is thrown away.
        stream.set_zero_linger()?;
    }
    ended
}

async fn converse(
    stream: &mut TcpStream,
    number: u64,
    mounts: Arc<[Mount]>,
    options: ServerOptions,
) -> io::Result<()> {
    let mut dialogue = Dialogue::new(mounts, number, options.session_timeout);
    let mut inbox = Inbox::default();
    let mut out = Vec::new();
    let mut silent_at = Instant::now() + options.session_timeout;
    let mut alarm = std::pin::pin!(sleep_until(silent_at));
    loop {
        let events = [dialogue.next_due(), dialogue.drop_at()];
        let wake = events.into_iter().flatten().fold(silent_at, Instant::min);
        alarm.as_mut().reset(wake);
        inbox.bytes.reserve(READ);
        let received = tokio::select! {
            received = stream.read_buf(&mut inbox.bytes) => Some(received?),
            () = &mut alarm => None,
        };
        let now = Instant::now();
        match received {
            Some(0) => return Ok(()),
            Some(_) => silent_at = now + options.session_timeout,
            None if now >= silent_at => return Err(gone("it sent nothing for too long")),
            None => {}
        }
        loop {
            match inbox.next() {
                Ok(None) => break,
                Ok(Some(request)) => {
                    dialogue.answer(&request, now, &mut out);
                    send(stream, &mut out, options.write_timeout).await?;
                }
                Err(Refusal(status)) => {
                    Reply::new(status, None).write(&mut out);
                    send(stream, &mut out, options.write_timeout).await?;
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        "it sent what is no request",
                    ));
                }
            }
        }
        if dialogue.drop_at().is_some_and(|at| at <= now) {
            return Err(gone("its mount drops connections"));
        }
        dialogue.emit(now, SystemTime::now(), &mut out);
        send(stream, &mut out, options.write_timeout).await?;
    }
}

/// Writes all of `out` and empties it.
async fn send(stream: &mut TcpStream, out: &mut Vec<u8>, limit: Duration) -> io::Result<()> {
    if !out.is_empty() {
        let written = timeout(limit, stream.write_all(out)).await;
        written.map_err(|_| gone("it does not read what it is sent"))??;
        out.clear();
    }
    Ok(())
}

fn gone(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, reason)
}
