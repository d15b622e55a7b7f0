//! Moving bytes both ways between a proven client and its camera.

use std::{
    cell::RefCell,
    io::{self, Read as _, Write as _},
    sync::{Arc, LazyLock, Mutex, PoisonError, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::{
    io::AsyncWriteExt as _,
    net::TcpStream,
    time::{Instant, sleep_until, timeout},
};

use super::{
    Traffic,
    framing::{Framing, Seen},
    report::RelayReport,
    request::Requests,
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

/// The camera's socket: watched for readiness until audio flows, then read on the grid.
enum Camera {
    Watched(TcpStream),
    OnGrid(std::net::TcpStream),
    Gone,
}

/// The state of one session's two directions.
pub(super) struct Pump {
    client: TcpStream,
    camera: Camera,
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
        camera: TcpStream,
        requests: Requests,
        traffic: Arc<Traffic>,
        report: Arc<Mutex<RelayReport>>,
    ) -> Self {
        let framing = Framing::new();
        Self {
            client,
            camera: Camera::Watched(camera),
            requests,
            framing,
            traffic,
            report,
        }
    }

    /// Runs until either side closes, a limit is broken, or the future is dropped.
    /// `first` is the first request, already checked.
    pub(super) async fn run(mut self, first: Vec<u8>) {
        if self.send_to_camera(&first).await.is_err() {
            return;
        }
        while self.step().await.is_ok() {}
    }

    async fn step(&mut self) -> Result<(), Stop> {
        let camera_ready = async {
            match &self.camera {
                Camera::Watched(stream) => stream.readable().await.is_ok(),
                _ => {
                    sleep_until(next_tick(Instant::now())).await;
                    true
                }
            }
        };
        let from_client = tokio::select! {
            ready = self.client.readable() => { ready.map_err(|_| Stop)?; true }
            _ = camera_ready => false,
        };
        if from_client {
            self.take_request().await
        } else {
            self.take_from_camera().await
        }
    }

    async fn take_request(&mut self) -> Result<(), Stop> {
        let mut buffer = [0; 2048];
        match self.client.try_read(&mut buffer) {
            Ok(0) => Err(Stop),
            Ok(n) => {
                let ready = self.requests.feed(&buffer[..n]).map_err(|_| Stop)?;
                self.send_to_camera(&ready).await
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(_) => Err(Stop),
        }
    }

    async fn send_to_camera(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        let sent = match &mut self.camera {
            Camera::Watched(stream) => timeout(WRITE_LIMIT, stream.write_all(bytes)).await,
            // Requests are a few hundred bytes; a send buffer that has no room for one
            // belongs to a camera that has not read for minutes.
            Camera::OnGrid(stream) => Ok((&*stream).write_all(bytes)),
            Camera::Gone => return Err(Stop),
        };
        match sent {
            Ok(Ok(())) => Ok(()),
            _ => Err(self.camera_closed()),
        }
    }

    async fn take_from_camera(&mut self) -> Result<(), Stop> {
        let taken = self.read_and_forward()?;
        if !taken.unsent.is_empty() {
            let sent = timeout(WRITE_LIMIT, self.client.write_all(&taken.unsent)).await;
            sent.map_err(|_| Stop)?.map_err(|_| Stop)?;
        }
        if taken.interleaved {
            self.go_on_grid()?;
        }
        Ok(())
    }

    /// Reads all that the camera has sent, checks it and hands it to the client.
    fn read_and_forward(&mut self) -> Result<Taken, Stop> {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut taken = Taken::default();
            loop {
                let read = match &mut self.camera {
                    Camera::Watched(stream) => stream.try_read(scratch),
                    Camera::OnGrid(stream) => stream.read(scratch),
                    Camera::Gone => return Err(Stop),
                };
                let n = match read {
                    Ok(0) => return Err(self.camera_closed()),
                    Ok(n) => n,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(taken),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(_) => return Err(self.camera_closed()),
                };
                let bytes = &scratch[..n];
                let seen = match self.framing.feed(bytes) {
                    Ok(seen) => seen,
                    Err(violation) => {
                        self.lock_report().violation = Some(violation);
                        return Err(Stop);
                    }
                };
                taken.interleaved |= seen.interleaved;
                self.count(n, seen);
                let sent = if taken.unsent.is_empty() {
                    self.try_send(bytes)?
                } else {
                    0
                };
                taken.unsent.extend_from_slice(&bytes[sent..]);
                // What the client has not taken must not pile up here.
                if !taken.unsent.is_empty() || n < scratch.len() {
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

    /// Takes the camera's socket out of the reactor: from now on the grid reads it.
    fn go_on_grid(&mut self) -> Result<(), Stop> {
        self.camera = match std::mem::replace(&mut self.camera, Camera::Gone) {
            Camera::Watched(stream) => Camera::OnGrid(stream.into_std().map_err(|_| Stop)?),
            settled => settled,
        };
        Ok(())
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
