//! Probes: the subcommand, and what `/probe` asks for.

use std::{collections::BTreeMap, process::ExitCode, sync::Arc, time::Duration};

use tokio::sync::oneshot;

use crate::{
    cli,
    config::Config,
    net::Dialler,
    probe::{self, Failure, Refused, Report, Request},
    shutdown::{TaskKind, Tasks},
    sources::{ConnectOptions, FailureReason, SourceKind, SourceOptions},
};

/// How long opening may take in all, beyond what the listening takes: every phase has its
/// own deadline and says more than this one.
const OPENING: Duration = Duration::from_secs(120);
/// The same for what is on this machine, which may wait for a recorder.
const OPENING_HERE: Duration = Duration::from_secs(20);

/// What a server that wants credentials, or other ones, means for who types a command.
const FLAGS: &str = "here the credentials are --username NAME and --password-file FILE (or \
--password-env VARIABLE)";

/// Runs the subcommand: prints the report; status 0 when audio arrived, else 1. What it waits
/// for goes to the standard error at once.
pub fn run(options: cli::ProbeOptions) -> ExitCode {
    let cli::ProbeOptions {
        source,
        connect,
        listen,
        json,
        alone,
    } = options;
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("audio-capture-exporter: {error}");
            return ExitCode::FAILURE;
        }
    };
    let shown = source.location.to_string();
    let opening = match source.location.kind() {
        SourceKind::Rtsp | SourceKind::Http => OPENING,
        SourceKind::File | SourceKind::Directory | SourceKind::Pipe | SourceKind::Device => {
            OPENING_HERE
        }
    };
    let request = Request {
        source,
        connect,
        listen,
        limit: listen + opening,
    };
    eprintln!(
        "{shown}: listening for {listen:?} from the first audio on, {:?} in all at the most",
        request.limit
    );
    let mut report = runtime.block_on(async {
        let tasks = Tasks::default();
        let dialler = Dialler::new(&tasks);
        let waiting = |what: &str| eprintln!("waiting: {what}");
        probe::run(&tasks, &dialler, &request, waiting).await
    });
    let refused = |failure: &Failure| failure.reason == FailureReason::Unauthorized.as_str();
    if alone && report.failure.as_ref().is_some_and(refused) {
        report.remarks.push(FLAGS.to_owned());
    }
    if json {
        println!("{}", report.to_json());
    } else {
        println!("{shown}\n{report}");
    }
    // Dropping it would wait for a name lookup that hangs in the system's resolver.
    runtime.shutdown_background();
    if report.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// What may be probed over HTTP.
pub(super) struct Probes {
    tasks: Tasks,
    dialler: Arc<Dialler>,
    connect: ConnectOptions,
    targets: BTreeMap<String, SourceOptions>,
}

impl Probes {
    pub(super) fn new(tasks: &Tasks, dialler: Arc<Dialler>) -> Self {
        Self {
            tasks: tasks.clone(),
            dialler,
            connect: ConnectOptions::default(),
            targets: BTreeMap::new(),
        }
    }

    /// Takes over what the configuration allows.
    pub(super) fn allow(&mut self, config: &Config) {
        self.connect = config.connect;
        self.targets = config
            .sources
            .iter()
            .filter(|source| config.probe_targets.contains(&source.id))
            .map(|source| (source.id.as_str().to_owned(), source.clone()))
            .collect();
    }

    /// Starts a probe and returns at once. It ends early when nobody waits for it any more.
    pub(super) fn start(
        &self,
        target: &str,
        listen: Duration,
        limit: Duration,
        mut reply: oneshot::Sender<Result<Report, Refused>>,
    ) {
        let source = match self.targets.get(target) {
            Some(pipe) if pipe.location.kind() == SourceKind::Pipe => Err(Refused::Pipe),
            found => found.cloned().ok_or(Refused::NotAllowed),
        };
        let source = match source {
            Ok(source) => source,
            Err(refused) => {
                // A client that has gone needs no answer, here and below.
                let _told = reply.send(Err(refused));
                return;
            }
        };
        let request = Request {
            source,
            connect: self.connect,
            listen,
            limit,
        };
        let (tasks, dialler) = (self.tasks.clone(), Arc::clone(&self.dialler));
        self.tasks.spawn(TaskKind::Probe, async move {
            tokio::select! {
                report = probe::run(&tasks, &dialler, &request, |_| ()) => {
                    let _told = reply.send(Ok(report));
                }
                () = reply.closed() => {}
                () = tasks.cancelled() => {}
            }
        });
    }
}
