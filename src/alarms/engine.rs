//! The task that looks, decides, saves and tells, in this order.

use std::{collections::BTreeMap, io, path::Path, sync::Arc, time::SystemTime};

use tokio::{sync::watch, time::Instant};

use super::{
    book::Book,
    delivery::{Delivery, PatternChange},
    disk::with_suffix,
    notices::Outcome,
    options::{AlarmOptions, NotifyOptions},
    state::{Saved, Unreadable, load},
};
use crate::{
    memory::{ProcessStatus, verdict::Pattern},
    shutdown::{TaskKind, Tasks},
    status::Snapshot,
};

type Snapshots = watch::Receiver<Option<Arc<Snapshot>>>;

/// What the configuration says, and since when.
#[derive(Clone, Debug)]
struct Setup {
    alarms: AlarmOptions,
    notify: NotifyOptions,
    since: Instant,
}

/// Alarms at work.
#[derive(Debug)]
pub struct Alarms {
    book: Arc<Book>,
    setup: watch::Sender<Option<Setup>>,
}

impl Alarms {
    /// Starts to look at `snapshots`, once [`Self::configure`] says for what. Runs on the current
    /// runtime until `tasks` is cancelled.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn start(tasks: &Tasks, snapshots: Snapshots) -> io::Result<Self> {
        let book = Arc::<Book>::default();
        let (setup, configured) = watch::channel(None);
        let engine = Engine {
            book: Arc::clone(&book),
            delivery: Delivery::start(tasks, Arc::clone(&book))?,
            setup: None,
            patterns: BTreeMap::new(),
        };
        tasks.spawn(
            TaskKind::Alarms,
            engine.run(tasks.clone(), snapshots, configured),
        );
        Ok(Self { book, setup })
    }

    /// Where alarms are read.
    pub fn book(&self) -> Arc<Book> {
        Arc::clone(&self.book)
    }

    /// Goes by this from now on. To be called after the sources are what the same configuration
    /// says: an alarm of a source that is not there is over.
    pub fn configure(&self, alarms: AlarmOptions, notify: NotifyOptions) {
        self.book.configure(alarms.clone());
        self.setup.send_replace(Some(Setup {
            alarms,
            notify,
            since: Instant::now(),
        }));
    }
}

struct Engine {
    book: Arc<Book>,
    delivery: Delivery,
    setup: Option<Setup>,
    /// How the memory of each process behaved last.
    patterns: BTreeMap<String, Pattern>,
}

impl Engine {
    async fn run(
        mut self,
        tasks: Tasks,
        mut snapshots: Snapshots,
        mut configured: watch::Receiver<Option<Setup>>,
    ) {
        loop {
            tokio::select! {
                () = tasks.cancelled() => break,
                Ok(()) = configured.changed() => {
                    let setup = configured.borrow_and_update().clone();
                    self.configure(setup);
                }
                Ok(()) = snapshots.changed() => {
                    let snapshot = snapshots.borrow_and_update().clone();
                    self.look(snapshot.as_deref()).await;
                }
                () = self.book.wished() => {
                    let outcome = self.book.take_wishes();
                    self.tell(&outcome, &[]).await;
                }
                () = self.delivery.taken() => self.save().await,
            }
        }
        let last = self.book.take_wishes();
        self.delivery.enqueue(&last, &[]);
        self.save().await;
    }

    fn configure(&mut self, setup: Option<Setup>) {
        let Some(setup) = setup else { return };
        let mut waiting = BTreeMap::new();
        if self.setup.is_none()
            && let Some(path) = &setup.alarms.state_file
            && let Some(saved) = recall(path)
        {
            self.book.restore(saved.alarms);
            waiting = saved.targets;
        }
        self.delivery.configure(setup.notify.clone(), waiting);
        self.setup = Some(setup);
    }

    async fn look(&mut self, snapshot: Option<&Snapshot>) {
        let since = self.setup.as_ref().map(|setup| setup.since);
        let (Some(snapshot), Some(since)) = (snapshot, since) else {
            return;
        };
        if snapshot.taken < since {
            return;
        }
        let repeat_interval = self.delivery.options().repeat_interval;
        let outcome = self.book.look(snapshot, repeat_interval);
        let patterns = self.patterns(snapshot);
        self.tell(&outcome, &patterns).await;
    }

    async fn tell(&self, outcome: &Outcome, patterns: &[PatternChange]) {
        let nothing = outcome.changes.is_empty() && outcome.notices.is_empty();
        if nothing && patterns.is_empty() {
            return;
        }
        self.delivery.enqueue(outcome, patterns);
        // A notification that is sent and forgotten would come again under another id.
        self.save().await;
        self.delivery.release();
    }

    async fn save(&self) {
        let path = self
            .setup
            .as_ref()
            .and_then(|s| s.alarms.state_file.as_ref());
        let Some(path) = path else { return };
        let saved = Saved::new(self.book.saved(), self.delivery.waiting());
        match serde_json::to_vec(&saved) {
            Ok(text) => self.delivery.save(path, text).await,
            Err(error) => tracing::error!(%error, "the state of alarms cannot be written; a bug"),
        }
    }

    /// Whose memory behaves otherwise than at the look before.
    fn patterns(&mut self, snapshot: &Snapshot) -> Vec<PatternChange> {
        let before = std::mem::take(&mut self.patterns);
        let mut changes = Vec::new();
        for status in &snapshot.memory {
            let Some(verdict) = &status.verdict else {
                continue;
            };
            let name = status.name.to_string();
            let earlier = before.get(&name).copied();
            if let Some(earlier) = earlier.filter(|earlier| *earlier != verdict.pattern) {
                changes.extend(pattern_change(status, earlier, snapshot.taken_wall));
            }
            self.patterns.insert(name, verdict.pattern);
        }
        changes
    }
}

fn pattern_change(
    status: &ProcessStatus,
    before: Pattern,
    at: SystemTime,
) -> Option<PatternChange> {
    let verdict = status.verdict.as_ref()?;
    Some(PatternChange {
        process: status.name.to_string(),
        before: before.as_str(),
        pattern: verdict.pattern.as_str(),
        severity: verdict.severity.as_str(),
        confidence: verdict.confidence,
        recommendation: verdict.recommendation.clone(),
        at,
    })
}

/// What was saved. A file that cannot be used is put aside, so that it is not overwritten.
fn recall(path: &Path) -> Option<Saved> {
    let error = match load(path) {
        Ok(saved) => return saved,
        Err(error) => error,
    };
    tracing::warn!(%error, "alarms.state_file: alarms begin anew");
    if !matches!(error, Unreadable::System(_)) {
        let aside = with_suffix(path, ".unusable");
        // What cannot be moved is overwritten.
        let _moved = std::fs::rename(path, aside);
    }
    None
}
