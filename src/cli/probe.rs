//! The subcommand `probe`.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use super::{Exit, wrong};
use crate::{
    config::{self, PasswordFrom, SourceArgument},
    sources::{ConnectOptions, SourceOptions},
    units::parse_duration,
};

/// What to probe and how to tell.
#[derive(Clone, Debug)]
pub struct ProbeOptions {
    /// The source, with its credentials.
    pub source: SourceOptions,
    /// Deadlines of opening.
    pub connect: ConnectOptions,
    /// How long to listen from the first audio on, from 100 ms to an hour.
    pub listen: Duration,
    /// Print one JSON object instead of words.
    pub json: bool,
    /// Whether the source stands on the command line itself, as its credentials would.
    pub alone: bool,
}

/// Connects once and says what comes: codec, rate, level, loss, and what is wrong. Exits with
/// 0 when audio arrives, else with 1.
#[derive(Args)]
pub(super) struct Arguments {
    /// An address or a file; with --config.file the name of a source
    #[arg(value_name = "SOURCE")]
    source: String,

    /// Listen for so long [default: 5s]
    #[arg(long = "for", value_name = "DURATION", default_value = "5s", hide_default_value = true, value_parser = period)]
    period: Duration,

    /// The user for the RTSP or HTTP server
    #[arg(long, value_name = "NAME")]
    username: Option<String>,

    /// A file with the password on its one line
    #[arg(long, value_name = "FILE", conflicts_with = "password_env")]
    password_file: Option<PathBuf>,

    /// A variable with the password
    #[arg(long, value_name = "VARIABLE")]
    password_env: Option<String>,

    /// Configuration file that holds the source
    #[arg(long = "config.file", value_name = "FILE")]
    #[arg(conflicts_with_all = ["username", "password_file", "password_env"])]
    config_file: Option<PathBuf>,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

fn period(text: &str) -> Result<Duration, &'static str> {
    let range = Duration::from_millis(100)..=Duration::from_secs(3600);
    parse_duration(text)
        .filter(|duration| range.contains(duration))
        .ok_or("write a duration from 100ms to 1h, such as 5s")
}

impl Arguments {
    /// Finds the source, and reads its password's file.
    pub(super) fn into_options(self) -> Result<ProbeOptions, Exit> {
        let (source, connect) = match &self.config_file {
            Some(path) => {
                let loaded = config::load(Some(path), &[]).map_err(wrong)?;
                let named = |source: &SourceOptions| source.id.as_str() == self.source;
                let source = loaded.sources.into_iter().find(named);
                let unknown = || wrong("no source of this name is in the configuration file");
                (source.ok_or_else(unknown)?, loaded.connect)
            }
            None => (self.alone()?, ConnectOptions::default()),
        };
        Ok(ProbeOptions {
            source,
            connect,
            listen: self.period,
            json: self.json,
            alone: self.config_file.is_none(),
        })
    }

    fn alone(&self) -> Result<SourceOptions, Exit> {
        let argument = SourceArgument::parse(&self.source).map_err(wrong)?;
        let file = self.password_file.as_deref().map(PasswordFrom::File);
        let variable = self.password_env.as_deref();
        let password = file.or(variable.map(PasswordFrom::Environment));
        config::one(&argument, self.username.as_deref(), password).map_err(wrong)
    }
}
