//! Where everybody reads alarms, acknowledges and resolves them, and hears of changes.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant, SystemTime},
};

use tokio::{
    sync::{Notify, broadcast, mpsc, watch},
    time::timeout,
};

use super::{
    alarm::{AlarmStatus, Change, Mark},
    conditions,
    kind::{AlarmKind, Event, Resolution},
    machine::{Machine, Now, Refused},
    notices::Outcome,
    options::AlarmOptions,
    saved::SavedAlarms,
    tally::Tally,
    troubles::Troubles,
};
use crate::status::Snapshot;

/// How many alarms that are over are remembered.
pub const RECENT: usize = 200;
/// How many changes may wait for the one who stores them.
pub const STORED: usize = 1_000;
/// How long a wish's way to the disk is waited for.
const KEPT_WITHIN: Duration = Duration::from_secs(2);
/// How many changes a listener may be behind.
const HEARD: usize = 256;

/// All alarms, active and lately over. Cheap to read: one short lock.
#[derive(Debug)]
pub struct Book {
    inner: Mutex<Inner>,
    events: broadcast::Sender<Arc<Change>>,
    store: Mutex<Option<mpsc::Sender<Arc<Change>>>>,
    lost: AtomicU64,
    tally: Tally,
    troubles: Troubles,
    /// Somebody acknowledged or resolved.
    wished: Notify,
    /// How many of these wishes are saved.
    kept: watch::Sender<u64>,
    started: Instant,
    /// When every alarm was last judged, in milliseconds since the start.
    looked_ms: AtomicU64,
}

#[derive(Debug, Default)]
struct Inner {
    machine: Machine,
    /// Those that are over, the latest first.
    recent: VecDeque<AlarmStatus>,
    options: Arc<AlarmOptions>,
    /// What persons' wishes led to, until the engine takes it.
    wishes: Outcome,
    /// How many there were so far.
    wished: u64,
    /// Of whom there are series.
    sources: Vec<String>,
    processes: Vec<String>,
}

impl Default for Book {
    fn default() -> Self {
        Self {
            inner: Mutex::default(),
            events: broadcast::Sender::new(HEARD),
            store: Mutex::default(),
            lost: AtomicU64::new(0),
            tally: Tally::default(),
            troubles: Troubles::default(),
            wished: Notify::new(),
            kept: watch::Sender::new(0),
            started: Instant::now(),
            looked_ms: AtomicU64::new(0),
        }
    }
}

impl Book {
    /// The active alarms in order of their type and subject, then at most [`RECENT`] that are
    /// over, the latest first.
    pub fn snapshot(&self) -> Vec<AlarmStatus> {
        let inner = self.lock();
        let firing = inner.machine.firing();
        firing.chain(&inner.recent).cloned().collect()
    }

    /// The active alarms alone.
    pub fn active(&self) -> Vec<AlarmStatus> {
        self.lock().machine.firing().cloned().collect()
    }

    /// The active alarms, and for how long the condition of each has been gone, if it is.
    pub(super) fn weighed(&self) -> Vec<(AlarmStatus, Option<Duration>)> {
        let now = self.now().steady;
        let inner = self.lock();
        let firing = inner.machine.all_firing();
        let gone_for = |since: Duration| now.saturating_sub(since);
        let weighed = firing.map(|f| (f.status.clone(), f.clear_since.map(gone_for)));
        weighed.collect()
    }

    /// The alarm of this id, active or lately over.
    pub fn get(&self, id: &str) -> Option<AlarmStatus> {
        let inner = self.lock();
        let mut all = inner.machine.firing().chain(&inner.recent);
        all.find(|status| status.id == id).cloned()
    }

    /// Every change from now on. Who is more than 256 changes behind is told how many it missed,
    /// and reads [`Self::snapshot`] again.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Change>> {
        self.events.subscribe()
    }

    /// Every change from now on, for the one who stores them: at most [`STORED`] wait, what does
    /// not fit is counted ([`Self::lost`]). A later call takes the earlier one's place.
    pub fn store(&self) -> mpsc::Receiver<Arc<Change>> {
        let (sender, receiver) = mpsc::channel(STORED);
        // Replaced as a whole.
        *self.store.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        receiver
    }

    /// How many changes the one who stores them did not take in time.
    pub fn lost(&self) -> u64 {
        self.lost.load(Relaxed)
    }

    /// Somebody has seen an alarm: it stays active, and is not repeated.
    ///
    /// # Errors
    /// [`Refused`]: no active alarm has this id, or it is acknowledged already.
    pub fn acknowledge(&self, id: &str, mark: Mark) -> Result<AlarmStatus, Refused> {
        self.wish(id, |inner, now| inner.machine.acknowledge(id, mark, now))
    }

    /// Somebody says that an alarm is over. It comes back once its condition was gone and holds
    /// again, or after `alarms.reopen_after`.
    ///
    /// # Errors
    /// [`Refused::Unknown`]: no active alarm has this id.
    pub fn resolve(&self, id: &str, mark: Mark) -> Result<AlarmStatus, Refused> {
        self.wish(id, |inner, now| {
            let reopen_after = inner.options.reopen_after;
            inner.machine.resolve(id, mark, reopen_after, now)
        })
    }

    fn wish(
        &self,
        id: &str,
        wish: impl FnOnce(&mut Inner, Now) -> Result<Outcome, Refused>,
    ) -> Result<AlarmStatus, Refused> {
        let now = self.now();
        let mut inner = self.lock();
        let outcome = wish(&mut inner, now)?;
        inner.remember(&outcome);
        inner.wishes.add(outcome.clone());
        inner.wished += 1;
        drop(inner);
        self.tell(&outcome);
        self.wished.notify_one();
        self.get(id).ok_or(Refused::Unknown)
    }

    /// Holds every possible alarm against a snapshot.
    pub(super) fn look(&self, snapshot: &Snapshot, repeat_interval: Duration) -> Outcome {
        let now = self.now();
        let mut inner = self.lock();
        inner.sources = snapshot.sources.iter().map(|s| s.id.to_string()).collect();
        inner.processes = snapshot.memory.iter().map(|p| p.name.to_string()).collect();
        let options = Arc::clone(&inner.options);
        let seen = conditions::seen(snapshot, &options);
        let outcome = inner.machine.look(seen, &options, repeat_interval, now);
        let looked = u64::try_from(now.steady.as_millis()).unwrap_or(u64::MAX);
        self.looked_ms.store(looked, Relaxed);
        inner.remember(&outcome);
        drop(inner);
        self.tell(&outcome);
        outcome
    }

    /// How long ago every alarm was last judged, or how long nobody has done so since the start.
    pub(super) fn since_look(&self) -> Duration {
        let looked = Duration::from_millis(self.looked_ms.load(Relaxed));
        self.started.elapsed().saturating_sub(looked)
    }

    #[cfg(test)]
    pub(super) fn begun_before(age: Duration) -> Self {
        let started = Instant::now().checked_sub(age);
        Self {
            started: started.expect("the machine runs for longer"),
            ..Self::default()
        }
    }

    /// Waits until somebody wished something. Cancellation safe.
    pub(super) async fn wished(&self) {
        self.wished.notified().await;
    }

    /// What persons' wishes led to since the last call, and how many there were so far.
    pub(super) fn take_wishes(&self) -> (Outcome, u64) {
        let mut inner = self.lock();
        (std::mem::take(&mut inner.wishes), inner.wished)
    }

    /// So many wishes are saved, as far as anything is.
    pub(super) fn keep(&self, wishes: u64) {
        self.kept.send_replace(wishes);
    }

    /// Waits until every wish so far is saved, for two seconds at most: a disk that hangs keeps
    /// nobody from being heard. Cancellation safe.
    pub async fn kept(&self) {
        let wished = self.lock().wished;
        let mut kept = self.kept.subscribe();
        let _late = timeout(KEPT_WITHIN, kept.wait_for(|kept| *kept >= wished)).await;
    }

    pub(super) fn configure(&self, options: AlarmOptions) {
        let mut inner = self.lock();
        // Their series are there before the first look.
        inner.sources = options.sources.keys().map(ToString::to_string).collect();
        inner.sources.sort();
        inner.options = Arc::new(options);
    }

    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    pub(super) fn troubles(&self) -> &Troubles {
        &self.troubles
    }

    /// What Alertmanagers may know of.
    pub(super) fn for_managers(&self) -> Vec<AlarmStatus> {
        let inner = self.lock();
        let firing = inner.machine.all_firing();
        let told = firing.filter(|firing| firing.told.managers);
        told.map(|firing| firing.status.clone()).collect()
    }

    pub(super) fn saved(&self) -> SavedAlarms {
        let inner = self.lock();
        SavedAlarms::of(&inner.machine, inner.recent.iter())
    }

    pub(super) fn restore(&self, saved: SavedAlarms) -> Outcome {
        let now = self.now();
        let mut inner = self.lock();
        let (recent, outcome) = saved.restore(&mut inner.machine, now);
        inner.recent.extend(recent);
        inner.recent.truncate(RECENT);
        inner.remember(&outcome);
        drop(inner);
        self.tell(&outcome);
        outcome
    }

    /// Of whom there are series, and which alarms are active.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&[String], &[String], &[&AlarmStatus]) -> T,
    ) -> T {
        let inner = self.lock();
        let firing: Vec<&AlarmStatus> = inner.machine.firing().collect();
        read(&inner.sources, &inner.processes, &firing)
    }

    fn tell(&self, outcome: &Outcome) {
        for change in &outcome.changes {
            log(change);
            let change = Arc::new(change.clone());
            // Nobody may be listening.
            let _listeners = self.events.send(Arc::clone(&change));
            let store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(store) = &*store
                && store.try_send(change).is_err()
            {
                self.lost.fetch_add(1, Relaxed);
            }
        }
    }

    fn now(&self) -> Now {
        Now {
            steady: self.started.elapsed(),
            wall: SystemTime::now(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // The machine's steps leave no alarm half changed.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn remember(&mut self, outcome: &Outcome) {
        for change in &outcome.changes {
            if change.event == Event::Resolved {
                self.recent.truncate(RECENT - 1);
                self.recent.push_front(change.alarm.clone());
            }
        }
    }
}

/// The log is told of every change.
fn log(change: &Change) {
    let alarm = &change.alarm;
    let (kind, id): (AlarmKind, &str) = (alarm.key.kind, &alarm.id);
    let (subject, severity) = (&alarm.key.subject, alarm.evidence.severity);
    let (trigger, runbook) = (&alarm.evidence.trigger, &alarm.runbook);
    match change.event {
        Event::Fired | Event::Worsened => tracing::warn!(
            alarm = %kind, id, %subject, %severity, runbook,
            "alarm {}: {trigger}", change.event
        ),
        Event::Acknowledged | Event::Resolved => {
            let how = alarm.resolution.map(Resolution::as_str);
            tracing::info!(alarm = %kind, id, %subject, how, "alarm {}", change.event);
        }
    }
}

#[cfg(test)]
#[path = "book/tests.rs"]
mod tests;
