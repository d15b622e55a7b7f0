//! What reading a process costs: `cargo bench --bench memory`.
//!
//! Processes take turns, with 10 MiB and with 1 GiB in RAM, so that what depends on the size
//! shows, and with up to 2,000 threads, each of which is asked for its children unless there are
//! more than 64 and fewer processes on the machine. Where the kernel does not list children, everybody on the machine is asked for
//! its parent, once for all watches of a round: to see one process alone, run it as
//! `unshare --pid --fork --mount-proc cargo bench --bench memory`.
#![allow(clippy::unwrap_used, reason = "a benchmark fails by a panic")]

#[path = "buffers/interleave.rs"]
#[allow(dead_code, reason = "shared with another benchmark")]
mod interleave;

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, Command, Stdio},
    time::Duration,
};

use audio_capture_exporter::memory::LeakCheck;

/// A process that holds so many KiB and has so many threads more.
fn holding((kib, threads): (u32, u32)) -> Child {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/recorder.py");
    let mut child = Command::new("/usr/bin/python3")
        .args([script, "--hold", &kib.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap());
    let mut ready = || said.read_line(&mut String::new()).unwrap();
    ready();
    if threads > 0 {
        writeln!(child.stdin.as_mut().unwrap(), "threads {threads}").unwrap();
        ready();
    }
    child
}

fn main() {
    let mut children = [
        (10 << 10, 0),
        (1 << 20, 0),
        (10 << 10, 1),
        (10 << 10, 11),
        (10 << 10, 15),
        (10 << 10, 1_999),
    ]
    .map(holding);
    let ids = children.each_ref().map(Child::id);
    let processes = std::fs::read_dir("/proc").unwrap().filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_str().unwrap().parse::<u32>().is_ok()
    });
    let processes = processes.count();
    let sampled = |pid: u32| {
        let mut check = LeakCheck::new(pid, Duration::from_millis(100));
        let mut at = Duration::ZERO;
        Box::new(move |operations: u64| {
            for _ in 0..operations {
                at += Duration::from_millis(100);
                check.sample(at).unwrap();
            }
        })
    };
    let read = |pid: u32, file: &str| {
        let path = format!("/proc/{pid}/{file}");
        Box::new(move |operations: u64| {
            for _ in 0..operations {
                std::hint::black_box(std::fs::read_to_string(&path).unwrap());
            }
        })
    };
    let title = format!("a sample, {processes} processes on the machine");
    interleave::compare_rounds(
        &title,
        20,
        51,
        vec![
            ("of 10 MiB", sampled(ids[0])),
            ("of 1 GiB", sampled(ids[1])),
            ("of two threads", sampled(ids[2])),
            ("of twelve threads", sampled(ids[3])),
            ("of sixteen threads", sampled(ids[4])),
            ("of 2,000 threads", sampled(ids[5])),
            ("status alone, 1 GiB", read(ids[1], "status")),
            ("smaps_rollup, 10 MiB", read(ids[0], "smaps_rollup")),
            ("smaps_rollup, 1 GiB", read(ids[1], "smaps_rollup")),
        ],
    );
    for child in &mut children {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
