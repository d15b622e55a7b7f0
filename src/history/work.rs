//! How long a thread is at a piece of work: a disk or a network file system that does not answer
//! holds it without an error, for as long as it likes.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Since when a thread is at a piece of work.
#[derive(Debug)]
pub(super) struct Work {
    /// So long it may take.
    patience: Duration,
    since: Mutex<Option<Instant>>,
}

impl Work {
    pub(super) fn new(patience: Duration) -> Self {
        Self {
            patience,
            since: Mutex::default(),
        }
    }

    /// Does a piece of work. How long it took, if that is too long.
    pub(super) fn time(&self, piece: impl FnOnce()) -> Option<Duration> {
        let began = Instant::now();
        self.note(Some(began));
        // A panic in it is no disk that hangs.
        let end = Ending(self);
        piece();
        drop(end);
        let took = began.elapsed();
        (took >= self.patience).then_some(took)
    }

    /// Whether the present piece should have ended long ago.
    pub(super) fn hangs(&self) -> bool {
        let since = *self.since.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|since| since.elapsed() >= self.patience)
    }

    fn note(&self, since: Option<Instant>) {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}

/// Notes the end of a piece when it is dropped.
struct Ending<'a>(&'a Work);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.note(None);
    }
}
