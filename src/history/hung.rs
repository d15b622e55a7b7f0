//! Work that does not end: a disk or a network file system that does not answer holds a thread
//! without an error, for as long as it likes.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::time::sleep;

use super::{WriteFailure, state::Shared};
use crate::shutdown::Tasks;

/// Since when the thread that writes is at a piece of work.
#[derive(Debug)]
pub(super) struct Work {
    patience: Duration,
    since: Mutex<Option<Instant>>,
}

/// A piece of work, until it is dropped.
#[must_use]
pub(super) struct Piece<'a>(&'a Work);

impl Work {
    pub(super) fn new(patience: Duration) -> Self {
        Self {
            patience,
            since: Mutex::default(),
        }
    }

    pub(super) fn begin(&self) -> Piece<'_> {
        *self.since() = Some(Instant::now());
        Piece(self)
    }

    /// Whether what was begun should have ended long ago.
    pub(super) fn hangs(&self) -> bool {
        self.since()
            .is_some_and(|since| since.elapsed() >= self.patience)
    }

    fn since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Piece<'_> {
    fn drop(&mut self) {
        *self.0.since() = None;
    }
}

/// Says and counts that the thread that writes hangs, again and again for as long as it does:
/// it cannot say so itself.
pub(super) async fn watch(shared: Arc<Shared>, tasks: Tasks) {
    let mut hung = false;
    loop {
        tokio::select! {
            () = tasks.cancelled() => return,
            () = sleep(shared.work.patience) => {}
        }
        let hangs = shared.work.hangs();
        if hangs {
            shared.failed(WriteFailure::Timeout);
        }
        match (hung, hangs) {
            (false, true) => tracing::error!("{}", problem()),
            (true, false) => tracing::info!("the history's disk answers again"),
            _ => {}
        }
        hung = hangs;
    }
}

/// What is told while the thread that writes hangs.
pub(super) fn problem() -> String {
    let remedy = WriteFailure::Timeout.remedy();
    format!("history cannot be written: its disk or file system does not answer; {remedy}")
}
