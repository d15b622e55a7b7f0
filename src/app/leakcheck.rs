//! The subcommand `leakcheck`: samples, prints, and says what came of it.

mod printer;

use std::{
    fmt,
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

use self::printer::{Printer, Unprinted};
use crate::{
    cli::LeakCheckOptions,
    listed::counted,
    memory::{CheckOutcome, CheckSample, LeakCheck, More, Unreadable},
    units::ByteSize,
};

/// The status for what could not be read, or not be printed.
const UNREADABLE: u8 = 2;
/// The status for a look that ended early and saw nothing grow.
const CUT_SHORT: u8 = 3;

/// Runs the subcommand: status 0 for a process that does not grow, 1 for one that does, 2 for
/// one that cannot be read or an outcome that cannot be told, 3 for one that did not grow until the
/// look was cut short.
pub fn run(options: &LeakCheckOptions) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let status = match runtime {
        Ok(runtime) => runtime.block_on(checked(options)),
        Err(error) => Err(error),
    };
    let status = status.unwrap_or_else(|error| {
        eprintln!("audio-capture-exporter: {}", refused(&error));
        UNREADABLE
    });
    status.into()
}

async fn checked(options: &LeakCheckOptions) -> io::Result<u8> {
    let mut printer = Printer::start()?;
    Ok(match check(options, &mut printer).await {
        Ok(status) => status,
        Err(failure) => {
            if let Failure::Told(problem) = failure {
                // There is nobody else to tell.
                let _told = printer.complain(&problem).await;
            }
            UNREADABLE
        }
    })
}

fn refused(error: &io::Error) -> String {
    format!("the system refuses what this program needs to start: {error}")
}

/// Why there is no outcome.
enum Failure {
    /// In words for whoever asked.
    Told(String),
    /// Nobody reads what is printed, and it was told to stop.
    HeldUp,
}

impl From<Unprinted> for Failure {
    fn from(unprinted: Unprinted) -> Self {
        match unprinted {
            // A standard output that nobody reads any more is no reason to go on.
            Unprinted::Failed(error) => {
                Self::Told(format!("the result could not be printed: {error}"))
            }
            Unprinted::HeldUp => Self::HeldUp,
        }
    }
}

/// Why a look is not over.
enum CutShort {
    Stopped,
    /// The process has, in words.
    Ended(Unreadable),
    /// A read failed.
    Unread(Unreadable),
}

impl CutShort {
    /// The status where nothing grew so far.
    fn status(&self) -> u8 {
        match self {
            Self::Stopped | Self::Ended(_) => CUT_SHORT,
            Self::Unread(_) => UNREADABLE,
        }
    }
}

impl fmt::Display for CutShort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped => f.write_str("it was told to stop"),
            Self::Ended(unreadable) | Self::Unread(unreadable) => unreadable.fmt(f),
        }
    }
}

/// How far a look came.
struct Looked {
    samples: usize,
    time: Duration,
    /// Why it is not over.
    cut_short: Option<CutShort>,
}

/// The status.
async fn check(options: &LeakCheckOptions, printer: &mut Printer) -> Result<u8, Failure> {
    let mut check = LeakCheck::new(options.pid, options.interval);
    let began = Instant::now();
    let mut due = Duration::ZERO;
    let mut looked = Looked {
        samples: 0,
        time: Duration::ZERO,
        cut_short: None,
    };
    while due <= options.period {
        tokio::select! {
            biased;
            () = printer.told_to_stop() => {
                looked.cut_short = Some(CutShort::Stopped);
                break;
            }
            () = sleep_until(began + due) => {}
        }
        let sample = match check.sample(began.elapsed()) {
            Ok(sample) => sample,
            Err(unreadable) => {
                looked.cut_short = Some(if check.has_ended(&unreadable) {
                    CutShort::Ended(unreadable)
                } else {
                    CutShort::Unread(unreadable)
                });
                break;
            }
        };
        let mut text = Vec::new();
        if looked.samples == 0 && !options.json {
            print_head(&mut text).map_err(Unprinted::Failed)?;
        }
        print_sample(&mut text, &sample, options.json).map_err(Unprinted::Failed)?;
        printer.print(text).await?;
        looked.samples += 1;
        due += options.interval;
    }
    looked.time = began.elapsed();
    let Some(outcome) = check.outcome(options.allowed) else {
        return Err(Failure::Told(too_few(&looked)));
    };
    let mut text = Vec::new();
    print_outcome(&mut text, &outcome, &looked, options).map_err(Unprinted::Failed)?;
    printer.print(text).await?;
    Ok(match &looked.cut_short {
        _ if outcome.grows => 1,
        Some(cut_short) => cut_short.status(),
        None => 0,
    })
}

fn too_few(looked: &Looked) -> String {
    let (samples, seconds) = (looked.samples, looked.time.as_secs());
    let why = match &looked.cut_short {
        Some(cut_short) => cut_short.to_string(),
        None => "it took too long".to_owned(),
    };
    match samples {
        0 => format!("after {seconds} s: {why}"),
        _ => format!(
            "after {seconds} s: {why}; too few to say anything: {}",
            counted(samples as u64, "sample")
        ),
    }
}

fn print_head(out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "{:>9} {:>11} {:>11} {:>8} {:>9} {:>7} {:>6}",
        "time", "resident", "swap", "growth", "processes", "threads", "files"
    )
}

fn print_sample(out: &mut impl Write, sample: &CheckSample, json: bool) -> io::Result<()> {
    let CheckSample {
        at,
        resident,
        swap,
        growth,
        processes,
        threads,
        open_fds,
    } = *sample;
    if json {
        let line = serde_json::json!({
            "seconds": at.as_secs_f64(),
            "resident_bytes": resident,
            "swap_bytes": swap,
            "growth_ratio": growth,
            "processes": processes,
            "threads": threads,
            "open_fds": open_fds,
        });
        writeln!(out, "{line}")
    } else {
        let files = open_fds.map_or_else(|| "?".to_owned(), |files| files.to_string());
        writeln!(
            out,
            "{:>8.1}s {:>11} {:>11} {:>+7.1}% {processes:>9} {threads:>7} {files:>6}",
            at.as_secs_f64(),
            ByteSize(resident).to_string(),
            ByteSize(swap).to_string(),
            growth * 100.0,
        )
    }
}

fn print_outcome(
    out: &mut impl Write,
    outcome: &CheckOutcome,
    looked: &Looked,
    options: &LeakCheckOptions,
) -> io::Result<()> {
    let CheckOutcome {
        growth,
        verdict,
        piled_up,
        early,
        early_piles,
        grows,
        advice,
    } = outcome;
    if options.json {
        let names =
            |piles: &[More]| -> Vec<&str> { piles.iter().map(|more| more.what.as_str()).collect() };
        let line = serde_json::json!({
            "grows": grows,
            "cut_short": looked.cut_short.as_ref().map(CutShort::to_string),
            "growth_ratio": growth,
            "growing": names(piled_up),
            "early_growth_ratio": early,
            "early": names(early_piles),
            "threshold_ratio": options.allowed,
            "pattern": verdict.pattern.as_str(),
            "confidence": verdict.confidence,
            "slope_bytes_per_second": verdict.slope_bytes_per_second,
            "recommendation": advice,
        });
        return writeln!(out, "{line}");
    }
    let (percent, allowed) = (growth * 100.0, options.allowed * 100.0);
    let said = if *growth > options.allowed {
        format!("it grew by {percent:.1} %, more than the {allowed:.0} % that it may")
    } else if !piled_up.is_empty() {
        format!("not its memory ({percent:.1} %), but what follows")
    } else if *grows {
        format!("it leaks, by {percent:.1} % so far")
    } else if let Some(early) = early {
        let early = early * 100.0;
        format!("it holds {early:.1} % more than at first, but most of that came early")
    } else {
        format!(
            "its memory grew by {percent:.1} %, apart from what comes and goes; up to {allowed:.0} % \
             is allowed"
        )
    };
    writeln!(out)?;
    if let Some(why) = &looked.cut_short {
        let (seconds, samples) = (looked.time.as_secs_f64(), looked.samples);
        writeln!(
            out,
            "cut short after {seconds:.1} s and {samples} samples: {why}"
        )?;
    }
    let word = match looked.cut_short {
        _ if *grows => "grows",
        Some(_) => "so far ok",
        None => "ok",
    };
    writeln!(out, "{word}: {said}")?;
    for More { what, from, to } in piled_up {
        writeln!(
            out,
            "grows: {what}, from {from} to {to}, by more than {allowed:.0} %"
        )?;
    }
    for More { what, from, to } in early_piles {
        writeln!(out, "came early, most of it: {what}, from {from} to {to}")?;
    }
    writeln!(out, "pattern: {} ({advice})", verdict.pattern)
}
