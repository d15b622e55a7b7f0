//! What an operator is told: in the log, by the API, by `probe`.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::{
    fs,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use support::{
    Exporter, PATIENCE, Running, Scratch, Server, Stopwatch, wav::whole, write_tone, write_wav,
};

const LABEL: &str = "source";

fn without(told: &serde_json::Value) -> f64 {
    told["without_audio_seconds"].as_f64().unwrap_or_default()
}

fn problem(told: &serde_json::Value) -> &str {
    told["problem"].as_str().unwrap_or_default()
}

/// The lines about a source, with this in them.
fn lines<'a>(log: &'a str, source: &str, part: &str) -> Vec<&'a str> {
    let of = format!("source={source} ");
    let wanted = |line: &&str| format!("{line} ").contains(&of) && line.contains(part);
    log.lines().filter(wanted).collect()
}

#[test]
fn a_source_that_is_down_is_told_once_and_since_when_without_starting_anew() {
    let scratch = Scratch::new();
    let config = scratch.write(
        "config.yaml",
        "connect: { backoff: { initial: 20ms, max: 50ms } }\n\
         sources: [ { name: rec, url: rec.wav, loop: true } ]\n",
    );
    let exporter = Exporter::with_config(&config);
    let failures = [(LABEL, "rec")];
    exporter.until("many attempts", |scrape| {
        scrape.sum("myaudio_source_connect_failures_total", &failures) >= 30.0
    });
    let told = exporter.until_source("rec", |rec| without(rec) > 1.0);
    assert!(told["state_seconds"].as_f64().unwrap() < 0.5, "{told}");
    assert!(told["last_audio"].is_null(), "{told}");
    assert!(problem(&told).contains("does not exist"), "{told}");
    let log = exporter.process.output();
    assert_eq!(lines(&log, "rec", "").len(), 3, "{log}");
    assert!(!log.contains("from=disabled"), "{log}");

    write_tone(&scratch.path("rec.wav"), 8_000, 1, 1.0, -20.0);
    let told = exporter.until_source("rec", |rec| rec["state"] == "streaming");
    assert!(told["problem"].is_null(), "{told}");
    assert!(without(&told) < 1.0);
    let last: jiff::Timestamp = told["last_audio"].as_str().unwrap().parse().unwrap();
    let age = jiff::Timestamp::now().duration_since(last);
    assert!(age.as_secs().abs() < 5, "{told}");
    exporter.until("it is back", |_| {
        let log = exporter.process.output();
        lines(&log, "rec", "audio again after ").len() == 1
            && lines(&log, "rec", "to=streaming").len() == 1
    });
}

#[test]
fn audio_that_flows_but_is_not_as_it_should_be_has_a_problem() {
    let scratch = Scratch::new();
    write_wav(&scratch.path("mute.wav"), 8_000, 1, &vec![0; 16_000]);
    write_tone(&scratch.path("mono.wav"), 8_000, 1, 2.0, -20.0);
    let text = |channels: u16| {
        format!(
            "sources:\n- {{ url: mute.wav, loop: true, silence: {{ after: 1s }} }}\n\
             - {{ url: mono.wav, loop: true, expect: {{ channels: {channels}, sample_rate: 8000 }} }}\n"
        )
    };
    let config = scratch.write("config.yaml", &text(2));
    let exporter = Exporter::with_config(&config);
    let mute = exporter.until_source("mute", |told| !told["problem"].is_null());
    assert!(problem(&mute).contains("not muted"), "{mute}");
    let mono = exporter.until_source("mono", |told| !told["problem"].is_null());
    assert!(
        problem(&mono).contains("it has 1 instead of 2 channels;"),
        "{mono}"
    );
    assert!(!problem(&mono).contains("sample rate"), "{mono}");
    scratch.write("config.yaml", &text(1));
    assert_eq!(exporter.reload().0, 200);
    exporter.until_source("mono", |told| {
        told["state"] == "streaming" && told["problem"].is_null()
    });
    exporter.until("begin and end are logged", |_| {
        let log = exporter.process.output();
        let of_mono = lines(&log, "mono", "complaint=unexpected_format");
        let of_mute = lines(&log, "mute", "complaint=silent");
        of_mute.len() == 1
            && of_mute[0].contains("level=warn")
            && of_mono.len() == 2
            && of_mono[0].contains("level=warn")
            && of_mono[1].contains("no longer")
    });
}

#[test]
fn a_session_without_audio_says_what_to_do() {
    let server = Server::hostile(&[]);
    let scratch = Scratch::new();
    let text = format!(
        "connect: {{ backoff: {{ initial: 20ms, max: 50ms }} }}\n\
         sources: [ {{ name: cam, url: \"{}\", stall_after: 1s }} ]\n",
        server.url("/stall/0")
    );
    let exporter = Exporter::with_config(&scratch.write("config.yaml", &text));
    exporter.until_source("cam", |told| {
        told["state"] == "stalled" && problem(told).contains("restart the camera")
    });
    // The problem stays, and the time goes on, while it connects again.
    let labels = [(LABEL, "cam")];
    exporter.until("several sessions", |scrape| {
        scrape.sum("myaudio_source_disconnects_total", &labels) >= 3.0
    });
    let told = exporter.until_source("cam", |told| told["state_seconds"].as_f64().unwrap() < 2.0);
    // Each of the three waited for `stall_after`.
    assert!(without(&told) > 3.0, "{told}");
    assert!(problem(&told).contains("restart the camera"), "{told}");
    let log = exporter.process.output();
    // Connecting, stalled and why, disconnected, backing off.
    assert_eq!(lines(&log, "cam", "").len(), 5, "{log}");
}

#[test]
fn a_directory_that_is_not_there_is_missing_and_not_waited_for() {
    let scratch = Scratch::new();
    let rec = scratch.path("rec");
    let url = format!("dir://{}", rec.display());
    let config = scratch.write(
        "config.yaml",
        &format!(
            "connect: {{ backoff: {{ initial: 20ms, max: 50ms }} }}\n\
             sources:\n- {{ url: \"{url}\" }}\n- {{ name: file, url: . }}\n"
        ),
    );
    let exporter = Exporter::with_config(&config);
    let missing = [(LABEL, "rec"), ("reason", "file")];
    exporter.until("failed", |scrape| {
        scrape.value("myaudio_source_connect_failures_total", &missing) >= 1.0
            && scrape.state("rec") == "backing_off"
    });
    exporter.until_source("rec", |told| {
        problem(told).contains("the directory does not exist")
    });
    exporter.until_source("file", |told| problem(told).contains("write dir:///path"));

    let began = Stopwatch::start();
    let output = Command::new(env!("CARGO_BIN_EXE_audio-capture-exporter"))
        .args(["probe", &url])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("the directory does not exist"), "{said}");
    assert!(began.promised() < Duration::from_secs(10), "at once");

    fs::create_dir(&rec).unwrap();
    exporter.until_state("rec", "waiting");
    fs::write(rec.join("a.wav"), whole(1.0, -20.0)).unwrap();
    exporter.until_state("rec", "streaming");
}

fn probe(arguments: &[&str]) -> Running {
    let mut command = Command::new(env!("CARGO_BIN_EXE_audio-capture-exporter"));
    command.arg("probe").args(arguments).stdin(Stdio::null());
    Running::start(command.stdout(Stdio::piped()).stderr(Stdio::piped()))
}

#[test]
fn a_probe_says_what_it_waits_for_and_ends_when_it_said() {
    let scratch = Scratch::new();
    let fifo = scratch.path("rec.wav");
    support::run("mkfifo", &[fifo.to_str().unwrap()], "");
    let url = format!("fifo://{}", fifo.display());
    let said = |line: &str| line.contains("waiting: nobody writes").then_some(());
    let mut patient = probe(&["--for", "500ms", &url]);
    patient.wait_for_line(said);
    fs::write(&fifo, whole(1.0, -20.0)).unwrap();
    assert_eq!(
        patient.wait(PATIENCE).code(),
        Some(0),
        "{}",
        patient.output()
    );

    let (began, watch) = (Instant::now(), Stopwatch::start());
    let mut lonely = probe(&["--for", "1s", &url]);
    lonely.wait_for_line(said);
    let wait = lonely.wait_for_line(|line| {
        let (_, rest) = line.split_once("first audio on, ")?;
        rest.strip_suffix("s in all at the most")?.parse().ok()
    });
    let wait = Duration::from_secs(wait);
    lonely.wait_for_line(|line| {
        let verdict = line.starts_with("not ok") && line.contains("nothing came within");
        (verdict && line.contains("nobody writes")).then_some(())
    });
    assert_eq!(lonely.wait(PATIENCE).code(), Some(1));
    let took = (began.elapsed(), watch.promised());
    assert!(
        took.0 >= wait && took.1 < wait + Duration::from_secs(5),
        "{took:?}"
    );
}

#[test]
fn on_the_command_line_credentials_are_called_by_their_flags() {
    let server = Server::hostile(&[]);
    let said = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_audio-capture-exporter"));
        let output = command.arg("probe").args(arguments).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    };
    let (code, text) = said(&[&server.url("/unauthorized")]);
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("--username NAME and --password-file FILE"),
        "{text}"
    );
    let (code, text) = said(&["rtsp://user:canary@camera.lan/x"]);
    assert_eq!(code, Some(2), "{text}");
    assert!(
        text.contains("--password-file") && !text.contains("canary"),
        "{text}"
    );
    let (_, help) = said(&["--help"]);
    assert!(
        help.contains("--password-file") && !help.contains("--web."),
        "{help}"
    );
}

#[test]
fn a_probe_is_marked_in_the_log_and_only_there_in_detail() {
    let server = Server::hostile(&[]);
    let scratch = Scratch::new();
    let url = server.url("/play");
    let text = format!("sources: [ {{ name: cam, url: \"{url}\", enabled: false }} ]\n");
    let config = scratch.write("config.yaml", &text);
    let config = config.to_str().unwrap();
    for (level, lines_expected) in [("info", false), ("debug", true)] {
        let exporter = Exporter::start(["--config.file", config, "--log.level", level]);
        assert_eq!(exporter.get("/probe?target=cam").0, 200);
        if lines_expected {
            exporter.until("the probe's story", |_| {
                !lines(&exporter.process.output(), "cam", "to=streaming").is_empty()
            });
        }
        let log = exporter.process.output();
        let of_cam = lines(&log, "cam", "");
        assert_eq!(of_cam.is_empty(), !lines_expected, "{log}");
        assert!(
            of_cam.iter().all(|line| line.contains("probe=true")),
            "{log}"
        );
    }
}
