//! The subcommand `leakcheck`: samples, prints, and says what came of it.

use std::{
    io::{self, Write},
    process::ExitCode,
    time::{Duration, Instant},
};

use crate::{
    cli::LeakCheckOptions,
    memory::{CheckOutcome, CheckSample, LeakCheck},
    units::ByteSize,
};

/// The status for what could not be read.
const UNREADABLE: u8 = 2;

/// Runs the subcommand: status 0 for a process that does not grow, 1 for one that does, 2 for
/// one that cannot be read to the end.
pub fn run(options: &LeakCheckOptions) -> ExitCode {
    let mut out = io::stdout().lock();
    match check(options, &mut out) {
        Ok(true) => ExitCode::FAILURE,
        Ok(false) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("audio-capture-exporter: {problem}");
            UNREADABLE.into()
        }
    }
}

/// True when it grows.
fn check(options: &LeakCheckOptions, out: &mut impl Write) -> Result<bool, String> {
    let mut check = LeakCheck::new(options.pid, options.interval);
    let began = Instant::now();
    let mut due = Duration::ZERO;
    // A standard output that nobody reads any more is no reason to go on.
    let unprinted = |error: io::Error| format!("the result could not be printed: {error}");
    let mut headed = options.json;
    while due <= options.period {
        std::thread::sleep(due.saturating_sub(began.elapsed()));
        let sample = check.sample(began.elapsed()).map_err(|unreadable| {
            let after = began.elapsed().as_secs();
            format!("after {after} s: {unreadable}")
        })?;
        if !headed {
            print_head(out).map_err(unprinted)?;
            headed = true;
        }
        print_sample(out, &sample, options.json).map_err(unprinted)?;
        due += options.interval;
    }
    let outcome = check.outcome(options.allowed);
    let outcome = outcome.ok_or("too few samples were taken to say anything")?;
    print_outcome(out, &outcome, options).map_err(unprinted)?;
    Ok(outcome.grows)
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
        writeln!(out, "{line}")?;
    } else {
        let files = open_fds.map_or_else(|| "?".to_owned(), |files| files.to_string());
        writeln!(
            out,
            "{:>8.1}s {:>11} {:>11} {:>+7.1}% {processes:>9} {threads:>7} {files:>6}",
            at.as_secs_f64(),
            ByteSize(resident).to_string(),
            ByteSize(swap).to_string(),
            growth * 100.0,
        )?;
    }
    out.flush()
}

fn print_outcome(
    out: &mut impl Write,
    outcome: &CheckOutcome,
    options: &LeakCheckOptions,
) -> io::Result<()> {
    let CheckOutcome {
        growth,
        verdict,
        piled_up,
        grows,
        advice,
    } = outcome;
    let piled_up: Vec<&str> = piled_up.iter().map(|what| what.as_str()).collect();
    if options.json {
        let line = serde_json::json!({
            "grows": grows,
            "growth_ratio": growth,
            "growing": piled_up,
            "threshold_ratio": options.allowed,
            "pattern": verdict.pattern.as_str(),
            "confidence": verdict.confidence,
            "slope_bytes_per_second": verdict.slope_bytes_per_second,
            "recommendation": advice,
        });
        return writeln!(out, "{line}");
    }
    let (percent, allowed) = (growth * 100.0, options.allowed * 100.0);
    let said = if *grows && *growth > options.allowed {
        format!("it grew by {percent:.1} %, more than the {allowed:.0} % that it may")
    } else if piled_up.is_empty() && *grows {
        format!("it leaks, by {percent:.1} % so far")
    } else {
        format!("its memory grew by {percent:.1} %; up to {allowed:.0} % is allowed")
    };
    writeln!(out, "\n{}: {said}", if *grows { "grows" } else { "ok" })?;
    for what in piled_up {
        writeln!(out, "grows: {what}, by more than {allowed:.0} %")?;
    }
    writeln!(out, "pattern: {} ({advice})", verdict.pattern)
}
