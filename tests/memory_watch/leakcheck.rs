//! `leakcheck`: one process, looked at for a while.

use std::{
    process::{Command, Stdio},
    time::Instant,
};

use crate::{
    MIB, Recorder, command,
    support::{PATIENCE, Running},
};

/// `leakcheck` of a process for two seconds.
fn command_line(pid: u32, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_audio-capture-exporter"));
    command
        .args(["leakcheck", "--pid", &pid.to_string(), "--for", "2s"])
        .args(arguments);
    command
}

/// Runs it to its end: its status, and what it printed.
fn leakcheck(pid: u32, arguments: &[&str]) -> (i32, String) {
    let output = command_line(pid, arguments).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code().unwrap(),
        String::from_utf8(text).unwrap(),
    )
}

/// The same while the process follows an order again and again.
fn leakcheck_of_one_that(process: &mut Recorder, order: &str, arguments: &[&str]) -> (i32, String) {
    let pid = process.id();
    std::thread::scope(|scope| {
        let check = scope.spawn(|| leakcheck(pid, arguments));
        let began = Instant::now();
        while !check.is_finished() {
            process.order(order);
            assert!(began.elapsed() < PATIENCE);
        }
        check.join().unwrap()
    })
}

#[test]
fn leakcheck_tells_growth_from_rest() {
    let mut growing = Recorder::start(&command("growing"), &["--hold", "8192"]);
    let every = ["--interval", "100ms"];
    let (status, text) = leakcheck_of_one_that(&mut growing, "hold 1024", &every);
    assert_eq!(status, 1, "{text}");
    assert!(
        text.contains("\ngrows: ") && text.contains("pattern: "),
        "{text}"
    );
    assert!(text.lines().count() >= 20, "{text}");

    let (status, text) = leakcheck(growing.id(), &["--format", "json"]);
    assert_eq!(status, 0, "{text}");
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let (outcome, samples) = lines.split_last().unwrap();
    assert_eq!(outcome["grows"], false, "{text}");
    assert!(samples.len() >= 20 && samples[0]["resident_bytes"].as_f64().unwrap() > MIB);

    // One that ends meanwhile, one that never was, and too short a look.
    let pid = growing.id();
    let mut check = command_line(pid, &[]);
    let mut check = Running::start(check.stdout(Stdio::piped()).stderr(Stdio::piped()));
    check.until("it has looked", || check.output().lines().count() > 1);
    growing.end();
    assert_eq!(check.wait(PATIENCE).code(), Some(2));
    check.until("it says why", || {
        let text = check.output();
        text.contains("exporter: after ") && text.contains("process ")
    });
    let (status, text) = leakcheck(4_194_304, &[]);
    assert_eq!(status, 2, "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    let (status, text) = leakcheck(pid, &["--interval", "1s"]);
    assert!(status == 2 && text.contains("too few"), "{status}: {text}");
}

#[test]
fn leakcheck_tells_of_files_that_are_not_closed() {
    let mut leaky = Recorder::start(&command("leaky"), &[]);
    let (status, text) = leakcheck_of_one_that(&mut leaky, "files 1", &[]);
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("\ngrows: open_fds"), "{text}");
    // It is over; nobody is told to wait.
    assert!(!text.contains("wait"), "{text}");
}
