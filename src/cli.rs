//! The command line.

mod assets;
mod check;
mod leakcheck;
mod probe;

use std::{ffi::OsString, fmt, path::PathBuf, sync::LazyLock};

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};

pub use assets::AssetsOptions;
pub use check::check;
pub use leakcheck::LeakCheckOptions;
pub use probe::ProbeOptions;

use crate::config::{self, SourceArgument, carries_credentials};

/// Version and, where the build knew it, the commit.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let version = env!("CARGO_PKG_VERSION");
    option_env!("GIT_COMMIT").map_or_else(
        || version.to_owned(),
        |commit| format!("{version} ({commit})"),
    )
});

/// What the command line asks for.
#[derive(Debug)]
pub enum Command {
    /// Watch the sources of the file and the arguments.
    Run(Options),
    /// Validate the configuration and say what is wrong ([`check`]).
    Check(Options),
    /// Watch the built-in sample sources; [`Options`] names no file and no source.
    Demo(Options),
    /// Probe one source.
    Probe(Box<ProbeOptions>),
    /// Watch one process's memory for a while.
    LeakCheck(LeakCheckOptions),
    /// Write dashboards, rules and runbooks.
    Assets(AssetsOptions),
}

/// What the flags and arguments say.
#[derive(Clone, Debug)]
pub struct Options {
    /// The configuration file.
    pub config_file: Option<PathBuf>,
    /// The sources among the arguments, free of credentials.
    pub sources: Vec<SourceArgument>,
    /// Addresses to serve on, each `host:port`, `[ipv6]:port` or `:port`.
    pub listen: Vec<String>,
    /// Where the metrics are served: a path that no other route has.
    pub telemetry_path: String,
    /// TLS and users, in exporter-toolkit's format.
    pub web_config_file: Option<PathBuf>,
    /// Whether the service manager passes the listeners, in place of [`Self::listen`].
    pub systemd_socket: bool,
    /// How many requests may be served at once, up to 1,024; 0 for no limit.
    pub max_requests: usize,
    /// The least important log lines to write.
    pub log_level: LogLevel,
    /// How log lines look.
    pub log_format: LogFormat,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs, reason = "the names say it")]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// How a log line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// `key=value` pairs.
    Logfmt,
    /// One JSON object a line.
    Json,
}

/// Why the program ends before it begins.
#[derive(Debug, PartialEq, Eq)]
pub struct Exit {
    /// The exit status: 0 for what was asked for, 1 for a configuration with mistakes,
    /// 2 for a wrong command line.
    pub code: u8,
    /// What to print: to the standard output for status 0, else to the standard error.
    pub text: String,
}

impl Exit {
    /// Prints the text and yields the status.
    pub fn report(self) -> std::process::ExitCode {
        if self.code == 0 {
            println!("{}", self.text.trim_end());
        } else {
            eprintln!("{}", self.text.trim_end());
        }
        self.code.into()
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

const ABOUT: &str = "Stands beside an audio recorder, holds the last minute of every source, \
and tells Prometheus.\nA SOURCE: rtsp://host/path, http://host/path, a file, dir:///path, \
fifo:///path, stdin:, device:NAME";

/// What a probe says to credentials in its argument.
const PROBE_CREDENTIALS: &str = "credentials in an argument can be read by every user of this machine; take them out, \
and give them with --username NAME and --password-file FILE (or --password-env VARIABLE)";

#[derive(Parser)]
#[command(name = "audio-capture-exporter", about = ABOUT, version = VERSION.as_str())]
#[command(subcommand_precedence_over_arg = true, disable_help_subcommand = true)]
#[command(override_usage = "audio-capture-exporter [OPTIONS] [NAME=SOURCE|SOURCE]... | COMMAND")]
struct Line {
    /// Sources to watch, beside those of the config file
    #[arg(value_name = "NAME=SOURCE|SOURCE", hide = true)]
    sources: Vec<OsString>,

    /// Configuration file (YAML); credentials belong there
    #[arg(long = "config.file", value_name = "FILE")]
    config_file: Option<PathBuf>,

    /// Print every mistake of the configuration; exit with 0 or 1
    #[arg(long = "config.check")]
    config_check: bool,

    #[command(flatten)]
    shared: Shared,

    #[command(subcommand)]
    subcommand: Option<Sub>,
}

#[derive(Args)]
struct Shared {
    /// Where to serve; repeatable
    #[arg(long = "web.listen-address", value_name = "ADDR", global = true)]
    #[arg(default_value = "127.0.0.1:10480", value_parser = listen_address)]
    listen: Vec<String>,

    /// Path of the metrics
    #[arg(long = "web.telemetry-path", value_name = "PATH", global = true)]
    #[arg(default_value = "/metrics", value_parser = telemetry_path)]
    telemetry_path: String,

    /// TLS and users (YAML, as other exporters have it)
    #[arg(long = "web.config.file", value_name = "FILE", global = true)]
    web_config_file: Option<PathBuf>,

    /// Take the listeners that systemd passes
    #[arg(long = "web.systemd-socket", global = true, conflicts_with = "listen")]
    systemd_socket: bool,

    /// Requests served at once; 0: no limit
    #[arg(long = "web.max-requests", value_name = "N", global = true)]
    #[arg(default_value_t = 40, value_parser = clap::value_parser!(u16).range(..=1024))]
    max_requests: u16,

    /// error, warn, info, debug or trace
    #[arg(long = "log.level", value_name = "LEVEL", global = true)]
    #[arg(default_value = "info", hide_possible_values = true)]
    log_level: LogLevel,

    /// logfmt or json
    #[arg(long = "log.format", value_name = "FORMAT", global = true)]
    #[arg(default_value = "logfmt", hide_possible_values = true)]
    log_format: LogFormat,
}

#[derive(Subcommand)]
enum Sub {
    /// Watch built-in sample sources over loopback RTSP: no camera needed
    Demo,
    /// Connect to one source once and say what comes; exits with 0 when audio arrives
    Probe(probe::Arguments),
    /// Watch one process's memory for a while; exits with 0 when it does not grow
    Leakcheck(leakcheck::Arguments),
    /// Write the dashboards, alert rules and runbooks into a directory
    Assets(assets::Arguments),
}

/// Understands a command line, whose first item is the program's name.
///
/// # Errors
/// [`Exit`] with status 0 for `--help` and `--version`, and with status 2 for a wrong
/// command line. Credentials in an argument are refused without being repeated.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, Exit> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    // Before anything else: the parser quotes arguments in its own errors.
    if let Some(nth) = arguments
        .iter()
        .skip(1)
        .position(|argument| carries_credentials(&argument.to_string_lossy()))
    {
        let probe = arguments.iter().skip(1).any(|argument| argument == "probe");
        let error = match config::ArgumentError::Credentials {
            _ if probe => PROBE_CREDENTIALS.to_owned(),
            general => general.to_string(),
        };
        return Err(wrong(format!("argument {}: {error}", nth + 1)));
    }
    let line = command()
        .try_get_matches_from(arguments)
        .and_then(|matches| Line::from_arg_matches(&matches))
        .map_err(|error| Exit {
            code: if error.use_stderr() { 2 } else { 0 },
            text: error.to_string(),
        })?;
    let sources = sources(&line.sources)?;
    let alone = sources.is_empty() && line.config_file.is_none() && !line.config_check;
    match line.subcommand {
        Some(Sub::Demo) if !alone => {
            let text = "`demo` brings its own sources; start it without sources and config file";
            return Err(wrong(format!(
                "{text} (a file called demo is written ./demo)"
            )));
        }
        Some(Sub::Probe(_)) if !alone => {
            let text = "`probe` takes one source and its own flags, behind the word `probe`";
            return Err(wrong(format!(
                "{text} (a file called probe is written ./probe)"
            )));
        }
        Some(Sub::Leakcheck(_)) if !alone => {
            let text = "`leakcheck` takes its own flags alone, behind the word `leakcheck`";
            return Err(wrong(format!(
                "{text} (a file called leakcheck is written ./leakcheck)"
            )));
        }
        Some(Sub::Assets(_)) if !alone => {
            let text = "`assets` takes a directory alone, behind the word `assets`";
            return Err(wrong(format!(
                "{text} (a file called assets is written ./assets)"
            )));
        }
        Some(Sub::Demo) => return Ok(Command::Demo(line.shared.into_options(None, sources))),
        Some(Sub::Probe(arguments)) => {
            return Ok(Command::Probe(Box::new(arguments.into_options()?)));
        }
        Some(Sub::Leakcheck(arguments)) => {
            return Ok(Command::LeakCheck(arguments.into_options()?));
        }
        Some(Sub::Assets(arguments)) => return Ok(Command::Assets(arguments.into_options())),
        None => {}
    }
    if sources.is_empty() && line.config_file.is_none() {
        return Err(wrong(format!(
            "nothing to watch\n\n{}",
            FIRST_STEPS.trim_end()
        )));
    }
    let options = line.shared.into_options(line.config_file, sources);
    Ok(if line.config_check {
        Command::Check(options)
    } else {
        Command::Run(options)
    })
}

/// The command line, without what a probe has no use for in its help.
fn command() -> clap::Command {
    let mut line = Line::command();
    // The options that every subcommand has are there only now.
    line.build();
    line.mut_subcommand("probe", |probe| {
        probe.mut_args(|argument| {
            let long = argument.get_long().unwrap_or_default();
            let general = long.starts_with("web.") || long.starts_with("log.");
            argument.hide(general)
        })
    })
}

const FIRST_STEPS: &str = "\
  audio-capture-exporter demo                            built-in sample sources, no camera needed
  audio-capture-exporter garden=rtsp://camera.lan/live   one source
  audio-capture-exporter probe rtsp://camera.lan/live    what comes from there, once
  audio-capture-exporter --config.file config.yaml       many, with credentials
  audio-capture-exporter --help                          all options
";

impl Shared {
    fn into_options(self, config_file: Option<PathBuf>, sources: Vec<SourceArgument>) -> Options {
        Options {
            config_file,
            sources,
            listen: self.listen,
            web_config_file: self.web_config_file,
            systemd_socket: self.systemd_socket,
            telemetry_path: self.telemetry_path,
            max_requests: usize::from(self.max_requests),
            log_level: self.log_level,
            log_format: self.log_format,
        }
    }
}

fn wrong(text: impl fmt::Display) -> Exit {
    Exit {
        code: 2,
        text: format!("error: {text}"),
    }
}

/// Reads every source argument, and reports all that are wrong.
fn sources(arguments: &[OsString]) -> Result<Vec<SourceArgument>, Exit> {
    let mut sources = Vec::with_capacity(arguments.len());
    let mut mistakes = Vec::new();
    for (nth, argument) in (1..).zip(arguments) {
        match argument.to_str().map(SourceArgument::parse) {
            Some(Ok(source)) => sources.push(source),
            Some(Err(error)) => mistakes.push(format!("source argument {nth}: {error}")),
            None => mistakes.push(format!("source argument {nth}: not UTF-8; rename the file")),
        }
    }
    if mistakes.is_empty() {
        Ok(sources)
    } else {
        Err(wrong(mistakes.join("\nerror: ")))
    }
}

/// Checks the form; whether the host exists is found out by binding.
fn listen_address(text: &str) -> Result<String, &'static str> {
    const FORM: &str = "write host:port, [ipv6]:port or :port";
    let (host, port) = text.rsplit_once(':').ok_or(FORM)?;
    let bracketed = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let host_is_right = match bracketed {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)),
    };
    let port_is_right =
        port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    if host_is_right && port_is_right {
        Ok(text.to_owned())
    } else {
        Err(FORM)
    }
}

/// The first segments of the paths that other routes have.
const TAKEN: [&str; 10] = [
    "",
    "-",
    "api",
    "alerts",
    "debug",
    "grafana",
    "openapi.json",
    "page",
    "probe",
    "runbooks",
];

fn telemetry_path(text: &str) -> Result<String, &'static str> {
    let rest = text.strip_prefix('/').ok_or("it begins with /")?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "/._~-".contains(c);
    if !rest.chars().all(allowed) || text.contains("//") {
        return Err("it is a plain path: letters, digits and . _ ~ - between single slashes");
    }
    let first = rest.split('/').next().unwrap_or_default();
    if TAKEN.contains(&first) {
        return Err("another route has this path");
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests;
