//! `leakcheck`: one process, looked at for a while.

use std::{
    fs,
    io::{self, Write as _},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    MIB, Recorder, command,
    support::{PATIENCE, Running, run},
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
    let mut command = command_line(process.id(), arguments);
    let mut check = Running::start(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
    order_at_every_line(&check, process, order, |text| text.contains("\npattern: "));
    let status = check.wait(PATIENCE);
    (status.code().unwrap(), check.output())
}

/// Gives an order for each line that a look prints, so that what follows from it is as even as the
/// samples are, however slow the machine is at times.
fn order_at_every_line(
    check: &Running,
    process: &mut Recorder,
    order: &str,
    mut is_enough: impl FnMut(&str) -> bool,
) {
    let mut seen = 0;
    check.until("it has looked long enough", || {
        let text = check.output();
        while seen < text.lines().count() {
            process.order(order);
            seen += 1;
        }
        is_enough(&text)
    });
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

    // One that never was, and too short a look.
    let pid = growing.id();
    let (status, text) = leakcheck(4_194_304, &[]);
    assert_eq!(status, 2, "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    let (status, text) = leakcheck(pid, &["--interval", "1s"]);
    assert!(status == 2 && text.contains("too few"), "{status}: {text}");
}

/// One that would go on for an hour, once it has taken so many samples.
fn long_look(pid: u32, arguments: &[&str], samples: usize) -> Running {
    let mut command = Command::new(env!("CARGO_BIN_EXE_audio-capture-exporter"));
    command
        .args(["leakcheck", "--pid", &pid.to_string(), "--for", "1h"])
        .args(arguments);
    let check = Running::start(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
    // One line is the head.
    check.until("it has looked", || check.output().lines().count() > samples);
    check
}

#[test]
fn a_look_that_is_cut_short_says_what_it_has_seen() {
    const EVERY: [&str; 2] = ["--interval", "100ms"];
    let mut process = Recorder::start(&command("short"), &["--hold", "8192"]);
    let pid = process.id();
    for signal in ["INT", "TERM"] {
        let mut check = long_look(pid, &EVERY, 8);
        check.signal(signal);
        assert_eq!(check.wait(PATIENCE).code(), Some(3), "{signal}");
        check.until("it says what came of it", || {
            let text = check.output();
            text.contains("samples: it was told to stop")
                && text.contains("\nso far ok: ")
                && text.contains("\npattern: ")
        });
    }
    // What was seen to grow grew, however the look ended.
    let mut check = long_look(pid, &EVERY, 1);
    let enough = |text: &str| text.lines().count() >= 24;
    order_at_every_line(&check, &mut process, "hold 1024", enough);
    check.signal("INT");
    assert_eq!(check.wait(PATIENCE).code(), Some(1), "{}", check.output());
    // Nothing can be said of one sample.
    let mut check = long_look(pid, &["--interval", "10m"], 1);
    check.signal("INT");
    assert_eq!(check.wait(PATIENCE).code(), Some(2));
    check.until("it says so", || check.output().contains("too few"));

    let mut check = long_look(pid, &["--interval", "100ms", "--format", "json"], 8);
    process.end();
    assert_eq!(check.wait(PATIENCE).code(), Some(3));
    let last = |text: &str| serde_json::from_str(text.lines().last()?).ok();
    check.until("it says why", || {
        let outcome: Option<serde_json::Value> = last(&check.output());
        let why = outcome.and_then(|outcome| Some(outcome["cut_short"].as_str()?.to_owned()));
        why.is_some_and(|why| why.contains("ended"))
    });
}

#[test]
fn leakcheck_tells_of_files_that_are_not_closed() {
    let mut leaky = Recorder::start(&command("leaky"), &[]);
    let (status, text) = leakcheck_of_one_that(&mut leaky, "files 8", &[]);
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("\ngrows: open_fds"), "{text}");
    // It is over; nobody is told to wait.
    assert!(!text.contains("wait"), "{text}");
}

/// Signals that are no longer left to the system, as a mask.
fn caught(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    u64::from_str_radix(line.unwrap().trim(), 16).unwrap()
}

#[test]
fn a_look_whose_words_nobody_takes_ends_at_the_first_signal() {
    let process = Recorder::start(&command("unread"), &["--hold", "8192"]);
    for (signal, number) in [("INT", 2), ("TERM", 15)] {
        // Its default size, so that it is full.
        let (_unread, mut full) = io::pipe().unwrap();
        full.write_all(&vec![b'\n'; 64 << 10]).unwrap();
        let mut command = command_line(process.id(), &["--format", "json"]);
        command.stderr(full.try_clone().unwrap()).stdout(full);
        let mut check = command.spawn().unwrap();
        let pid = check.id();
        let began = Instant::now();
        let mut status = None;
        let mut told = false;
        while status.is_none() && began.elapsed() < PATIENCE {
            // It would have been over long ago if the pipe had taken anything.
            if !told && began.elapsed() > Duration::from_secs(3) {
                assert_ne!(caught(pid) & 1 << (number - 1), 0);
                run("kill", &[&format!("-{signal}"), &pid.to_string()], "");
                told = true;
            }
            thread::sleep(Duration::from_millis(20));
            status = check.try_wait().unwrap();
        }
        check.kill().unwrap();
        check.wait().unwrap();
        assert!(told, "it was held up");
        assert_eq!(status.and_then(|status| status.code()), Some(2), "{signal}");
    }
    process.end();
}

#[test]
fn a_look_that_fails_later_on_is_not_told_as_cut_short() {
    let process = Recorder::start(&command("unreadable"), &["--hold", "8192"]);
    for (format, wanted) in [("text", "\nso far ok: "), ("json", "\"grows\":false")] {
        let every = ["--interval", "100ms", "--format", format];
        let mut check = long_look(process.id(), &every, 8);
        // From now on it can open nothing.
        run(
            "prlimit",
            &["--pid", &check.id().to_string(), "--nofile=3:3"],
            "",
        );
        assert_eq!(check.wait(PATIENCE).code(), Some(2), "{format}");
        check.until("it says what it saw", || {
            let text = check.output();
            text.contains(wanted) && text.contains("no descriptor left")
        });
    }
    process.end();
}
