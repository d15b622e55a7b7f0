//! The end, and the outputs that come to theirs before.

use std::{
    net::{TcpListener, TcpStream},
    process::{Command, Stdio},
    time::Duration,
};

use crate::{
    files, nobody,
    support::{Exporter, Running, Scratch},
};

#[test]
fn sigterm_ends_it_within_five_seconds_whatever_its_sources_do() {
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let mute = format!("mute=rtsp://{}/x", mute.local_addr().unwrap());
    let scratch = Scratch::new();
    files(&scratch, &[("a", 8_000, 1)]);
    let path = scratch.path("a.wav");
    let mut exporter = Exporter::start([&mute, path.to_str().unwrap()]);
    exporter.until_state("a", "streaming");
    exporter.process.signal("TERM");
    assert!(exporter.process.wait(Duration::from_secs(5)).success());
    assert!(!exporter.process.output().contains("not ended in time"));
}

#[test]
fn a_log_that_nobody_reads_stops_nothing() {
    // Sources whose every attempt fails and is logged, into a pipe that is full soon.
    let closed = nobody();
    let sources: String = (0..20)
        .map(|n| format!("- {{ name: s{n}, url: \"rtsp://{closed}/x\" }}\n"))
        .collect();
    let scratch = Scratch::new();
    let config = scratch.write(
        "config.yaml",
        &format!("connect: {{ backoff: {{ initial: 20ms, max: 50ms }} }}\nsources:\n{sources}"),
    );
    let config = config.to_str().unwrap();
    let mut exporter = Exporter::start_unread(["--config.file", config, "--log.level", "debug"]);
    // An attempt writes more than 300 bytes, a pipe holds 65,536, the queue 4,096 lines.
    exporter.until("lines are dropped", |scrape| {
        scrape.value("audio_capture_exporter_log_lines_dropped_total", &[]) > 0.0
    });
    assert_eq!(exporter.get("/-/healthy").0, 200);
    exporter.process.signal("TERM");
    assert!(exporter.process.wait(Duration::from_secs(5)).success());
}

#[test]
fn a_standard_output_that_is_closed_stops_nothing() {
    let scratch = Scratch::new();
    files(&scratch, &[("a", 8_000, 1)]);
    let free = nobody();
    let mut command = Command::new("sh");
    command
        .args(["-c", "exec \"$@\" >&-", "sh"])
        .arg(env!("CARGO_BIN_EXE_audio-capture-exporter"))
        .arg(scratch.path("a.wav"))
        .args(["--web.listen-address", &free.to_string()]);
    let process = Running::start(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
    process.until("it listens", || TcpStream::connect(free).is_ok());
    let address = free.to_string();
    // It listens before it writes there.
    Exporter { process, address }.until_state("a", "streaming");
}

#[test]
fn who_reads_only_the_beginning_of_a_help_is_not_shown_a_panic() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_audio-capture-exporter"))
        .args(["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
