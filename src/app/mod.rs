//! Wiring: builds the parts, introduces them to one another, runs until told to stop,
//! and takes them down in order.

mod announce;
mod assets;
mod capture;
mod chronicle;
mod descriptors;
mod leakcheck;
mod log;
mod manager;
mod probe;
mod signals;
mod tracking;
mod web_file;

use std::{io, net::TcpListener, path::PathBuf, sync::Arc, time::Duration};

use tokio::sync::{mpsc, watch};

use crate::{
    alarms::Alarms,
    cli,
    config::{self, Config, ConfigErrors},
    demo,
    history::{History, Pace},
    http,
    id::SourceId,
    memory::ProcessMetrics,
    metrics::{RegistrationError, Registry},
    profiles::{self, Profiler},
    shutdown::{TaskKind, Tasks},
    supervisor::ReconnectRefused,
};
pub use assets::run as assets;
use capture::Capture;
pub use leakcheck::run as leakcheck;
use log::Log;
use manager::Manager;
pub use probe::run as probe;
use signals::{ProfileSignal, ReloadSignal, StopSignals};
use web_file::WebFile;

/// How long sources may take to end. Together with the HTTP server's drain it stays
/// below the five seconds within which the program promises to be gone.
const FLEET_DRAIN: Duration = Duration::from_millis(2500);
/// How long everything else may take after the sources.
const LAST_DRAIN: Duration = Duration::from_secs(2);
/// How long the last look at the sources may take.
const CHRONICLE_DRAIN: Duration = Duration::from_millis(300);

/// Why the program cannot start.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The configuration has mistakes.
    #[error("{0}")]
    Config(#[from] ConfigErrors),
    /// An address to listen on is not to be had.
    #[error("{0}")]
    Bind(#[from] http::BindError),
    /// The web file has mistakes.
    #[error("{0}")]
    WebFile(ConfigErrors),
    /// The system refuses something the program cannot do without.
    #[error("the system refuses what this program needs to start: {0}")]
    System(#[from] io::Error),
    /// Two modules claim the same metric.
    #[error("{0}; this is a bug, please report it")]
    Metrics(#[from] RegistrationError),
}

/// What is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watched {
    /// The sources of the configuration and the arguments.
    Configured,
    /// The built-in samples.
    Samples,
}

/// Runs the program until SIGTERM or SIGINT.
///
/// # Errors
/// [`AppError`] when it cannot start; nothing is left behind then.
pub fn run(options: &cli::Options, watched: Watched) -> Result<(), AppError> {
    // While this is the only thread: it changes the environment.
    let passed = options.systemd_socket.then(http::inherit).transpose()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_name("capture")
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(start_and_run(options, watched, passed));
    // A name lookup under way cannot be called back; the end does not wait for it.
    runtime.shutdown_background();
    outcome
}

async fn start_and_run(
    options: &cli::Options,
    watched: Watched,
    passed: Option<Vec<TcpListener>>,
) -> Result<(), AppError> {
    // Before anything that takes time: a signal must never find its default handler.
    let (stop, reload) = (StopSignals::new()?, ReloadSignal::new()?);
    let profile = ProfileSignal::new()?;
    descriptors::allow_as_many_as_possible();
    let log = Log::start(options.log_level, options.log_format);
    let tasks = Tasks::default();
    let (config, _samples) = match watched {
        Watched::Configured => {
            let config = load(options)?;
            (config, None)
        }
        Watched::Samples => with_samples(&tasks)?,
    };
    let listeners = match passed {
        Some(passed) => passed,
        None => http::bind(&options.listen)?,
    };
    App::start(tasks, options, config, watched, listeners, &log)
        .await?
        .until_told_to_stop(stop, reload, profile)
        .await;
    Ok(())
}

/// What the files say now of this shard's sources.
fn load(options: &cli::Options) -> Result<Config, ConfigErrors> {
    let config = config::load_shard(
        options.config_file.as_deref(),
        &options.sources,
        options.shard,
    )?;
    if let Some(share) = config.share(options.shard) {
        tracing::info!("{share}");
    }
    Ok(config)
}

/// The demo's sources, and the server behind them.
fn with_samples(tasks: &Tasks) -> io::Result<(Config, Option<demo::rtsp::Server>)> {
    let server = demo::rtsp::Server::start(tasks, demo::mounts())?;
    let sources = demo::sources(server.address());
    Ok((Config::of_sources(sources), Some(server)))
}

/// The running program.
struct App<'a> {
    tasks: Tasks,
    options: &'a cli::Options,
    watched: Watched,
    capture: Capture,
    history: Arc<History>,
    /// Who tells the history; ends before it.
    chronicle: Tasks,
    alarms: Alarms,
    profiler: Arc<Profiler>,
    web: watch::Sender<Arc<http::WebOptions>>,
    web_file: Option<Arc<WebFile>>,
    manager: Option<Arc<Manager>>,
    commands: mpsc::Receiver<http::Command>,
}

impl<'a> App<'a> {
    async fn start(
        tasks: Tasks,
        options: &'a cli::Options,
        config: Config,
        watched: Watched,
        listeners: Vec<TcpListener>,
        log: &Log,
    ) -> Result<Self, AppError> {
        let mut registry = Registry::default();
        let http_metrics = http::HttpMetrics::new();
        let open = |path: &PathBuf| WebFile::open(path, http_metrics.clone()).map(Arc::new);
        let web_file = options.web_config_file.as_ref().map(open).transpose();
        let web_file = web_file.map_err(AppError::WebFile)?;
        registry.register(http_metrics.clone())?;
        registry.register(ProcessMetrics::new())?;
        registry.register(log.metrics())?;
        registry.register(Arc::new(options.shard))?;
        let history = History::start(&tasks, Pace::default())?;
        registry.register(history.clone())?;
        // Before anything happens that belongs into it.
        history.configure(config.history.clone());
        let mut capture = Capture::new(&tasks, config.memory_budget, &history, &mut registry)?;
        let alarms = Alarms::start(&tasks, capture.snapshots())?;
        registry.register(alarms.book())?;
        let profiler = Profiler::new(&tasks);
        registry.register(profiler.clone())?;
        tasks.spawn(TaskKind::Profile, profiler.clone().write_periodically());

        let chronicle = tasks.child();
        chronicle.spawn(
            TaskKind::History,
            capture.chronicle(&history, &alarms.book(), chronicle.clone()),
        );
        // Before the first source asks.
        capture
            .buffers()
            .tracker()
            .set(tracking::from_environment());
        let (command_sender, commands) = mpsc::channel(4);
        let (web, web_options) = watch::channel(Arc::new(config.web.clone()));
        let access = web_file.as_ref().map(|file| file.access());
        let access = access.unwrap_or_else(|| watch::Sender::new(Arc::default()).subscribe());
        registry.register(http::AccessMetrics::new(access.clone()))?;
        let encrypted = access.borrow().tls.is_some();
        let server = http::start(
            &tasks,
            http::Options {
                listeners,
                telemetry_path: options.telemetry_path.clone(),
                max_requests: options.max_requests,
                web: web_options,
                access,
                buffers: capture.buffers(),
                memory: capture.memory(),
                objects: capture.objects(),
                history: history.clone(),
                alarms: alarms.book(),
                profiler: profiler.clone(),
                assets: assets::SERVED,
                metrics: http_metrics,
                limits: http::Limits::default(),
            },
            Arc::new(registry),
            capture.snapshots(),
            command_sender,
        )?;
        profiler.configure(config.profiles.clone());
        let changes = capture.apply(&config).await;
        warn_of(&config);
        alarms.configure(config.alarms.clone(), config.notify.clone());
        capture.loaded(true);
        if let Some(file) = &web_file {
            Arc::clone(file).watch(&tasks)?;
        }
        let scheme = if encrypted { "https" } else { "http" };
        let path = &options.telemetry_path;
        announce::announce(&config, scheme, server.addresses(), path);
        tracing::info!("started: {changes}");
        history.recorder().did("start", Ok(&changes));
        let manager = Manager::of_environment();
        if let Some(manager) = &manager {
            manager.ready(&changes);
            manager.watch(&tasks, capture.snapshots());
        }
        Ok(Self {
            tasks,
            options,
            watched,
            capture,
            history,
            chronicle,
            alarms,
            profiler,
            web,
            web_file,
            manager,
            commands,
        })
    }

    async fn until_told_to_stop(
        mut self,
        mut stop: StopSignals,
        mut hangup: ReloadSignal,
        mut profile: ProfileSignal,
    ) {
        loop {
            let command = tokio::select! {
                () = stop.asked() => break,
                () = hangup.asked() => None,
                () = profile.asked() => {
                    self.write_profile();
                    continue;
                }
                Some(command) = self.commands.recv() => Some(command),
            };
            let reply = match command {
                Some(http::Command::Probe {
                    target,
                    listen,
                    limit,
                    reply,
                }) => {
                    self.capture.probes().start(&target, listen, limit, reply);
                    continue;
                }
                Some(http::Command::Reconnect { source, reply }) => {
                    // A client that has gone needs no answer.
                    let _sent = reply.send(self.reconnect(&source));
                    continue;
                }
                Some(http::Command::Reload { reply }) => Some(reply),
                None => None,
            };
            // A reload that waits for a source must not make the program deaf.
            let outcome = tokio::select! {
                () = stop.asked() => break,
                outcome = self.reload() => outcome,
            };
            if let Some(reply) = reply {
                // A client that has gone needs no answer.
                let _sent = reply.send(outcome);
            }
        }
        tracing::info!("stopping");
        if let Some(manager) = &self.manager {
            manager.stopping();
        }
        // While the books are still open.
        let told = self.chronicle.drain(CHRONICLE_DRAIN).await;
        self.history.recorder().did("stop", Ok("told to"));
        let sources = self.capture.drain(FLEET_DRAIN).await;
        let rest = self.tasks.drain(LAST_DRAIN).await;
        if !(sources && told && rest) {
            tracing::warn!("stopped, but something had not ended in time");
        }
    }

    /// Writes a heap profile, for which nobody waits: the log says how it went.
    fn write_profile(&self) {
        let profiler = Arc::clone(&self.profiler);
        self.tasks.spawn(TaskKind::Profile, async move {
            if let Err(error) = profiler.write(profiles::Wanted::Heap).await {
                tracing::warn!(%error, "asked by a signal for a profile");
            }
        });
    }

    fn reconnect(&mut self, source: &SourceId) -> Result<(), ReconnectRefused> {
        let outcome = self.capture.reconnect(source);
        if outcome.is_ok() {
            tracing::info!(%source, "asked for a new session");
            self.history
                .recorder()
                .did("reconnect", Ok(source.as_str()));
        }
        outcome
    }

    /// Loads the configuration again. A bad one changes nothing.
    async fn reload(&mut self) -> Result<String, String> {
        if self.watched == Watched::Samples {
            return Ok("the demo has no configuration to reload".to_owned());
        }
        match self.load() {
            Ok(config) => {
                self.web.send_replace(Arc::new(config.web.clone()));
                self.profiler.configure(config.profiles.clone());
                self.history.configure(config.history.clone());
                let changes = self.capture.apply(&config).await;
                warn_of(&config);
                self.alarms
                    .configure(config.alarms.clone(), config.notify.clone());
                self.capture.loaded(true);
                tracing::info!("configuration reloaded: {changes}");
                self.history.recorder().did("reload", Ok(&changes));
                if let Some(manager) = &self.manager {
                    manager.status(&changes);
                }
                Ok(changes)
            }
            Err(mistakes) => {
                self.capture.loaded(false);
                self.history.recorder().did("reload", Err(&mistakes));
                tracing::error!("configuration not reloaded, the running one stays: {mistakes}");
                Err(mistakes)
            }
        }
    }

    /// Reads the configuration, and the web file, which comes into force.
    fn load(&self) -> Result<Config, String> {
        let config = load(self.options).map_err(|errors| errors.to_string())?;
        match self.web_file.as_ref().map(|file| file.reload()) {
            Some(Err(refused)) => Err(refused.to_string()),
            _ => Ok(config),
        }
    }
}

fn warn_of(config: &Config) {
    for doubt in config.missing_folders() {
        tracing::warn!("{doubt}");
    }
}
