//! All sources together, and what a reload changes about them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{Semaphore, watch},
    time::Instant,
};

use super::source::Supervisor;
use crate::{
    buffers::Buffers,
    id::SourceId,
    listed::list,
    net::Dialler,
    pipeline::Analysis,
    shutdown::{TaskKind, Tasks},
    signal::Meters,
    sources::{Accounts, ConnectOptions, KeptPipe, SourceKind, SourceOptions},
};

/// How long a removed source may take to end before it is left to end alone.
const REMOVAL_LIMIT: Duration = Duration::from_secs(5);

/// Between two reconnects that somebody asks for, at least: cameras have few sessions to give.
const RECONNECT_EVERY: Duration = Duration::from_secs(5);

/// The organs that every source uses.
#[derive(Clone, Debug)]
pub struct Organs {
    /// The accounts.
    pub accounts: Arc<Accounts>,
    /// The meters.
    pub meters: Arc<Meters>,
    /// The buffers.
    pub buffers: Arc<Buffers>,
    /// What opens their connections.
    pub dialler: Arc<Dialler>,
}

/// The supervised sources.
#[derive(Debug)]
pub struct Fleet {
    tasks: Tasks,
    organs: Organs,
    connect: watch::Sender<ConnectOptions>,
    running: BTreeMap<SourceId, Running>,
}

#[derive(Debug)]
struct Running {
    kind: SourceKind,
    tasks: Tasks,
    options: watch::Sender<Arc<SourceOptions>>,
    /// When somebody last asked for a new session.
    reconnected: Option<Instant>,
}

/// Why a source is not connected anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReconnectRefused {
    /// No source has this name.
    Unknown,
    /// The configuration says `enabled: false`.
    Disabled,
    /// It was asked for a moment ago; it may be asked for again after this.
    TooSoon(Duration),
}

/// What [`Fleet::apply`] did, by name.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// New sources.
    pub added: Vec<SourceId>,
    /// Sources that are gone.
    pub removed: Vec<SourceId>,
    /// Sources whose session was restarted with new options.
    pub changed: Vec<SourceId>,
    /// Sources that lost no sample and are measured by other options from now on.
    pub adjusted: Vec<SourceId>,
    /// Sources whose options are the same.
    pub untouched: usize,
    /// Sources that could not be started: their predecessor of the same name has not
    /// ended. The next reload tries again.
    pub postponed: Vec<SourceId>,
}

impl Fleet {
    /// An empty fleet whose tasks end with `tasks`.
    pub fn new(tasks: &Tasks, organs: Organs) -> Self {
        let (connect, _) = watch::channel(ConnectOptions::default());
        Self {
            tasks: tasks.child(),
            organs,
            connect,
            running: BTreeMap::new(),
        }
    }

    /// Makes the fleet consist of exactly these sources. A source whose session can go on
    /// loses no sample.
    pub async fn apply(&mut self, sources: &[SourceOptions], connect: ConnectOptions) -> Changes {
        let mut changes = Changes::default();
        self.organs.dialler.set_limits(connect.dials);
        // Told only of a change: it wakes every source that waits.
        self.connect
            .send_if_modified(|known| std::mem::replace(known, connect) != connect);
        let wanted: BTreeMap<_, _> = sources
            .iter()
            .map(|options| (&options.id, options))
            .collect();
        let kept = |(id, running): (&SourceId, &Running)| {
            wanted
                .get(id)
                .is_some_and(|options| options.location.kind() == running.kind)
        };
        let leaving: BTreeSet<SourceId> = self
            .running
            .iter()
            .filter(|entry| !kept(*entry))
            .map(|(id, _)| id.clone())
            .collect();
        // Together: a thousand that take their time must not take it one after the other.
        let removals = leaving
            .iter()
            .filter_map(|id| Some(remove(id, self.running.remove(id)?)));
        futures_util::future::join_all(removals).await;
        changes.removed = leaving.into_iter().collect();
        for options in wanted.into_values() {
            if let Some(running) = self.running.get(&options.id) {
                if **running.options.borrow() == *options {
                    changes.untouched += 1;
                    continue;
                }
                // Whoever is told ends the session; who measures looks by itself.
                let restarted = running.options.send_if_modified(|known| {
                    let keeps = known.keeps_session(options);
                    *known = Arc::new(options.clone());
                    !keeps
                });
                let list = if restarted {
                    &mut changes.changed
                } else {
                    &mut changes.adjusted
                };
                list.push(options.id.clone());
            } else if self.start(options) {
                changes.added.push(options.id.clone());
            } else {
                changes.postponed.push(options.id.clone());
            }
        }
        changes
    }

    /// Ends the session of a source, or its wait for the next, and opens a new one at once. The
    /// buffer and what is in it stay. A file that has ended is played again.
    ///
    /// # Errors
    /// [`ReconnectRefused`].
    pub fn reconnect(&mut self, id: &SourceId) -> Result<(), ReconnectRefused> {
        let running = self.running.get_mut(id);
        let running = running.ok_or(ReconnectRefused::Unknown)?;
        if !running.options.borrow().enabled {
            return Err(ReconnectRefused::Disabled);
        }
        let since = running.reconnected.map(|at| at.elapsed());
        if let Some(rest) = since.and_then(|since| RECONNECT_EVERY.checked_sub(since)) {
            return Err(ReconnectRefused::TooSoon(rest));
        }
        running.reconnected = Some(Instant::now());
        // The same options once more: who is told of them begins anew.
        running.options.send_modify(|_| {});
        Ok(())
    }

    /// Stops every source and waits for them, at most `limit`. True when all ended.
    pub async fn drain(self, limit: Duration) -> bool {
        self.tasks.cancel();
        let drains = self
            .running
            .into_values()
            .map(|running| async move { running.tasks.drain(limit).await });
        futures_util::future::join_all(drains)
            .await
            .into_iter()
            .all(|ended| ended)
    }

    fn start(&mut self, options: &SourceOptions) -> bool {
        let kind = options.location.kind();
        let id = &options.id;
        let (Ok(account), Ok(meter), Ok(lease)) = (
            self.organs.accounts.open(id, kind),
            self.organs.meters.open(id),
            self.organs.buffers.lease(id.clone()),
        ) else {
            return false;
        };
        let tasks = self.tasks.child();
        let (sender, receiver) = watch::channel(Arc::new(options.clone()));
        let analysis = Analysis {
            buffers: Arc::clone(&self.organs.buffers),
            account: Arc::clone(&account),
            meter: Arc::clone(&meter),
            options: receiver.clone(),
        };
        tasks.spawn(TaskKind::Analysis, analysis.run(tasks.clone()));
        let supervisor = Supervisor {
            fleet: self.tasks.clone(),
            thread_turn: Arc::new(Semaphore::new(1)),
            pipe: KeptPipe::default(),
            tasks: tasks.clone(),
            dialler: Arc::clone(&self.organs.dialler),
            account,
            meter,
            lease,
            options: receiver,
            connect: self.connect.subscribe(),
        };
        tasks.spawn(TaskKind::Supervisor, supervisor.run());
        self.running.insert(
            id.clone(),
            Running {
                kind,
                tasks,
                options: sender,
                reconnected: None,
            },
        );
        true
    }
}

async fn remove(id: &SourceId, running: Running) {
    if !running.tasks.drain(REMOVAL_LIMIT).await {
        tracing::error!(source = %id, "a removed source has not ended; this is a bug");
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            added,
            removed,
            changed,
            adjusted,
            untouched,
            postponed,
        } = self;
        write!(
            f,
            "{} added, {} removed, {} changed, {untouched} untouched",
            added.len(),
            removed.len(),
            changed.len()
        )?;
        if !adjusted.is_empty() {
            write!(f, ", {} adjusted without a break", adjusted.len())?;
        }
        if !postponed.is_empty() {
            write!(f, ", {} postponed: reload again", postponed.len())?;
        }
        list(f, "source added", added)?;
        list(f, "source removed", removed)?;
        list(f, "source changed", changed)?;
        list(f, "source adjusted", adjusted)?;
        list(f, "source postponed", postponed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_started_is_told_with_the_remedy() {
        let changes = Changes {
            untouched: 2,
            postponed: vec![SourceId::new("garden").unwrap()],
            ..Changes::default()
        };
        assert_eq!(
            changes.to_string(),
            "0 added, 0 removed, 0 changed, 2 untouched, 1 postponed: reload again, \
             source postponed: garden"
        );
    }

    #[test]
    fn a_thousand_sources_are_not_a_thousand_names() {
        let source = |n: usize| SourceId::new(&format!("s{n:03}")).unwrap();
        let changes = Changes {
            added: (0..1_000).map(source).collect(),
            removed: vec![SourceId::new("gone").unwrap()],
            ..Changes::default()
        };
        assert_eq!(
            changes.to_string(),
            "1000 added, 1 removed, 0 changed, 0 untouched, source added: s000 s001 s002 s003 \
             s004 s005 s006 s007 s008 s009 and 990 more, source removed: gone"
        );
    }
}
