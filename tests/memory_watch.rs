//! Real processes, watched by the real program.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

#[path = "memory_watch/api.rs"]
mod api;
#[path = "memory_watch/finding.rs"]
mod finding;
#[path = "memory_watch/growth.rs"]
mod growth;
#[path = "memory_watch/hanging.rs"]
mod hanging;
#[path = "memory_watch/leakcheck.rs"]
mod leakcheck;
#[path = "memory_watch/own.rs"]
mod own;
#[path = "memory_watch/reading.rs"]
mod reading;

use std::{
    io::Write as _,
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::{ChildStdin, Command, Stdio},
};

use support::{Exporter, Running, Scrape, Scratch, write_tone};

const MIB: f64 = (1 << 20) as f64;
/// No series.
const NONE: [f64; 0] = [];

/// A process of `tests/support/recorder.py`.
struct Recorder {
    process: Running,
    orders: ChildStdin,
    port: Option<u16>,
}

impl Recorder {
    /// One that the system knows by this command.
    fn start(command: &str, arguments: &[&str]) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/recorder.py");
        let mut python = Command::new("/usr/bin/python3");
        python.arg0(command).arg(script).args(arguments);
        let pipes = python.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Running::start(pipes.stderr(Stdio::piped()));
        let port = process.wait_for_line(|line| {
            let about: serde_json::Value = serde_json::from_str(line).ok()?;
            Some(about["port"].as_u64())
        });
        let orders = process.stdin();
        Self {
            process,
            orders,
            port: port.and_then(|port| u16::try_from(port).ok()),
        }
    }

    fn order(&mut self, order: &str) {
        let done = |process: &Running| process.output().matches("done").count();
        let before = done(&self.process);
        writeln!(self.orders, "{order}").unwrap();
        let process = &self.process;
        process.until(order, || done(process) > before);
    }

    fn id(&self) -> u32 {
        self.process.id()
    }

    fn end(mut self) {
        writeln!(self.orders, "exit").unwrap();
        self.process.wait(support::PATIENCE);
    }
}

/// A command that no other process of this machine has.
fn command(name: &str) -> String {
    format!("{name}-{}", std::process::id())
}

/// A configuration with one quiet source that reads memory ten times a second.
fn config(scratch: &Scratch, watches: &str) -> PathBuf {
    write_tone(&scratch.path("tone.wav"), 8_000, 1, 0.2, -20.0);
    scratch.write(
        "config.yaml",
        &format!(
            "sources: [ {{ url: tone.wav }} ]\nwatch:\n{watches}\
             memory: {{ sample_interval: 100ms, analysis_interval: 200ms, baseline_after: 1s }}\n"
        ),
    )
}

/// A watch, by the command.
fn watch(name: &str, command: &str) -> String {
    format!("- {{ name: {name}, command: {command} }}\n")
}

/// A recorder of this command, and the program that watches it as `bird`.
fn watched(name: &str) -> (Scratch, Recorder, Exporter) {
    let scratch = Scratch::new();
    let name = command(name);
    let recorder = Recorder::start(&name, &[]);
    let exporter = Exporter::with_config(&config(&scratch, &watch("bird", &name)));
    (scratch, recorder, exporter)
}

fn of(scrape: &Scrape, family: &str, process: &str) -> f64 {
    scrape.value(family, &[("process", process)])
}

fn is_up(scrape: &Scrape, process: &str) -> bool {
    of(scrape, "myaudio_process_up", process) == 1.0
}

fn failures(scrape: &Scrape, process: &str, reason: &str) -> f64 {
    let labels = [("process", process), ("reason", reason)];
    scrape.value("myaudio_process_read_failures_total", &labels)
}

fn resident(scrape: &Scrape, process: &str) -> f64 {
    scrape.sum("myaudio_memory_resident_bytes", &[("process", process)])
}

fn pattern(scrape: &Scrape, process: &str) -> String {
    let named = scrape.samples.iter().filter(|(family, labels, value)| {
        family == "myaudio_memory_pattern" && labels["process"] == process && *value == 1.0
    });
    let named: Vec<&str> = named
        .map(|(_, labels, _)| labels["pattern"].as_str())
        .collect();
    assert_eq!(named.len(), 1, "{named:?}");
    named[0].to_owned()
}

fn get(exporter: &Exporter, path: &str) -> serde_json::Value {
    let (status, text) = exporter.get(path);
    assert_eq!(status, 200, "{text}");
    serde_json::from_str(&text).unwrap()
}
