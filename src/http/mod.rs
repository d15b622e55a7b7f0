//! The HTTP server: metrics, health, reload, the status page, dashboards and rules.
//!
//! It has a thread and a runtime of its own: a saturated decoder must not silence the
//! scrape that would show it. It reads the last [`Snapshot`] and sends [`Command`]s over
//! a bounded channel, so that it never waits for the capture side except where a client
//! asked for a change, and then only for [`Limits::command`].
//!
//! Who may ask for what is said by [`Access`], the web file's content, and by
//! [`WebOptions::roles`]. Without users and client certificates, a listener that the network can
//! reach serves only the telemetry path and the health checks.

mod access;
mod admission;
mod api;
mod audio;
mod bind;
mod body;
mod commands;
mod compressed;
mod events;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod guard;
mod handshake;
mod health;
mod metrics;
mod negotiate;
mod openapi;
mod page;
mod parameters;
mod probe;
mod problem;
mod profile;
mod reply;
mod reserve;
mod resource;
mod route;
mod scrape;
mod seats;
mod seldom;
mod server;
mod service;
mod stall_guard;
mod timestamp;

use std::{fs, io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    sync::{Semaphore, mpsc, watch},
    time::Instant,
};

use self::{
    access::Passwords, admission::Admission, events::Events, guard::Guard, openapi::Description,
    server::Listener, service::Service,
};
pub use self::{
    access::{
        Access, AccessMetrics, BadHash, ClientCertificates, Grantee, Role, Roles, Tls, TlsProblem,
        TlsSettings, Users,
    },
    bind::{BindError, bind, inherit},
    commands::Command,
    metrics::{HttpMetrics, Rejection},
};
use crate::{
    alarms::Book,
    buffers::Buffers,
    history::History,
    memory::Memory,
    metrics::Registry,
    objects::Objects,
    profiles::Profiler,
    shutdown::{TaskKind, Tasks},
    status::Snapshot,
};

/// Files served as they are: name (`grafana/overview.json`, `alerts/recorder.yaml`) and
/// text.
pub type Assets = &'static [(&'static str, &'static str)];

/// How the server is set up.
#[derive(Debug)]
pub struct Options {
    /// From [`bind`] or [`inherit`].
    pub listeners: Vec<std::net::TcpListener>,
    /// Where metrics are, such as `/metrics`.
    pub telemetry_path: String,
    /// Requests at once, health checks aside; 0 for no limit.
    pub max_requests: usize,
    /// What the configuration allows. A reload replaces it.
    pub web: watch::Receiver<Arc<WebOptions>>,
    /// What the web file says. What replaces it holds for the requests and connections that begin
    /// afterwards.
    pub access: watch::Receiver<Arc<Access>>,
    /// Where audio and its books are.
    pub buffers: Arc<Buffers>,
    /// Whose memory is watched.
    pub memory: Arc<Memory>,
    /// Tracked objects, the server's own connections among them.
    pub objects: Arc<Objects>,
    /// The past, whether or not it is kept.
    pub history: Arc<History>,
    /// Active alarms, and those lately over.
    pub alarms: Arc<Book>,
    /// Takes profiles of this process.
    pub profiler: Arc<Profiler>,
    /// Dashboards and rules.
    pub assets: Assets,
    /// The server's own metrics, which the caller has registered.
    pub metrics: Arc<HttpMetrics>,
    /// What a client may take.
    pub limits: Limits,
}

/// What the configuration says about the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebOptions {
    /// Further names in `Host` that are ours, each with or without a port.
    pub allowed_hosts: Vec<String>,
    /// Whether audio may leave, to those who may have it.
    pub audio: bool,
    /// Who may ask for what.
    pub roles: Roles,
}

/// What a client may take; the defaults suit everyone, tests are less patient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// From the connection's start or the last answer to the end of the next head; TLS has as
    /// long to begin.
    pub head: Duration,
    /// Bytes of a request's head; at least 8 KiB are always buffered.
    pub head_bytes: usize,
    /// From the end of the head to that of the body.
    pub body: Duration,
    /// Bytes of a request's body.
    pub body_bytes: usize,
    /// How long a client may take no byte of an answer.
    pub write: Duration,
    /// After that, a connection is closed at the end of its current answer; live audio may go
    /// on for as long as it is taken.
    pub age: Duration,
    /// How long the capture side may take to answer a command.
    pub command: Duration,
    /// The pause after the system could not give another connection.
    pub accept_pause: Duration,
    /// Clips that may be made or sent at once.
    pub clips: usize,
    /// Bytes of a clip.
    pub clip_bytes: u64,
    /// Live streams at once.
    pub listeners: usize,
    /// Event sockets at once.
    pub sockets: usize,
    /// How long a client of an event socket may leave pings unanswered.
    pub socket_silence: Duration,
    /// How long requests in progress may take to finish when the program stops.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 256,
            head: Duration::from_secs(10),
            head_bytes: 16 * 1024,
            body: Duration::from_secs(10),
            body_bytes: 64 * 1024,
            write: Duration::from_secs(30),
            age: Duration::from_secs(600),
            command: Duration::from_secs(10),
            accept_pause: Duration::from_millis(500),
            clips: 4,
            clip_bytes: 64 << 20,
            listeners: 64,
            sockets: 64,
            socket_silence: Duration::from_secs(60),
            drain: Duration::from_secs(2),
        }
    }
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    addresses: Vec<SocketAddr>,
}

impl Server {
    /// Where it listens, in the order of [`Options::listeners`].
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }
}

/// Starts the server on its own thread. When `tasks` is cancelled it stops accepting,
/// lets requests in progress finish for at most [`Limits::drain`], and ends.
///
/// # Errors
/// When the telemetry path does not start with `/`, and when the system gives no thread,
/// runtime or socket.
pub fn start(
    tasks: &Tasks,
    options: Options,
    registry: Arc<Registry>,
    snapshot: watch::Receiver<Option<Arc<Snapshot>>>,
    commands: mpsc::Sender<Command>,
) -> io::Result<Server> {
    if !options.telemetry_path.starts_with('/') {
        let text = "the telemetry path must start with a slash, such as /metrics";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let on_runtime = runtime.enter();
    let bound: Vec<_> = options
        .listeners
        .into_iter()
        .map(Listener::new)
        .collect::<io::Result<_>>()?;
    drop(on_runtime);
    let (listeners, addresses) = bound.into_iter().unzip();
    let requests = match options.max_requests {
        0 => Semaphore::MAX_PERMITS,
        limit => limit.min(Semaphore::MAX_PERMITS),
    };
    let started = Instant::now();
    let events = Events::new(
        options.limits.sockets,
        snapshot.clone(),
        options.alarms.clone(),
        options.web.clone(),
        started,
    );
    let admission = Admission {
        telemetry_path: options.telemetry_path.clone(),
        assets: options.assets,
        guard: Guard::new(hostname().as_deref(), options.web.clone()),
        web: options.web.clone(),
        access: options.access.clone(),
        passwords: Passwords::new(tasks.clone())?,
        metrics: Arc::clone(&options.metrics),
    };
    let service = Arc::new(Service {
        events,
        description: Description::new(&options.telemetry_path, options.assets),
        telemetry_path: options.telemetry_path,
        assets: options.assets,
        audio: audio::Turns::new(&options.limits),
        limits: options.limits,
        admission,
        web: options.web,
        access: options.access,
        buffers: options.buffers,
        memory: options.memory,
        objects: options.objects,
        history: options.history,
        alarms: options.alarms,
        profiler: options.profiler,
        metrics: options.metrics,
        registry,
        snapshot,
        commands,
        turns: Arc::new(Semaphore::new(requests)),
        probes: Semaphore::new(probe::AT_ONCE),
        started,
    });
    // A group of its own: the thread drains the connections that run on its runtime.
    let connections = tasks.child();
    tasks.thread(TaskKind::Http, "http", move || {
        runtime.block_on(server::run(listeners, service, connections));
    })?;
    Ok(Server { addresses })
}

fn hostname() -> Option<String> {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned())
}
