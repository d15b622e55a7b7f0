//! The task that looks, decides, saves and tells, in this order.

use std::{
    collections::BTreeMap,
    io,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::{sync::watch, time::Instant};

use super::{
    book::Book,
    delivery::{Delivery, PatternChange},
    keeper::{Keeper, Unclaimed},
    notices::Outcome,
    options::{AlarmOptions, NotifyOptions},
    state::Saved,
    troubles::STATE_FILE,
};
use crate::{
    memory::{ProcessStatus, verdict::Pattern},
    shutdown::{TaskKind, Tasks},
    status::Snapshot,
};

/// How often a state file that fails is tried again.
const RETRY: Duration = Duration::from_secs(5);
/// How long the process before this one may hold it. Later it is not taken from whoever has it, also
/// when that one restarts.
const OVERLAP: Duration = Duration::from_secs(30);

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
            keeper: None,
            refused: false,
            tried: Instant::now(),
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
    /// Of the state file, once it is ours.
    keeper: Option<Keeper>,
    /// It is another process's, and not that of one that is about to end.
    refused: bool,
    /// When a file that failed was last tried again.
    tried: Instant,
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
                    self.configure(setup).await;
                }
                Ok(()) = snapshots.changed() => {
                    let snapshot = snapshots.borrow_and_update().clone();
                    self.look(snapshot.as_deref()).await;
                }
                () = self.book.wished() => {
                    let (outcome, wishes) = self.book.take_wishes();
                    self.tell(&outcome, &[]).await;
                    self.book.keep(wishes);
                }
                () = self.delivery.taken() => self.save().await,
            }
        }
        let (last, wishes) = self.book.take_wishes();
        self.delivery.enqueue(&last, &[]);
        self.save().await;
        self.book.keep(wishes);
    }

    async fn configure(&mut self, setup: Option<Setup>) {
        let Some(setup) = setup else { return };
        let wanted = setup.alarms.state_file.as_deref();
        if self.keeper.as_ref().map(Keeper::path) != wanted {
            self.keeper = None;
            self.refused = false;
            self.book.troubles().over(STATE_FILE);
        }
        let notify = setup.notify.clone();
        self.setup = Some(setup);
        self.claim_and_tell(notify).await;
    }

    /// Goes on from the file where another process stopped, if it is not read yet.
    async fn claim_and_tell(&mut self, notify: NotifyOptions) {
        let saved = self.claim();
        let (alarms, targets) = saved.map_or_else(Default::default, |saved| {
            (Some(saved.alarms), saved.targets)
        });
        let outcome = alarms.map(|alarms| self.book.restore(alarms));
        self.delivery.configure(notify, targets);
        self.tell(&outcome.unwrap_or_default(), &[]).await;
        // What was not kept so far is from here on.
        self.save().await;
    }

    fn claim(&mut self) -> Option<Saved> {
        let path = self.unclaimed()?;
        match Keeper::claim(path) {
            Ok((keeper, saved)) => {
                self.keeper = Some(keeper);
                self.book.troubles().over(STATE_FILE);
                saved
            }
            Err(error) => {
                let since = self.setup.as_ref().map(|setup| setup.since);
                let old = since.is_none_or(|since| since.elapsed() > OVERLAP);
                self.refused = old && matches!(error, Unclaimed::InUse);
                if self.book.troubles().note(STATE_FILE, &error.to_string()) {
                    tracing::warn!("{STATE_FILE}: {error}");
                }
                None
            }
        }
    }

    /// The configured file, if it is not ours yet.
    fn unclaimed(&self) -> Option<&Path> {
        let path = self.setup.as_ref()?.alarms.state_file.as_deref();
        path.filter(|_| self.keeper.is_none() && !self.refused)
    }

    async fn look(&mut self, snapshot: Option<&Snapshot>) {
        let since = self.setup.as_ref().map(|setup| setup.since);
        let (Some(snapshot), Some(since)) = (snapshot, since) else {
            return;
        };
        if snapshot.taken < since {
            return;
        }
        if self.unclaimed().is_some() && self.is_due() {
            let notify = self.delivery.options().clone();
            self.claim_and_tell(notify).await;
        } else if self.book.troubles().has(STATE_FILE) && self.is_due() {
            self.save().await;
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

    /// Whether a file that failed is worth another attempt.
    fn is_due(&mut self) -> bool {
        let due = self.tried.elapsed() >= RETRY;
        if due {
            self.tried = Instant::now();
        }
        due
    }

    async fn save(&self) {
        let Some(path) = self.keeper.as_ref().map(Keeper::path) else {
            return;
        };
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
