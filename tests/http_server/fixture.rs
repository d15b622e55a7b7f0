//! A server with a capture side that the test plays.

use std::{
    fmt,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use audio_capture_exporter::{
    buffers::Buffers,
    history::{History, Pace},
    http::{self, Command, HttpMetrics, Limits, Options, Rejection, WebOptions},
    id::SourceId,
    memory::{Memory, OwnFigures},
    metrics::{Expose, Exposition, Family, Registry},
    objects::{Name, ObjectOptions, Objects, Thresholds},
    profiles::Profiler,
    shutdown::Tasks,
    sources::{SourceKind, State},
    status::{Snapshot, SourceStatus},
    supervisor::ReconnectRefused,
    units::ByteSize,
};
use tokio::sync::{mpsc, oneshot, watch};

use super::client::PATIENCE;

pub(crate) struct Setup {
    pub(crate) listen: &'static str,
    pub(crate) telemetry_path: &'static str,
    pub(crate) max_requests: usize,
    /// Series of about 100 bytes each that a scrape returns besides the server's own.
    pub(crate) bulk: u64,
    /// A module that cannot write itself.
    pub(crate) broken: bool,
    pub(crate) limits: Limits,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:0",
            telemetry_path: "/metrics",
            max_requests: 40,
            bulk: 1,
            broken: false,
            // Nothing is cut short unless a test asks for it.
            limits: Limits {
                head: PATIENCE * 3,
                body: PATIENCE * 3,
                write: PATIENCE * 3,
                command: PATIENCE * 3,
                drain: PATIENCE * 3,
                ..Limits::default()
            },
        }
    }
}

pub(crate) struct Fixture {
    pub(crate) address: SocketAddr,
    pub(crate) metrics: Arc<HttpMetrics>,
    pub(crate) tasks: Tasks,
    pub(crate) snapshots: watch::Sender<Option<Arc<Snapshot>>>,
    pub(crate) web: watch::Sender<Arc<WebOptions>>,
    pub(crate) buffers: Arc<Buffers>,
    pub(crate) commands: mpsc::Receiver<Command>,
}

pub(crate) fn start(setup: Setup) -> Fixture {
    let metrics = HttpMetrics::new();
    let mut registry = Registry::default();
    registry.register(Arc::clone(&metrics) as Arc<_>).unwrap();
    registry
        .register(Arc::new(Bulk {
            series: setup.bulk,
            broken: setup.broken,
        }))
        .unwrap();
    let (snapshots, snapshot) = watch::channel(None);
    let (web, web_options) = watch::channel(Arc::default());
    let buffers = Buffers::new(ByteSize(64 << 20));
    let (sender, commands) = mpsc::channel(1);
    let tasks = Tasks::default();
    let objects = Objects::new();
    objects.configure(&[ObjectOptions {
        name: Name::new("cache:items").unwrap(),
        thresholds: Thresholds {
            max_count: Some(10),
            max_bytes: None,
        },
        expire_after: ObjectOptions::EXPIRE_AFTER,
    }]);
    let options = Options {
        listeners: http::bind(&[setup.listen.to_owned()]).unwrap(),
        telemetry_path: setup.telemetry_path.to_owned(),
        max_requests: setup.max_requests,
        web: web_options,
        buffers: Arc::clone(&buffers),
        memory: Memory::start(&tasks, OwnFigures::default).unwrap(),
        objects,
        history: History::start(&tasks, Pace::default()).unwrap(),
        alarms: Arc::default(),
        profiler: Profiler::new(&tasks),
        assets: &[
            ("grafana/overview.json", "{\"title\":1}"),
            ("alerts/recorder.yaml", "groups: []\n"),
        ],
        metrics: Arc::clone(&metrics),
        limits: setup.limits,
    };
    let server = http::start(&tasks, options, Arc::new(registry), snapshot, sender).unwrap();
    let port = server.addresses()[0].port();
    Fixture {
        address: SocketAddr::from(([127, 0, 0, 1], port)),
        metrics,
        tasks,
        snapshots,
        web,
        buffers,
        commands,
    }
}

impl Fixture {
    pub(crate) fn rejected(&self, reason: Rejection) -> u64 {
        self.metrics.rejected(reason)
    }

    /// Everything that was rejected, for whatever reason.
    pub(crate) fn rejected_at_all(&self) -> u64 {
        Rejection::ALL
            .iter()
            .map(|reason| self.rejected(*reason))
            .sum()
    }

    /// Waits for the next reload and returns where its answer goes.
    pub(crate) fn next_reload(&mut self) -> oneshot::Sender<Result<String, String>> {
        match self.commands.blocking_recv().unwrap() {
            Command::Reload { reply } => reply,
            other => panic!("{other:?} is no reload"),
        }
    }

    /// Waits for the next wish to connect anew.
    pub(crate) fn next_reconnect(
        &mut self,
    ) -> (SourceId, oneshot::Sender<Result<(), ReconnectRefused>>) {
        match self.commands.blocking_recv().unwrap() {
            Command::Reconnect { source, reply } => (source, reply),
            other => panic!("{other:?} is none"),
        }
    }

    pub(crate) fn publish(&self, age: Duration, sources: Vec<SourceStatus>) {
        let now = Snapshot::of(sources);
        let snapshot = Snapshot {
            taken: now.taken - age,
            taken_wall: now.taken_wall - age,
            budget: (ByteSize(0), ByteSize(512 << 20)),
            ..now
        };
        self.snapshots.send_replace(Some(Arc::new(snapshot)));
    }

    /// Asks everything to stop; true when it did within `deadline`.
    pub(crate) fn drain(&self, deadline: Duration) -> bool {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        runtime.unwrap().block_on(self.tasks.drain(deadline))
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.tasks.cancel();
    }
}

pub(crate) fn source(name: &str) -> SourceStatus {
    let id = SourceId::new(name).unwrap();
    SourceStatus {
        since: Duration::from_secs(7),
        audio_seconds: 1.0,
        expected_seconds: 2.0,
        buffered: (Duration::ZERO, Duration::from_secs(60)),
        ..SourceStatus::new(id, SourceKind::Rtsp, State::Stalled)
    }
}

/// Polls until `condition` holds.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(
            started.elapsed() < PATIENCE,
            "not within {PATIENCE:?}: {what}"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
}

static BULK: Family = Family::counter("bulk_events_total", "Many series", &["number"]);
static UNDECLARED: Family = Family::gauge("undeclared", "Never declared", &[]);
static FAMILIES: [&Family; 1] = [&BULK];

#[derive(Debug)]
struct Bulk {
    series: u64,
    broken: bool,
}

impl Expose for Bulk {
    fn families(&self) -> &'static [&'static Family] {
        &FAMILIES
    }

    fn expose(&self, out: &mut Exposition<'_>) -> fmt::Result {
        if self.broken {
            return out.family(&UNDECLARED, |series| series.sample(&[], 1));
        }
        out.family(&BULK, |series| {
            (0..self.series).try_for_each(|n| series.sample(&[&format!("{n:0>70}")], n))
        })
    }
}
