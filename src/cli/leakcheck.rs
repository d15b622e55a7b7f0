//! The subcommand `leakcheck`.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::{Exit, wrong};
use crate::{listed::counted, memory::FEWEST_SAMPLES, units::parse_duration};

/// Which process, for how long, and how to tell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LeakCheckOptions {
    /// The process's number.
    pub pid: u32,
    /// How long to look.
    pub period: Duration,
    /// Between two samples.
    pub interval: Duration,
    /// How much it may grow: 0.2 is a fifth.
    pub allowed: f64,
    /// Print JSON, one object a line, instead of a table.
    pub json: bool,
}

/// How a check is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// Watches the memory of one process and all that descend from it for a while, and says whether
/// it grows. Exits with 0 when it does not, with 1 when it leaks or its memory, open files,
/// threads or processes grew by more than the threshold, with 2 when it cannot be read (any
/// more; the outcome so far is printed), when there were too few samples to say anything or
/// nobody took what is printed, with 3 when it did not grow until the look was cut short: by
/// SIGINT or SIGTERM, or because the process ended.
///
/// The slower a leak, the longer the look: growth of 10 % an hour is named within 45 minutes,
/// told with a confidence of 0.9 within an hour, and is above the threshold of 20 % after four;
/// for 2 % an hour that takes 2, 8 and 24 hours. A lower --threshold tells sooner.
#[derive(Args)]
pub(super) struct Arguments {
    /// The process
    #[arg(long, value_name = "PID", value_parser = clap::value_parser!(u32).range(1..=4_194_304))]
    pid: u32,

    /// How long to look
    #[arg(long = "for", value_name = "DURATION", default_value = "5m", value_parser = period)]
    period: Duration,

    /// Between samples [default: --for / 30, up to 10s]
    #[arg(long, value_name = "DURATION", value_parser = interval)]
    interval: Option<Duration>,

    /// By how many percent it may grow
    #[arg(long, value_name = "PERCENT", default_value_t = 20)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100_000))]
    threshold: u32,

    /// text or json
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "text",
        hide_possible_values = true
    )]
    format: Format,
}

const SHORTEST: Duration = Duration::from_millis(100);

fn period(text: &str) -> Result<Duration, &'static str> {
    let range = Duration::from_secs(1)..=Duration::from_secs(7 * 86_400);
    parse_duration(text)
        .filter(|duration| range.contains(duration))
        .ok_or("write a duration from 1s to 7d, such as 5m")
}

fn interval(text: &str) -> Result<Duration, &'static str> {
    let range = SHORTEST..=Duration::from_secs(3600);
    parse_duration(text)
        .filter(|duration| range.contains(duration))
        .ok_or("write a duration from 100ms to 1h, such as 10s")
}

impl Arguments {
    pub(super) fn into_options(self) -> Result<LeakCheckOptions, Exit> {
        let usual = (self.period / 30).clamp(SHORTEST, Duration::from_secs(10));
        let interval = self.interval.unwrap_or(usual);
        let samples = self.period.as_nanos() / interval.as_nanos() + 1;
        if samples < FEWEST_SAMPLES as u128 {
            return Err(wrong(format!(
                "--for and --interval give {}, too few to say anything; at least {FEWEST_SAMPLES} \
                 are needed",
                counted(u64::try_from(samples).unwrap_or(u64::MAX), "sample")
            )));
        }
        Ok(LeakCheckOptions {
            pid: self.pid,
            period: self.period,
            interval,
            allowed: f64::from(self.threshold) / 100.0,
            json: self.format == Format::Json,
        })
    }
}
