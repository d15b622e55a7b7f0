//! Moving bytes both ways between a proven client and its camera.

use std::{
    borrow::Cow,
    cell::RefCell,
    io,
    sync::{Arc, LazyLock, Mutex, PoisonError, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::{
    io::AsyncWriteExt as _,
    net::TcpStream,
    time::{Instant, sleep_until, timeout},
};

use super::{
    Camera, Traffic, Violation,
    framing::{Framing, Seen},
    refused_late,
    report::RelayReport,
    request::Requests,
    udp::Udp,
};

/// How often a playing camera is read.
const GRID: Duration = Duration::from_millis(100);
/// How long one side may refuse to take bytes before the session is given up.
const WRITE_LIMIT: Duration = Duration::from_secs(10);

/// All relays wake on one common grid, so that one timer serves them together.
static GRID_ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

thread_local! {
    /// Bytes in passing. Shared by the relays of a thread: between a read and the end of
    /// its write nothing else runs, and what the client does not take at once is copied.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; 64 * 1024]);
}

/// The state of one session's two directions.
pub(super) struct Pump {
    client: TcpStream,
    camera: Camera,
    udp: Option<Udp>,
    requests: Requests,
    framing: Framing,
    traffic: Arc<Traffic>,
    report: Arc<Mutex<RelayReport>>,
}

/// Why the pump stops; the report says the rest.
struct Stop;

/// What one look at the camera brought.
#[derive(Default)]
struct Taken {
    interleaved: bool,
    /// What the client did not take at once.
    unsent: Vec<u8>,
}

impl Pump {
    pub(super) fn new(
        client: TcpStream,
        camera: Camera,
        udp: Option<Udp>,
        requests: Requests,
        traffic: Arc<Traffic>,
        report: Arc<Mutex<RelayReport>>,
    ) -> Self {
        let framing = Framing::new();
        Self {
            client,
            camera,
            udp,
            requests,
            framing,
            traffic,
            report,
        }
    }

    /// Runs until either side closes, a limit is broken, or the future is dropped.
    /// `first` is the first request, already checked.
    pub(super) async fn run(mut self, first: Vec<u8>) {
        let first = match &mut self.udp {
            Some(udp) => udp.requests(first),
            None => first,
        };
        if self.send_to_camera(&first).await.is_err() {
            return;
        }
        while self.step().await.is_ok() {}
    }

    async fn step(&mut self) -> Result<(), Stop> {
        let by_udp = self.udp.as_ref().is_some_and(Udp::is_agreed);
        let on_grid = by_udp || !self.camera.is_watched();
        let tick = async {
            if on_grid {
                sleep_until(next_tick(Instant::now())).await;
            } else {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            ready = self.client.readable() => {
                ready.map_err(|_| Stop)?;
                self.take_request().await
            }
            () = self.camera.readable() => self.take_from_camera().await,
            () = tick => {
                if by_udp {
                    self.take_from_udp().await?;
                }
                if self.camera.is_watched() {
                    return Ok(());
                }
                self.take_from_camera().await
            }
        }
    }

    async fn take_request(&mut self) -> Result<(), Stop> {
        let mut buffer = [0; 2048];
        match self.client.try_read(&mut buffer) {
            Ok(0) => Err(Stop),
            Ok(n) => {
                let mut ready = self.requests.feed(&buffer[..n]).map_err(|_| Stop)?;
                if let Some(udp) = &mut self.udp {
                    ready = udp.requests(ready);
                }
                self.send_to_camera(&ready).await
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(_) => Err(Stop),
        }
    }

    async fn send_to_camera(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        match timeout(WRITE_LIMIT, self.camera.send(bytes)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(self.camera_closed()),
        }
    }

    async fn take_from_camera(&mut self) -> Result<(), Stop> {
        let taken = self.read_and_forward()?;
        self.send_to_client(&taken.unsent).await?;
        if taken.interleaved {
            self.camera.go_on_grid().map_err(|_| Stop)?;
        }
        Ok(())
    }

    async fn take_from_udp(&mut self) -> Result<(), Stop> {
        let mut frames = Vec::new();
        let taken = match &mut self.udp {
            Some(udp) => udp.tick(&self.traffic, &mut frames),
            None => Ok(()),
        };
        self.send_to_client(&frames).await?;
        taken.map_err(|violation| self.violated(violation))
    }

    async fn send_to_client(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        if bytes.is_empty() {
            return Ok(());
        }
        let sent = timeout(WRITE_LIMIT, self.client.write_all(bytes)).await;
        sent.map_err(|_| Stop)?.map_err(|_| Stop)
    }

    /// Reads all that the camera has sent, checks it and hands it to the client.
    fn read_and_forward(&mut self) -> Result<Taken, Stop> {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut taken = Taken::default();
            loop {
                let n = match self.camera.read(scratch) {
                    Ok(0) => return Err(self.camera_closed()),
                    Ok(n) => n,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(taken),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => {
                        self.lock_report().tls = refused_late(&error);
                        return Err(self.camera_closed());
                    }
                };
                let bytes = &scratch[..n];
                let seen = match self.framing.feed(bytes) {
                    Ok(seen) => seen,
                    Err(violation) => return Err(self.violated(violation)),
                };
                taken.interleaved |= seen.interleaved;
                self.count(n, seen);
                let bytes = self.for_client(bytes);
                let sent = if taken.unsent.is_empty() {
                    self.try_send(&bytes)?
                } else {
                    0
                };
                taken.unsent.extend_from_slice(&bytes[sent..]);
                // What the client has not taken must not pile up here.
                if !taken.unsent.is_empty() || (n < scratch.len() && !self.camera.may_have_more()) {
                    return Ok(taken);
                }
            }
        })
    }

    fn try_send(&self, bytes: &[u8]) -> Result<usize, Stop> {
        match self.client.try_write(bytes) {
            Ok(n) => Ok(n),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            Err(_) => Err(Stop),
        }
    }

    fn count(&self, bytes: usize, seen: Seen) {
        self.traffic.bytes.fetch_add(bytes as u64, Relaxed);
        self.traffic.packets.fetch_add(seen.rtp_packets, Relaxed);
        if let Some(head) = seen.head {
            self.lock_report().note_head(head);
        }
    }

    /// What the camera sent, as the client shall see it.
    fn for_client<'a>(&mut self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let Some(udp) = &mut self.udp else {
            return Cow::Borrowed(bytes);
        };
        let bytes = udp.answers(bytes);
        let by_udp = udp.is_agreed();
        self.lock_report().by_udp = by_udp;
        bytes
    }

    fn violated(&self, violation: Violation) -> Stop {
        self.lock_report().violation = Some(violation);
        Stop
    }

    fn camera_closed(&self) -> Stop {
        self.lock_report().camera_closed = true;
        Stop
    }

    fn lock_report(&self) -> std::sync::MutexGuard<'_, RelayReport> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn next_tick(now: Instant) -> Instant {
    let origin = *GRID_ORIGIN;
    let ticks = now.saturating_duration_since(origin).as_millis() / GRID.as_millis() + 1;
    origin + GRID * u32::try_from(ticks).unwrap_or(u32::MAX)
}
