//! The command line.

mod assets;
mod check;
mod division;
mod help;
mod leakcheck;
mod probe;
mod sources;
mod values;

use std::{
    ffi::OsString,
    fmt,
    io::{self, Write as _},
    path::PathBuf,
    sync::LazyLock,
};

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};

pub use assets::AssetsOptions;
pub use check::check;
pub use leakcheck::LeakCheckOptions;
pub use probe::ProbeOptions;

use crate::{
    config::{self, SourceArgument, carries_credentials},
    shard::Shard,
};

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
    /// Which of the sources are watched here.
    pub shard: Shard,
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
            // Whoever reads may have seen enough, as `head` does.
            let _unread = writeln!(io::stdout(), "{}", self.text.trim_end());
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

/// Its lines, like all of the help, fit a terminal of 80 columns.
const ABOUT: &str = "\
Holds the last minute of every audio source and tells Prometheus. A SOURCE:
rtsp://… http://… a file, dir:///path, fifo:///path, stdin:, device:NAME";

/// What a probe says to credentials in its argument.
const PROBE_CREDENTIALS: &str = "credentials in an argument can be read by every user of this machine; take them out, \
and give them with --username NAME and --password-file FILE (or --password-env VARIABLE)";

#[derive(Parser)]
#[command(name = "audio-capture-exporter", about = ABOUT, version = VERSION.as_str())]
#[command(subcommand_precedence_over_arg = true)]
// A line less than usual: all of it fits a screen.
#[command(help_template = "{about-with-newline}{usage-heading} {usage}\n\n{all-args}")]
#[command(override_usage = "audio-capture-exporter [OPTIONS] [NAME=SOURCE|SOURCE]... | COMMAND")]
struct Line {
    /// Sources to watch, beside those of the config file
    #[arg(value_name = "NAME=SOURCE|SOURCE", hide = true)]
    sources: Vec<OsString>,

    /// YAML configuration; credentials go there
    #[arg(long = "config.file", value_name = "FILE")]
    config_file: Option<PathBuf>,

    /// Print every mistake in it; exit with 0 or 1
    #[arg(long = "config.check")]
    config_check: bool,

    #[command(flatten)]
    shard: division::Arguments,

    #[command(flatten)]
    shared: Shared,

    #[command(subcommand)]
    subcommand: Option<Sub>,
}

#[derive(Args)]
struct Shared {
    /// Where to serve
    #[arg(long = "web.listen-address", value_name = "ADDR", global = true)]
    #[arg(default_value = "127.0.0.1:10480", value_parser = values::listen_address)]
    listen: Vec<String>,

    /// Path of the metrics
    #[arg(long = "web.telemetry-path", value_name = "PATH", global = true)]
    #[arg(default_value = "/metrics", value_parser = values::telemetry_path)]
    telemetry_path: String,

    /// TLS and users (YAML, as in other exporters)
    #[arg(long = "web.config.file", value_name = "FILE", global = true)]
    web_config_file: Option<PathBuf>,

    /// Take the listeners that systemd passes
    #[arg(long = "web.systemd-socket", global = true, conflicts_with = "listen")]
    systemd_socket: bool,

    /// Requests served at once; 0: all
    #[arg(long = "web.max-requests", value_name = "N", global = true)]
    #[arg(default_value_t = 40, value_parser = clap::value_parser!(u16).range(..=1024))]
    max_requests: u16,

    /// error|warn|info|debug|trace
    #[arg(long = "log.level", value_name = "LEVEL", global = true)]
    #[arg(default_value = "info", hide_possible_values = true)]
    log_level: LogLevel,

    /// logfmt|json
    #[arg(long = "log.format", value_name = "FORMAT", global = true)]
    #[arg(default_value = "logfmt", hide_possible_values = true)]
    log_format: LogFormat,
}

#[derive(Subcommand)]
enum Sub {
    /// Watch built-in sample sources: no camera needed
    Demo,
    /// Connect to one source once; exits with 0 when audio arrives
    Probe(probe::Arguments),
    /// Watch one process's memory; exits with 0 when it does not grow
    Leakcheck(leakcheck::Arguments),
    /// Write the dashboards, alert rules and runbooks into a directory
    Assets(assets::Arguments),
    /// Print a script for bash, fish, zsh … that completes commands
    #[command(hide = true)]
    Completions(help::CompletionsArguments),
    /// Print the manual page, or a subcommand's; `man -l FILE` reads it
    #[command(hide = true)]
    Man(help::ManArguments),
}

impl Sub {
    /// What is said where it stands beside sources or their flags.
    fn stands_alone(&self) -> String {
        let (name, text) = match self {
            Self::Demo => (
                "demo",
                "brings its own sources; start it without sources and config file",
            ),
            Self::Probe(_) => (
                "probe",
                "takes one source and its own flags, behind the word `probe`",
            ),
            Self::Leakcheck(_) => (
                "leakcheck",
                "takes its own flags alone, behind the word `leakcheck`",
            ),
            Self::Assets(_) => (
                "assets",
                "takes a directory alone, behind the word `assets`",
            ),
            Self::Completions(_) => ("completions", "takes the name of a shell alone"),
            Self::Man(_) => ("man", "takes the name of a subcommand alone, or nothing"),
        };
        format!("`{name}` {text} (a file called {name} is written ./{name})")
    }

    fn into_command(self, shared: Shared) -> Result<Command, Exit> {
        match self {
            Self::Demo => Ok(Command::Demo(shared.into_options(None, Vec::new()))),
            Self::Probe(arguments) => Ok(Command::Probe(Box::new(arguments.into_options()?))),
            Self::Leakcheck(arguments) => Ok(Command::LeakCheck(arguments.into_options()?)),
            Self::Assets(arguments) => Ok(Command::Assets(arguments.into_options())),
            Self::Completions(arguments) => Err(arguments.script(command())),
            Self::Man(arguments) => Err(arguments.page(&command())),
        }
    }
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
    sources::refuse_mistyped_command(&arguments)?;
    let line = command()
        .try_get_matches_from(arguments)
        .and_then(|matches| Line::from_arg_matches(&matches))
        .map_err(|mut error| {
            // Of `help`; elsewhere a word that is no command is a source.
            let word = error.get(clap::error::ContextKind::InvalidSubcommand);
            if let Some(clap::error::ContextValue::String(word)) = word {
                return sources::no_such_command("help", word);
            }
            // The advice to write `-- -x`, which would make a source of a mistyped flag.
            error.remove(clap::error::ContextKind::Suggested);
            Exit {
                code: if error.use_stderr() { 2 } else { 0 },
                text: error.to_string(),
            }
        })?;
    let sources = sources::read(&line.sources)?;
    let alone = sources.is_empty()
        && line.config_file.is_none()
        && !(line.config_check || line.shard.given());
    if let Some(subcommand) = line.subcommand {
        if !alone {
            return Err(wrong(subcommand.stands_alone()));
        }
        return subcommand.into_command(line.shared);
    }
    if sources.is_empty() && line.config_file.is_none() {
        return Err(wrong(format!(
            "nothing to watch\n\n{}",
            FIRST_STEPS.trim_end()
        )));
    }
    let mut options = line.shared.into_options(line.config_file, sources);
    options.shard = line
        .shard
        .into_shard(std::env::var(division::POD_NAME).ok().as_deref())?;
    Ok(if line.config_check {
        Command::Check(options)
    } else {
        Command::Run(options)
    })
}

/// The command line, without what subcommands that serve nothing have no use for.
fn command() -> clap::Command {
    let mut line = Line::command();
    // The options that every subcommand has are there only now.
    line.build();
    line = line.mut_subcommand("help", |help| help.hide(true));
    for name in ["probe", "leakcheck", "assets", "completions", "man"] {
        line = line.mut_subcommand(name, |subcommand| {
            subcommand.mut_args(|argument| {
                let long = argument.get_long().unwrap_or_default();
                let general = long.starts_with("web.") || long.starts_with("log.");
                argument.hide(general)
            })
        });
    }
    line
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
            shard: Shard::WHOLE,
        }
    }
}

fn wrong(text: impl fmt::Display) -> Exit {
    Exit {
        code: 2,
        text: format!("error: {text}"),
    }
}

#[cfg(test)]
mod tests;
