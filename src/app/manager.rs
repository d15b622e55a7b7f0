//! What the service manager is told: datagrams as `sd_notify(3)` describes them.

use std::{
    env,
    ffi::OsStr,
    io,
    os::{
        linux::net::SocketAddrExt as _,
        unix::{
            ffi::OsStrExt as _,
            net::{SocketAddr, UnixDatagram},
        },
    },
    sync::Arc,
    time::Duration,
};

use tokio::{sync::watch, time::Instant};

use crate::{
    shutdown::{TaskKind, Tasks},
    status::Snapshot,
};

/// A service manager that wants to know.
#[derive(Debug)]
pub(super) struct Manager {
    socket: UnixDatagram,
    address: SocketAddr,
    /// How long it waits for a sign of life.
    patience: Option<Duration>,
}

impl Manager {
    /// The one of the environment (`NOTIFY_SOCKET`, `WATCHDOG_USEC`, `WATCHDOG_PID`); `None` where
    /// nobody wants to know, and where it cannot be told, which is logged.
    pub(super) fn of_environment() -> Option<Arc<Self>> {
        let name = env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty())?;
        let manager = Self::new(&name, patience());
        let told = |error| {
            tracing::warn!(%error, "the service manager of NOTIFY_SOCKET cannot be told anything");
        };
        manager.map_err(told).ok().map(Arc::new)
    }

    fn new(name: &OsStr, patience: Option<Duration>) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        // A manager that does not read holds nobody up.
        socket.set_nonblocking(true)?;
        let address = match name.as_bytes().strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name)?,
            None => SocketAddr::from_pathname(name)?,
        };
        Ok(Self {
            socket,
            address,
            patience,
        })
    }

    /// The program serves, and this is what it does.
    pub(super) fn ready(&self, status: &str) {
        self.tell(&format!("READY=1\nSTATUS={}", one_line(status)));
    }

    /// What it does now.
    pub(super) fn status(&self, status: &str) {
        self.tell(&format!("STATUS={}", one_line(status)));
    }

    /// It ends.
    pub(super) fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    /// Gives a sign of life for as long as the capture side does: with its snapshots, each of
    /// which is a beat of its heart. Without them the manager restarts the program.
    pub(super) fn watch(
        self: &Arc<Self>,
        tasks: &Tasks,
        mut snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
    ) {
        let Some(patience) = self.patience else {
            return;
        };
        let manager = Arc::clone(self);
        let group = tasks.clone();
        tasks.spawn(TaskKind::Heartbeat, async move {
            let mut last: Option<Instant> = None;
            loop {
                tokio::select! {
                    () = group.cancelled() => return,
                    beat = snapshots.changed() => {
                        if beat.is_err() {
                            return;
                        }
                    }
                }
                if last.is_none_or(|last| last.elapsed() >= patience / 4) {
                    manager.tell("WATCHDOG=1");
                    last = Some(Instant::now());
                }
            }
        });
    }

    fn tell(&self, words: &str) {
        if let Err(error) = self.socket.send_to_addr(words.as_bytes(), &self.address) {
            tracing::debug!(%error, "the service manager could not be told");
        }
    }
}

fn one_line(text: &str) -> String {
    text.replace('\n', " ")
}

/// How long the manager waits, if it means this process.
fn patience() -> Option<Duration> {
    let read = |name| env::var(name).ok().map(|text| text.parse::<u64>());
    match (read("WATCHDOG_USEC"), read("WATCHDOG_PID")) {
        (_, Some(pid)) if pid != Ok(u64::from(std::process::id())) => None,
        (Some(Ok(micros)), _) if micros > 0 => Some(Duration::from_micros(micros)),
        _ => None,
    }
}
