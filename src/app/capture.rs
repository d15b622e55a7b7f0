//! The capture side: the organs, the fleet, and the heartbeat that proves they live.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval, timeout},
};

use super::{AppError, chronicle, probe::Probes};
use crate::{
    alarms::Book,
    buffers::{BufferKind, Buffers},
    config::{Config, ConfigChanges},
    history::History,
    id::SourceId,
    memory::{Memory, OwnFigures},
    metrics::Registry,
    net::Dialler,
    objects::{Amount, Objects, Own},
    shutdown::{TaskKind, Tasks},
    status::{self, Complaints, Recent, Snapshot, Subjects, Vitals},
    supervisor::{Fleet, Organs, ReconnectRefused},
    units::ByteSize,
};

/// How often the snapshot is published.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// How long the watch over memory may take to begin what a configuration says.
const MEMORY_APPLIES: Duration = Duration::from_secs(3);

/// All that captures.
pub(super) struct Capture {
    organs: Organs,
    probes: Probes,
    fleet: Fleet,
    memory: Arc<Memory>,
    /// The configuration in force, once there is one.
    applied: Option<Config>,
    vitals: Arc<Vitals>,
    objects: Arc<Objects>,
    snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
}

impl Capture {
    /// Builds the organs, registers their metrics and starts the heartbeat and the watch over
    /// memory. Runs on the runtime of the capture side.
    pub(super) fn new(
        tasks: &Tasks,
        budget: ByteSize,
        history: &Arc<History>,
        registry: &mut Registry,
    ) -> Result<Self, AppError> {
        let organs = Organs {
            accounts: Arc::default(),
            meters: Arc::default(),
            buffers: Buffers::new(budget),
            dialler: Arc::new(Dialler::new(tasks)),
        };
        let vitals = Arc::new(Vitals::new(tasks.clone()));
        registry.register(organs.accounts.clone())?;
        registry.register(organs.meters.clone())?;
        registry.register(organs.buffers.clone())?;
        registry.register(vitals.clone())?;
        let memory = watch_memory(tasks, &organs.buffers)?;
        registry.register(memory.clone())?;
        let objects = objects(tasks, &organs);
        registry.register(objects.clone())?;
        let (publish, snapshots) = watch::channel(None);
        tasks.spawn(
            TaskKind::Heartbeat,
            heartbeat(
                tasks.clone(),
                organs.clone(),
                memory.clone(),
                vitals.clone(),
                objects.clone(),
                history.clone(),
                publish,
            ),
        );
        let fleet = Fleet::new(tasks, organs.clone());
        let probes = Probes::new(tasks, Arc::clone(&organs.dialler));
        Ok(Self {
            organs,
            probes,
            fleet,
            memory,
            applied: None,
            vitals,
            objects,
            snapshots,
        })
    }

    /// Where the snapshots appear.
    pub(super) fn snapshots(&self) -> watch::Receiver<Option<Arc<Snapshot>>> {
        self.snapshots.clone()
    }

    /// Tells the history what happens, until `until` is cancelled.
    pub(super) fn chronicle(
        &self,
        history: &History,
        alarms: &Book,
        until: Tasks,
    ) -> impl Future<Output = ()> + use<> {
        chronicle::keep(
            self.organs.clone(),
            self.snapshots.clone(),
            alarms.store(),
            history.recorder().clone(),
            until,
        )
    }

    /// Where the audio is, for those who only read.
    pub(super) fn buffers(&self) -> Arc<Buffers> {
        Arc::clone(&self.organs.buffers)
    }

    /// Whose memory is watched.
    pub(super) fn memory(&self) -> Arc<Memory> {
        Arc::clone(&self.memory)
    }

    /// What is tracked.
    pub(super) fn objects(&self) -> Arc<Objects> {
        Arc::clone(&self.objects)
    }

    /// Makes the fleet and the watch over memory what the configuration says; what that changes, and
    /// all else that it changes, in words.
    pub(super) async fn apply(&mut self, config: &Config) -> String {
        self.organs.buffers.set_budget(config.memory_budget);
        self.organs.buffers.set_pool(config.pool);
        self.objects.configure(&config.objects);
        self.probes.allow(config);
        let changes = self.fleet.apply(&config.sources, config.connect).await;
        let others = match self.applied.replace(config.clone()) {
            Some(before) => ConfigChanges::between(&before, config),
            None => ConfigChanges::at_start(config),
        };
        // The sources never wait for it: it reads files of others.
        match timeout(MEMORY_APPLIES, self.memory.apply(config.memory.clone())).await {
            Ok(Ok(())) => {}
            Ok(Err(stopped)) => tracing::warn!("{stopped}"),
            Err(_) => tracing::warn!(
                "the watch over memory does not answer: what the configuration says of it waits \
                 until it does; the sources do not"
            ),
        }
        format!("{changes}{others}")
    }

    /// Opens a new session of a source.
    pub(super) fn reconnect(&mut self, source: &SourceId) -> Result<(), ReconnectRefused> {
        self.fleet.reconnect(source)
    }

    /// The one-off probes.
    pub(super) fn probes(&self) -> &Probes {
        &self.probes
    }

    /// Records whether the configuration could be loaded.
    pub(super) fn loaded(&self, success: bool) {
        self.vitals.loaded(success);
    }

    /// Ends all sources, at most within `limit`.
    pub(super) async fn drain(self, limit: Duration) -> bool {
        self.fleet.drain(limit).await
    }
}

fn watch_memory(tasks: &Tasks, buffers: &Arc<Buffers>) -> std::io::Result<Arc<Memory>> {
    let buffers = Arc::clone(buffers);
    let runtime = tokio::runtime::Handle::current();
    Memory::start(tasks, move || {
        let (filled, allocated) = buffers.filled();
        OwnFigures {
            buffers_filled: filled.0,
            buffers_allocated: allocated.0,
            tasks: runtime.metrics().num_alive_tasks() as u64,
        }
    })
}

/// The tracked objects, the program's own being read where they are counted anyway.
fn objects(tasks: &Tasks, organs: &Organs) -> Arc<Objects> {
    let objects = Objects::new();
    let kinds = [
        (Own::Sessions, TaskKind::Session),
        (Own::Decoders, TaskKind::Container),
        (Own::Relays, TaskKind::Relay),
    ];
    for (own, kind) in kinds {
        let tasks = tasks.clone();
        objects.read_from(own, move || Amount::of(tasks.running_of(kind)));
    }
    let holdings = organs.buffers.holdings();
    let sized = [
        (Own::CaptureBuffers, holdings.buffers(BufferKind::Capture)),
        (Own::AnalysisBuffers, holdings.buffers(BufferKind::Analysis)),
    ];
    for (own, counter) in sized {
        let counter = Arc::clone(counter);
        objects.read_from(own, move || counter.amount());
    }
    let of_unknown_size = [
        (Own::Readers, holdings.readers()),
        (Own::TlsSessions, organs.dialler.tls_sessions()),
    ];
    for (own, counter) in of_unknown_size {
        let counter = Arc::clone(counter);
        objects.read_from(own, move || Amount::of(counter.amount().count));
    }
    objects
}

async fn heartbeat(
    tasks: Tasks,
    organs: Organs,
    memory: Arc<Memory>,
    vitals: Arc<Vitals>,
    objects: Arc<Objects>,
    history: Arc<History>,
    publish: watch::Sender<Option<Arc<Snapshot>>>,
) {
    let mut beat = interval(HEARTBEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut recent, mut complaints) = (Recent::default(), Complaints::default());
    let mut held_up = false;
    loop {
        let due = tokio::select! {
            due = beat.tick() => due,
            () = tasks.cancelled() => return,
        };
        vitals.beat(Instant::now().saturating_duration_since(due));
        organs.buffers.watch_allocations(due.into_std());
        objects.look(due.into_std());
        tell_of_memory(&memory, &mut held_up);
        let subjects = Subjects {
            accounts: &organs.accounts,
            meters: &organs.meters,
            buffers: &organs.buffers,
            memory: &memory,
            objects: &objects,
            history: &history,
            vitals: &vitals,
        };
        let snapshot = status::take(&subjects, &mut recent, &mut complaints);
        publish.send_replace(Some(Arc::new(snapshot)));
    }
}

/// Says when nobody's memory is read any more, and when it is again.
fn tell_of_memory(memory: &Memory, held_up: &mut bool) {
    let overdue = memory.overdue();
    if overdue.is_some() == *held_up {
        return;
    }
    *held_up = overdue.is_some();
    match overdue {
        Some(since) => tracing::error!(
            seconds = since.as_secs(),
            "memory is not watched: the thread that reads processes is held up, and the figures of \
             them are old; look for a file system that does not answer, or a machine too busy"
        ),
        None => tracing::info!("memory is watched again"),
    }
}
