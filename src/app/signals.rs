//! What the system may ask of the program.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGTERM and SIGINT: stop.
pub(super) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

/// SIGUSR1: write a profile.
pub(super) struct ProfileSignal(Signal);

/// SIGHUP: load the configuration again.
pub(super) struct ReloadSignal(Signal);

impl StopSignals {
    /// Replaces the default handlers.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for one of them. Cancellation safe.
    pub(super) async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

impl ProfileSignal {
    /// Replaces the default handler.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self(signal(SignalKind::user_defined1())?))
    }

    /// Waits for it. Cancellation safe.
    pub(super) async fn asked(&mut self) {
        self.0.recv().await;
    }
}

impl ReloadSignal {
    /// Replaces the default handler.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self(signal(SignalKind::hangup())?))
    }

    /// Waits for it. Cancellation safe.
    pub(super) async fn asked(&mut self) {
        self.0.recv().await;
    }
}
