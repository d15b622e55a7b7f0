//! From a file and arguments to a [`Config`].

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use super::{
    alarms,
    argument::SourceArgument,
    budget, history,
    keys::{KEYS, Keys},
    mistake::{ConfigErrors, Mistakes, shown},
    names, notify, objects, pipes, profiles,
    roles::roles,
    section::{self, Section},
    source::{self, BufferLengths, Placed},
    watch, yaml,
};
use crate::{
    alarms::{AlarmOptions, NotifyOptions, SourcePolicy},
    backoff::{InvalidPolicy, Policy},
    history::HistoryOptions,
    http::WebOptions,
    id::SourceId,
    memory::{MemoryOptions, limits},
    net::DialLimits,
    objects::ObjectOptions,
    profiles::StoreOptions,
    shard::Shard,
    sources::{ConnectOptions, LiveLocation, Location, SourceOptions, address_hint},
    units::ByteSize,
};

/// The largest configuration file, in bytes.
pub const MAX_FILE_BYTES: u64 = 1 << 20;
/// The most sources one process watches.
pub const MAX_SOURCES: usize = 1_000;

/// The default budget's cap.
const DEFAULT_BUDGET: ByteSize = ByteSize(512 << 20);

/// A validated configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// This shard's sources of the file, then those of the command line, each name once.
    pub sources: Vec<SourceOptions>,
    /// How many sources all shards have together.
    pub configured: usize,
    /// The most bytes that all buffers may hold together.
    pub memory_budget: ByteSize,
    /// The most bytes of released buffers that are kept for the next ones.
    pub pool: ByteSize,
    /// How sources are connected to.
    pub connect: ConnectOptions,
    /// The sources that may be probed over HTTP.
    pub probe_targets: Vec<SourceId>,
    /// Whose memory is watched, and how it is judged.
    pub memory: MemoryOptions,
    /// Objects that other programs report, and thresholds.
    pub objects: Vec<ObjectOptions>,
    /// Where and how often profiles are written; `None` where they are not.
    pub profiles: Option<StoreOptions>,
    /// Where the past is kept; `None` where it is not.
    pub history: Option<HistoryOptions>,
    /// When an alarm fires, and how often somebody is told.
    pub alarms: AlarmOptions,
    /// Who is told of alarms.
    pub notify: NotifyOptions,
    /// What the HTTP server may give to whom.
    pub web: WebOptions,
}

impl Config {
    /// The defaults of an empty file, with these sources instead of configured ones.
    pub fn of_sources(sources: Vec<SourceOptions>) -> Self {
        let policy = |source: &SourceOptions| (source.id.clone(), SourcePolicy::default());
        Self {
            alarms: AlarmOptions {
                sources: sources.iter().map(policy).collect(),
                ..AlarmOptions::default()
            },
            probe_targets: sources.iter().map(|source| source.id.clone()).collect(),
            configured: sources.len(),
            sources,
            memory_budget: default_budget(),
            pool: ByteSize(0),
            connect: ConnectOptions::default(),
            memory: MemoryOptions::default(),
            objects: Vec::new(),
            profiles: None,
            history: None,
            notify: NotifyOptions::default(),
            web: WebOptions::default(),
        }
    }

    /// What a shard says of its sources, where they are divided.
    pub fn share(&self, shard: Shard) -> Option<String> {
        let (own, all) = (self.sources.len(), self.configured);
        (shard != Shard::WHOLE).then(|| format!("{shard}: {own} of {all} sources belong to it"))
    }

    /// What is no mistake, but probably not meant: a file that does not exist, whose path may
    /// be an address, and a directory that does not exist. Looks at the disk; quotes of the path
    /// no more than a host.
    pub fn doubts(&self) -> Vec<String> {
        let doubt = |source: &SourceOptions| match &source.location {
            Location::File { path, .. } | Location::Live(LiveLocation::Follow { path }) => {
                let hint = address_hint(path)?;
                Some(format!(
                    "source {}: there is no such file; {hint}",
                    source.id
                ))
            }
            _ => None,
        };
        let sources = self.sources.iter().filter_map(doubt);
        sources.chain(self.missing_folders()).collect()
    }

    /// The keys of files that cannot be written, as the directory does not exist. Looks at the disk.
    pub fn missing_folders(&self) -> Vec<String> {
        let state = self.alarms.state_file.as_deref();
        let lines = self.notify.file.as_ref().map(|file| file.path.as_path());
        let files = [("alarms.state_file", state), ("notify.file.path", lines)];
        let missing = files.into_iter().filter_map(|(key, path)| {
            let folder = path?.parent()?;
            let missing = !folder.as_os_str().is_empty() && !folder.is_dir();
            missing.then(|| {
                format!("{key}: its directory does not exist; make it, or correct the path")
            })
        });
        missing.collect()
    }
}

/// Reads the file at `path`, if any, appends the sources of `arguments`, and validates the
/// whole. A reload is another call with the same arguments; it changes nothing by itself.
///
/// Reads files (also password files), blocking.
///
/// # Errors
/// [`ConfigErrors`] with every mistake, free of secrets.
pub fn load(path: Option<&Path>, arguments: &[SourceArgument]) -> Result<Config, ConfigErrors> {
    load_shard(path, arguments, Shard::WHOLE)
}

/// As [`load`], of the sources that belong to a shard. The mistakes are those of all sources:
/// every shard accepts a file, or none does; only what the shard's own sources would need of
/// this machine is told to it alone.
///
/// # Errors
/// [`ConfigErrors`], as [`load`].
pub fn load_shard(
    path: Option<&Path>,
    arguments: &[SourceArgument],
    shard: Shard,
) -> Result<Config, ConfigErrors> {
    of_text(path, path.map(read), arguments, shard)
}

/// What is wrong with a file, and what to do.
pub(super) type Unreadable = (String, &'static str);

/// As [`load_shard`], of what the file at `path` was found to hold.
pub(super) fn of_text(
    path: Option<&Path>,
    text: Option<Result<String, Unreadable>>,
    arguments: &[SourceArgument],
    shard: Shard,
) -> Result<Config, ConfigErrors> {
    let mistakes = Mistakes::default();
    let text = path.zip(text).and_then(|(path, text)| {
        text.map_err(|why| mistakes.add(None, &path.display().to_string(), why.0, why.1))
            .ok()
    });
    let root = match text.as_deref().map(yaml::parse) {
        Some(Ok(root)) => root,
        Some(Err(error)) => {
            mistakes.add(Some(error.line), "", error.problem, error.remedy);
            None
        }
        None => None,
    };
    let readable = path.is_none() || (text.is_some() && mistakes.is_empty());
    let base = path
        .and_then(Path::parent)
        .map_or_else(PathBuf::new, Path::to_owned);
    let config = validate(
        &Section::top(Keys(KEYS), root.as_ref(), text.is_some(), &mistakes),
        &base,
        arguments,
        shard,
        readable,
        &mistakes,
    );
    mistakes.into_result(path).map(|()| config)
}

/// Reads the file.
pub(super) fn read(path: &Path) -> Result<String, Unreadable> {
    let io = |error: std::io::Error| (error.to_string(), "check the path and its permissions");
    if !std::fs::metadata(path).map_err(io)?.is_file() {
        return Err((
            "not a regular file".to_owned(),
            "write the configuration into a file, so that it can be read again on a reload",
        ));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(io)?;
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(io)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        let problem = format!("larger than {}", ByteSize(MAX_FILE_BYTES));
        return Err((problem, "a configuration is smaller; check the path"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.split(|byte| *byte == b'\n').count();
        (format!("not UTF-8 in line {line}"), "save it as UTF-8")
    })
}

fn validate(
    top: &Section<'_>,
    base: &Path,
    arguments: &[SourceArgument],
    shard: Shard,
    readable: bool,
    mistakes: &Mistakes,
) -> Config {
    let buffers = top.section("buffers");
    let lengths = BufferLengths {
        capture: buffers.section("capture").duration("duration"),
        analysis: buffers.section("analysis").duration("duration"),
    };
    let budget_given = buffers.bytes("memory_budget");
    let pool = buffers.bytes("pool").unwrap_or(ByteSize(0));
    let connect = connect(&top.section("connect"));
    let memory = watch::memory(top, base);
    let probe = top.section("probe");
    let web = top.section("web");
    let web = WebOptions {
        allowed_hosts: allowed_hosts(&web),
        audio: web.flag("audio"),
        roles: roles(&web),
    };

    let items = top.sections("sources", MAX_SOURCES * usize::from(shard.total()));
    let from_file = items.len();
    let mut placed: Vec<Placed> = items
        .iter()
        .filter_map(|section| source::from_section(section, base, lengths))
        .collect();
    placed.extend(
        (1..)
            .zip(arguments)
            .map(|(nth, argument)| source::from_argument(argument, nth, lengths)),
    );
    let total = from_file + arguments.len();
    // One may watch processes alone.
    if readable && total == 0 && !top.has("watch") {
        let remedy = "name at least one, with a `url`; or a process in `watch`";
        top.mistake("sources", "no source to watch", remedy);
    }
    pipes::once(&placed, mistakes);
    names::once(&placed, mistakes);
    let mut probe_targets = names::probe_targets(&probe, &placed, placed.len() == total);
    // From here on the others' sources are no business of this exporter.
    probe_targets.retain(|id| shard.owns(id));
    placed.retain(|placed| shard.owns(&placed.options.id));
    if placed.len() > MAX_SOURCES {
        let own = placed.len();
        let problem = format!("{own} for this exporter, at most {MAX_SOURCES} are possible");
        top.mistake("sources", problem, section::DIVIDE);
    }

    let memory_budget = budget_given.unwrap_or_else(default_budget);
    let sources: Vec<&SourceOptions> = placed.iter().map(|placed| &placed.options).collect();
    if let Some(problem) = budget::excess(&sources, memory_budget) {
        let remedy = "raise the budget, shorten buffers.capture.duration, \
            or say with `expect` what the sources really send";
        buffers.mistake("memory_budget", problem, remedy);
    }
    let policies = placed.iter().map(policy).collect();
    Config {
        alarms: alarms::alarms(top, base, policies),
        notify: notify::notify(top, base),
        sources: placed.into_iter().map(|placed| placed.options).collect(),
        configured: total,
        memory_budget,
        pool,
        connect,
        memory,
        probe_targets,
        objects: objects::objects(top),
        profiles: profiles::profiles(top, base),
        history: history::history(top, base),
        web,
    }
}

fn policy(placed: &Placed) -> (SourceId, SourcePolicy) {
    (placed.options.id.clone(), placed.alarms.clone())
}

/// The smaller of 512 MiB and a quarter of the memory this process may use.
fn default_budget() -> ByteSize {
    limits::available().map_or(DEFAULT_BUDGET, |memory| {
        DEFAULT_BUDGET.min(ByteSize(memory.0 / 4))
    })
}

fn connect(section: &Section<'_>) -> ConnectOptions {
    let timeout = section.duration("timeout");
    let backoff = section.section("backoff");
    let policy = Policy::new(
        backoff.duration("initial"),
        backoff.duration("max"),
        backoff.duration("stable_after"),
    );
    let policy = policy.unwrap_or_else(|error| {
        let (key, remedy) = match error {
            InvalidPolicy::ZeroInitial => ("initial", "write a longer one"),
            InvalidPolicy::MaxBelowInitial => ("max", "raise `max` or lower `initial`"),
        };
        backoff.mistake(key, error.to_string(), remedy);
        Policy::default()
    });
    let dials = DialLimits {
        per_host: section.number("per_host"),
        total: section.number("total"),
    };
    if dials.per_host > dials.total {
        let problem = format!("more than `total`, which is {}", dials.total);
        section.mistake("per_host", problem, "raise `total` or lower `per_host`");
    }
    ConnectOptions {
        timeout,
        backoff: policy,
        dials,
    }
}

fn allowed_hosts(section: &Section<'_>) -> Vec<String> {
    let in_a_host = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let mut hosts = Vec::new();
    for host in section.texts("allowed_hosts") {
        let right = (1..=253).contains(&host.len())
            && (host.chars().all(in_a_host) || host.parse::<std::net::IpAddr>().is_ok());
        if right {
            hosts.push(host.to_ascii_lowercase());
        } else {
            let problem = format!("{} is not a host name", shown(host));
            let remedy = "write names without scheme, port or path, such as recorder.lan";
            section.mistake("allowed_hosts", problem, remedy);
        }
    }
    hosts
}
