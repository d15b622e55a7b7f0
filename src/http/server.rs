//! Listeners and connections.

use std::{
    convert::Infallible,
    error::Error as _,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::net::sockopt::set_socket_send_buffer_size;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
};

use super::{
    access::Exposure,
    admission::Peer,
    events::{self, Accepted},
    handshake::shake_hands,
    metrics::Rejection,
    reserve::Reserve,
    seats::{Seat, Seats},
    seldom::Seldom,
    service::Service,
    stall_guard::{Heard, StallGuard},
};
use crate::{
    clip::Overtaken,
    objects::Own,
    shutdown::{TaskKind, Tasks},
};

/// What the system may hold for a client that reads slowly, in bytes; it takes twice as much.
/// More would only hide that nobody listens.
const SEND_BUFFER: usize = 128 * 1024;

/// After that, a connection that was told to make room has given its descriptor back.
const FREED: Duration = Duration::from_millis(10);

pub(super) struct Listener {
    pub(super) socket: TcpListener,
    pub(super) exposure: Exposure,
}

impl Listener {
    /// Must be called on a runtime.
    pub(super) fn new(socket: std::net::TcpListener) -> io::Result<(Self, SocketAddr)> {
        socket.set_nonblocking(true)?;
        let socket = TcpListener::from_std(socket)?;
        let address = socket.local_addr()?;
        let exposure = if address.ip().to_canonical().is_loopback() {
            Exposure::Loopback
        } else {
            Exposure::Network
        };
        Ok((Self { socket, exposure }, address))
    }
}

/// Serves until the group is cancelled, then lets requests in progress finish.
pub(super) async fn run(listeners: Vec<Listener>, service: Arc<Service>, tasks: Tasks) {
    let seats = Seats::new(service.limits.connections);
    for listener in listeners {
        let accepting = accept(
            listener,
            Arc::clone(&service),
            Arc::clone(&seats),
            tasks.clone(),
        );
        tasks.spawn(TaskKind::Http, accepting);
    }
    tasks.cancelled().await;
    if !tasks.drain(service.limits.drain).await {
        tracing::info!("some HTTP clients were too slow to let finish");
    }
}

async fn accept(listener: Listener, service: Arc<Service>, seats: Arc<Seats>, tasks: Tasks) {
    let mut reserve = Reserve::new();
    let mut failing = false;
    // Among many clients each one that makes room is a success between two failures.
    let mut refused = Seldom::default();
    loop {
        let accepted = tokio::select! {
            biased;
            () = tasks.cancelled() => return,
            accepted = listener.socket.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                // What was given up for this connection is its own until the next one.
                if !std::mem::take(&mut failing) {
                    reserve.fill();
                }
                match seats.take() {
                    Some((seat, evicting)) => {
                        if evicting {
                            service.metrics.reject(Rejection::Connections);
                        }
                        let connection = connection(
                            stream,
                            listener.exposure,
                            Arc::clone(&service),
                            Arc::new(seat),
                            tasks.clone(),
                        );
                        tasks.spawn(TaskKind::Http, connection);
                    }
                    None => turn_away(&stream, &service),
                }
            }
            Err(error) if concerns_one_client(&error) => {}
            Err(error) => {
                service.metrics.reject(Rejection::Accept);
                if let Some(not_logged) = refused.happened(Instant::now()) {
                    tracing::warn!(%error, not_logged, "cannot accept HTTP connections; trying again");
                }
                failing = true;
                if reserve.release() {
                    continue;
                }
                // The connection stays in the backlog, so that trying at once would spin.
                let pause = if seats.evict() {
                    service.metrics.reject(Rejection::Connections);
                    FREED
                } else {
                    service.limits.accept_pause
                };
                tokio::select! {
                    () = tasks.cancelled() => return,
                    () = tokio::time::sleep(pause) => {}
                }
            }
        }
    }
}

fn concerns_one_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    [
        ConnectionAborted,
        ConnectionRefused,
        ConnectionReset,
        Interrupted,
    ]
    .contains(&error.kind())
}

/// Says why, as far as the socket's empty buffer takes it without waiting.
fn turn_away(stream: &TcpStream, service: &Service) {
    const BUSY: &[u8] =
        b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\n\
                          content-length: 0\r\n\r\n";
    service.metrics.reject(Rejection::Connections);
    if service.access.borrow().tls.is_some() {
        return;
    }
    if let Err(error) = stream.try_write(BUSY) {
        tracing::debug!(%error, "could not tell an HTTP client that there are too many");
    }
}

async fn connection(
    stream: TcpStream,
    exposure: Exposure,
    service: Arc<Service>,
    seat: Arc<Seat>,
    tasks: Tasks,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "an HTTP connection is delayed by Nagle's algorithm");
    }
    if let Err(error) = set_socket_send_buffer_size(&stream, SEND_BUFFER) {
        tracing::debug!(%error, "an HTTP connection keeps the system's send buffer");
    }
    let _counted = service.objects.own(Own::HttpConnections).hold(0);
    let heard = Heard::default();
    let stream = StallGuard::new(stream, service.limits.write, heard.clone());
    let tls = service.access.borrow().tls.clone();
    let Some(tls) = tls else {
        let peer = Peer {
            exposure,
            certificate: None,
        };
        return serve(stream, &heard, &peer, &service, &seat, &tasks).await;
    };
    let encrypted = tokio::select! {
        encrypted = in_time(service.limits.head, shake_hands(stream, &tls)) => encrypted,
        () = seat.evicted() => return,
        () = tasks.cancelled() => return,
    };
    match encrypted {
        Ok((stream, certificate)) => {
            let peer = Peer {
                exposure,
                certificate,
            };
            serve(stream, &heard, &peer, &service, &seat, &tasks).await;
        }
        Err(reason) => service.metrics.reject(reason),
    }
}

/// Answers requests until one side has enough.
async fn serve(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    heard: &Heard,
    peer: &Peer,
    service: &Service,
    seat: &Seat,
    tasks: &Tasks,
) {
    let limits = &service.limits;
    let listening = AtomicBool::new(false);
    let sending = AtomicBool::new(false);
    let socket = Mutex::new(None);
    let io = TokioIo::new(stream);
    let answering = service_fn(|request| {
        seat.busy();
        let (listening, sending, socket) = (&listening, &sending, &socket);
        async move {
            let mut reply = service.answer(request, peer).await;
            heard.clear();
            if let Some(accepted) = reply.extensions_mut().remove::<Accepted>() {
                // So does a socket, which goes on below.
                *socket.lock().unwrap_or_else(PoisonError::into_inner) = Some(accepted);
            } else if reply.body().is_live() {
                // A listener keeps its seat.
                listening.store(true, Relaxed);
            } else if reply.body().is_being_made() {
                // The connection closes after it.
                sending.store(true, Relaxed);
            } else {
                seat.waits();
            }
            Ok::<_, Infallible>(reply)
        }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_header_size(limits.head_bytes)
        // What is left of a body may share the buffer with the next head.
        .max_buf_size(limits.head_bytes.max(8 * 1024))
        .serve_connection(io, answering)
        .with_upgrades();
    tokio::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = seat.evicted() => return,
        () = until_told_to_leave(tasks, limits.age) => {
            serving.as_mut().graceful_shutdown();
            let told = Instant::now();
            loop {
                match tokio::time::timeout(limits.write, serving.as_mut()).await {
                    Ok(ended) => break ended,
                    // Who takes what comes may listen on; the stall guard sees to the others.
                    Err(_) if listening.load(Relaxed) && !tasks.is_cancelled() => {}
                    // What has an end gets as long again.
                    Err(_) if sending.load(Relaxed)
                        && !tasks.is_cancelled()
                        && told.elapsed() < limits.age => {}
                    Err(_) => break Ok(()),
                }
            }
        }
    };
    if let Err(error) = ended {
        if let Some(reason) = blame(&error, heard) {
            service.metrics.reject(reason);
        }
        tracing::debug!(%error, "an HTTP connection ended early");
        return;
    }
    let accepted = socket.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(accepted) = accepted {
        events::run(accepted, tasks, limits, &service.metrics).await;
    }
}

async fn in_time<T>(
    limit: Duration,
    step: impl Future<Output = Result<T, Rejection>>,
) -> Result<T, Rejection> {
    let ended = tokio::time::timeout(limit, step).await;
    ended.unwrap_or(Err(Rejection::SlowRequest))
}

async fn until_told_to_leave(tasks: &Tasks, age: Duration) {
    tokio::select! {
        () = tasks.cancelled() => {}
        () = tokio::time::sleep(age) => {}
    }
}

/// What a client did wrong; `None` when it just left, or stayed silent after an answer.
fn blame(error: &hyper::Error, heard: &Heard) -> Option<Rejection> {
    if error.is_parse_too_large() {
        return Some(Rejection::Oversized);
    }
    if error.is_parse() {
        return Some(Rejection::Malformed);
    }
    if error.is_timeout() {
        return heard.is_set().then_some(Rejection::SlowRequest);
    }
    let source = error.source()?;
    if source.is::<Overtaken>() {
        return Some(Rejection::SlowReader);
    }
    let io = source.downcast_ref::<io::Error>()?;
    (io.kind() == io::ErrorKind::TimedOut).then_some(Rejection::SlowReader)
}
