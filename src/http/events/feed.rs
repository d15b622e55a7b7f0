//! What a client is told next.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    sync::{broadcast, watch},
    time::Instant,
};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::{
    alarms::{Book, Change},
    buffers::BufferKind,
    http::{
        WebOptions,
        api::live::{self, Patterns},
        health,
    },
    status::{Point, Snapshot},
};

pub(super) type Snapshots = watch::Receiver<Option<Arc<Snapshot>>>;
pub(super) type Web = watch::Receiver<Arc<WebOptions>>;

/// Writes each picture once for everybody.
pub(super) struct Press {
    snapshot: Snapshots,
    alarms: Arc<Book>,
    web: Web,
    started: Instant,
    printed: Mutex<Option<Printed>>,
}

#[derive(Clone)]
struct Printed {
    taken: Instant,
    /// When the newest levels are of.
    newest: Option<Point>,
    /// For those who come.
    whole: Utf8Bytes,
    /// For those who have the one before.
    update: Utf8Bytes,
}

/// What one client has not been told yet.
pub(super) struct Feed {
    press: Arc<Press>,
    snapshot: Snapshots,
    changes: broadcast::Receiver<Arc<Change>>,
    patterns: Option<Patterns>,
}

impl Press {
    pub(super) fn new(snapshot: Snapshots, alarms: Arc<Book>, web: Web, started: Instant) -> Self {
        Self {
            snapshot,
            alarms,
            web,
            started,
            printed: Mutex::new(None),
        }
    }

    fn print(&self, snapshot: &Arc<Snapshot>) -> Printed {
        // Replaced as a whole: a panic leaves the one before.
        let mut printed = self.printed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(printed) = printed.as_ref().filter(|p| p.taken == snapshot.taken) {
            return printed.clone();
        }
        let now = Instant::now();
        let age = health::age(Some(snapshot), self.started, now);
        let uptime = now.saturating_duration_since(self.started);
        let audio = self.web.borrow().audio;
        let write = |levels| live::snapshot(snapshot, &self.alarms, levels, audio, age, uptime);
        let newest = newest_point(snapshot);
        let whole = Utf8Bytes::from(write(true));
        let stepped = printed
            .as_ref()
            .is_none_or(|before| before.newest != newest);
        let new = Printed {
            taken: snapshot.taken,
            newest,
            update: if stepped {
                whole.clone()
            } else {
                write(false).into()
            },
            whole,
        };
        *printed = Some(new.clone());
        new
    }
}

impl fmt::Debug for Press {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Press")
    }
}

impl Feed {
    pub(super) fn new(press: Arc<Press>) -> Self {
        let mut snapshot = press.snapshot.clone();
        snapshot.mark_changed();
        Self {
            changes: press.alarms.subscribe(),
            press,
            snapshot,
            patterns: None,
        }
    }

    /// The next messages; `None` when nothing will come any more. Cancellation safe: what was not
    /// yielded comes next time.
    pub(super) async fn next(&mut self) -> Option<Vec<Utf8Bytes>> {
        loop {
            tokio::select! {
                // First: who comes gets the whole picture before anything else.
                biased;
                changed = self.snapshot.changed() => {
                    changed.ok()?;
                    let snapshot = self.snapshot.borrow_and_update().clone();
                    if let Some(snapshot) = snapshot {
                        return Some(self.told(&snapshot));
                    }
                }
                // Who is too far behind finds in the picture which alarms are on.
                Ok(change) = self.changes.recv() => {
                    return Some(vec![live::alarm(&change).into()]);
                }
            }
        }
    }

    fn told(&mut self, snapshot: &Arc<Snapshot>) -> Vec<Utf8Bytes> {
        let printed = self.press.print(snapshot);
        let before = self.patterns.take();
        let (now, changed) = live::patterns(before.as_ref().unwrap_or(&Patterns::new()), snapshot);
        self.patterns = Some(now);
        let picture = if before.is_some() {
            printed.update
        } else {
            printed.whole
        };
        let changed = changed.into_iter().map(Utf8Bytes::from);
        std::iter::once(picture).chain(changed).collect()
    }
}

/// All series get their points at once: one of them tells for all.
fn newest_point(snapshot: &Snapshot) -> Option<Point> {
    let series = |source: &crate::status::SourceStatus| {
        source.recent[BufferKind::Capture.index()]
            .as_ref()?
            .last()
            .copied()
    };
    snapshot.sources.iter().find_map(series)
}
