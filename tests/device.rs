//! Audio devices, behind a real `PulseAudio` that is killed, frozen and started again.

#![cfg(feature = "device")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use support::{
    Exporter, Running, Scrape, Scratch,
    fault_table::{self, Row},
    pulse,
    pulse::Pulse,
    source_table,
};

const AUDIO: &str = "myaudio_source_audio_seconds_total";
const FAILURES: &str = "myaudio_source_connect_failures_total";
/// A fault is seen within this.
const SEEN: Duration = Duration::from_secs(15);
/// The longest backoff of these tests, and the five seconds that come on top of it.
const RECOVERED: Duration = Duration::from_secs(2 + 5);
const LEVEL: f64 = -15.0;

fn exporter(scratch: &Scratch, sources: &str) -> Exporter {
    let text = format!(
        "connect: {{ timeout: 3s, backoff: {{ initial: 200ms, max: 2s }} }}\nsources:\n{sources}"
    );
    let config = scratch.write("config.yaml", &text);
    Exporter::start_in(
        ["--config.file", config.to_str().unwrap()],
        pulse::environment(scratch),
    )
}

fn audio(scrape: &Scrape) -> f64 {
    scrape.sum(AUDIO, &[("source", "mic")])
}

/// Waits for so many more seconds of audio.
#[track_caller]
fn hear(exporter: &Exporter, seconds: f64) -> Scrape {
    let before = audio(&exporter.scrape());
    exporter.until(&format!("{seconds} s of audio"), |scrape| {
        audio(scrape) >= before + seconds
    })
}

#[track_caller]
fn adds_up(scrape: &Scrape, source: &str) {
    let left = scrape.unexplained_seconds(source).abs();
    // What is on its way, and no more.
    assert!(left < 1.0, "{left} s\n{}", scrape.without_zeros());
}

#[test]
fn a_tone_keeps_its_level_in_every_format() {
    let scratch = Scratch::new();
    let _pulse = Pulse::start(&scratch);
    let _tone = pulse::play(&scratch, LEVEL);
    let exporter = exporter(
        &scratch,
        "- { name: mic, url: \"device:default\" }\n\
         - { name: s16, url: \"alsa:rig\", \
             expect: { codec: pcm_s16le, sample_rate: 16000, channels: 1 } }\n\
         - { name: u8, url: \"device:rig\", expect: { codec: pcm_u8 } }\n\
         - { name: s24, url: \"device:rig\", expect: { codec: pcm_s24le, channels: 2 } }\n\
         - { name: s32, url: \"device:rig\", expect: { codec: pcm_s32le, sample_rate: 44100 } }\n\
         - { name: other, url: \"device:rig\", expect: { codec: aac } }\n",
    );
    let sources = [
        ("mic", "pcm_f32le", "48000", "2"),
        ("s16", "pcm_s16le", "16000", "1"),
        ("u8", "pcm_u8", "48000", "2"),
        ("s24", "pcm_s24le", "48000", "2"),
        ("s32", "pcm_s32le", "44100", "2"),
        ("other", "pcm_f32le", "48000", "2"),
    ];
    let all = |scrape: &Scrape| sources.iter().all(|s| scrape.state(s.0) == "streaming");
    exporter.until("all stream", all);
    // The level of a sine that begins in mid-stream is not yet its level.
    let begin = hear(&exporter, 1.0);
    let end = hear(&exporter, 4.0);
    for (source, codec, rate, channels) in sources {
        let labels = [
            ("source", source),
            ("kind", "device"),
            ("transport", "device"),
            ("codec", codec),
            ("sample_rate", rate),
            ("channels", channels),
        ];
        let info = end.sum("myaudio_source_info", &labels);
        assert_eq!(info, 1.0, "{source}\n{}", end.without_zeros());
        let dbfs = end.dbfs_since(&begin, source);
        assert!((dbfs - LEVEL).abs() < 0.5, "{source}: {dbfs} dBFS");
        assert_eq!(end.ledger(source), [1.0, 1.0, 0.0, 0.0], "{source}");
        adds_up(&end, source);
        let lost = [("source", source), ("cause", "local")];
        let lost = end.value("myaudio_source_gap_seconds_total", &lost);
        assert!(lost < 0.5, "{source}: {lost} s lost here");
        let aspect = [("source", source), ("aspect", "codec")];
        let differs = end.value("myaudio_source_format_mismatch", &aspect);
        assert_eq!(differs == 1.0, source == "other");
    }
    let seen = |source: &str| {
        let (_, labels, _) = end
            .samples
            .iter()
            .find(|(name, labels, _)| name == "myaudio_source_info" && labels["source"] == source)
            .unwrap();
        ["codec", "sample_rate", "channels"].map(|label| labels[label].clone())
    };
    let rows = [
        ("mic", "its default format"),
        ("s16", "16 bit, 16 kHz mono, as expected"),
        ("u8", "8 bit, as expected"),
        ("s24", "24 bit, as expected"),
        ("s32", "32 bit, 44.1 kHz, as expected"),
    ]
    .map(|(source, what)| source_table::Row {
        key: ["`device:`, `alsa:`".to_owned(), what.to_owned()],
        seen: Some(seen(source)),
        against: "ALSA's plugin for PulseAudio 16, a null sink".to_owned(),
    });
    source_table::check("docs/sources.md", "device", &rows);
    let bytes =
        |scrape: &Scrape| scrape.value("myaudio_source_received_bytes_total", &[("source", "mic")]);
    let (grown, heard) = (bytes(&end) - bytes(&begin), audio(&end) - audio(&begin));
    let rate = grown / heard;
    assert!((rate - 384_000.0).abs() < 40_000.0, "{rate} bytes a second");
}

#[test]
fn a_killed_sound_server_is_seen_and_its_return_too() {
    let scratch = Scratch::new();
    let mut pulse = Pulse::start(&scratch);
    let exporter = exporter(
        &scratch,
        "- { name: mic, url: \"device:default\", stall_after: 5s }\n",
    );
    let mut tone = pulse::play(&scratch, LEVEL);
    hear(&exporter, 2.0);
    let threads = exporter.process.threads();
    let descriptors = exporter.process.descriptors();
    let (mut seen, mut back) = (Duration::ZERO, Duration::ZERO);
    let healthy = exporter.scrape();
    for round in 1..=3 {
        let killed = Instant::now();
        pulse.server.signal("KILL");
        pulse.server.wait(SEEN);
        drop(tone);
        exporter.until_within(SEEN, "the end is seen", |scrape| {
            scrape.state("mic") == "backing_off"
        });
        seen = seen.max(killed.elapsed());
        let failed = [("source", "mic"), ("reason", "device")];
        let scrape = exporter.until_within(SEEN, "an attempt fails", |scrape| {
            scrape.value(FAILURES, &failed) >= f64::from(round)
        });
        let closed = [("source", "mic"), ("reason", "closed")];
        assert_eq!(
            scrape.value("myaudio_source_disconnects_total", &closed),
            f64::from(round)
        );
        adds_up(&scrape, "mic");
        pulse = Pulse::start(&scratch);
        tone = pulse::play(&scratch, LEVEL);
        let restarted = Instant::now();
        exporter.until_within(RECOVERED, "the device is back", |scrape| {
            scrape.state("mic") == "streaming"
        });
        back = back.max(restarted.elapsed());
        let begin = hear(&exporter, 1.0);
        let end = hear(&exporter, 2.0);
        let dbfs = end.dbfs_since(&begin, "mic");
        assert!((dbfs - LEVEL).abs() < 0.5, "{dbfs} dBFS");
        // The buffer stayed.
        let rounds = f64::from(round);
        assert_eq!(end.ledger("mic"), [rounds + 1.0, 1.0, rounds, 0.0]);
        adds_up(&end, "mic");
    }
    exporter
        .process
        .until("threads and descriptors are back", || {
            exporter.process.threads() <= threads && exporter.process.descriptors() <= descriptors
        });
    let said = exporter.process.output();
    assert!(said.contains("is PulseAudio or PipeWire running"), "{said}");
    assert!(!said.contains("ALSA lib"), "not a log line:\n{said}");
    // What is there when it dies is lost, but for less than a second each time.
    let end = exporter.scrape();
    let other = |scrape: &Scrape| -> f64 {
        let causes = ["stall", "loss", "decode", "blocked", "local"];
        let gap = |cause| {
            let labels = [("source", "mic"), ("cause", cause)];
            scrape.value("myaudio_source_gap_seconds_total", &labels)
        };
        causes.into_iter().map(gap).sum()
    };
    let grown = other(&end) - other(&healthy);
    assert!(grown < 3.0, "other causes grew by {grown} s");
    let whole = |time: Duration| time.as_secs_f64().ceil();
    fault_table::hold(&[Row {
        fault: "sound server killed under a device",
        against: "PulseAudio, a null sink",
        seen_as: "`backing_off`, d `closed`, f `device`".to_owned(),
        gaps: "`connect`, `backoff`".to_owned(),
        buffer: "the same",
        measured: format!("{} s, {} s", whole(seen), whole(back)),
    }]);
}

#[test]
fn a_frozen_sound_server_is_a_stall_and_never_more_than_one_thread() {
    let scratch = Scratch::new();
    let pulse = Pulse::start(&scratch);
    let _tone = pulse::play(&scratch, LEVEL);
    let exporter = exporter(
        &scratch,
        "- { name: mic, url: \"device:default\", stall_after: 2s }\n",
    );
    hear(&exporter, 1.0);
    let threads = exporter.process.threads();
    pulse.server.signal("STOP");
    exporter.until_within(SEEN, "stalled", |scrape| scrape.state("mic") == "stalled");
    // The thread that closes the device, or opens it anew, hangs.
    let attempts = |scrape: &Scrape| {
        scrape.value(
            "myaudio_source_connect_attempts_total",
            &[("source", "mic")],
        )
    };
    let scrape = exporter.until("three more attempts", |scrape| attempts(scrape) >= 4.0);
    adds_up(&scrape, "mic");
    let now = exporter.process.threads();
    assert!(now <= threads, "{now} threads, {threads} before");
    pulse.server.signal("CONT");
    exporter.until("streaming again", |scrape| {
        scrape.state("mic") == "streaming"
    });
    let scrape = hear(&exporter, 2.0);
    assert_eq!(scrape.ledger("mic")[1], 1.0, "one buffer");
    adds_up(&scrape, "mic");
    exporter.process.until("the threads are back", || {
        exporter.process.threads() == threads
    });
}

#[test]
fn the_program_stops_in_time_although_the_sound_server_hangs() {
    let scratch = Scratch::new();
    let pulse = Pulse::start(&scratch);
    let mut exporter = exporter(&scratch, "- { name: mic, url: \"device:default\" }\n");
    hear(&exporter, 1.0);
    pulse.server.signal("STOP");
    exporter.process.signal("TERM");
    assert!(exporter.process.wait(Duration::from_secs(20)).success());
}

#[test]
fn a_device_that_is_not_there_is_told_with_those_that_are() {
    let scratch = Scratch::new();
    let _pulse = Pulse::start(&scratch);
    let exporter = exporter(
        &scratch,
        "- { name: mic, url: \"device:hw:CARD=Absent\" }\n",
    );
    let failed = [("source", "mic"), ("reason", "device")];
    exporter.until("it is tried again", |scrape| {
        scrape.value(FAILURES, &failed) >= 2.0
    });
    let scrape = exporter.until_state("mic", "backing_off");
    adds_up(&scrape, "mic");
    let said = exporter.process.output();
    let expected = "there is no such input device now; plug it in, or name one of: ";
    let (_, names) = said
        .split_once(expected)
        .unwrap_or_else(|| panic!("{said}"));
    let names = names.lines().next().unwrap();
    assert!(names.contains("rig"), "{names}");
}

#[test]
fn a_device_without_a_clock_is_left_alone() {
    let scratch = Scratch::new();
    let exporter = exporter(&scratch, "- { name: mic, url: \"device:null\" }\n");
    let left = [("source", "mic"), ("reason", "protocol")];
    let scrape = exporter.until("it is left", |scrape| {
        scrape.value("myaudio_source_disconnects_total", &left) >= 1.0
    });
    adds_up(&scrape, "mic");
    exporter.until_state("mic", "backing_off");
}

/// Runs `probe` with these arguments; its status and output.
fn probe(scratch: &Scratch, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_audio-capture-exporter"));
    command
        .arg("probe")
        .args(arguments)
        .envs(pulse::environment(scratch));
    let mut probe = Running::start(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
    let status = probe.wait(support::PATIENCE);
    probe.until("it says how it went", || {
        probe.output().lines().any(|line| line.contains("ok  "))
    });
    (status.success(), probe.output())
}

#[test]
fn a_probe_says_what_a_device_records_and_what_is_wrong() {
    let scratch = Scratch::new();
    let pulse = Pulse::start(&scratch);
    let tone = pulse::play(&scratch, LEVEL);
    let (good, said) = probe(&scratch, &["--for", "3s", "device:default"]);
    assert!(good, "{said}");
    assert!(
        said.contains("pcm_f32le, 48000 Hz stereo, by device"),
        "{said}"
    );
    let level = said.split_once("level").unwrap().1;
    let level: f64 = level.split("dBFS").next().unwrap().trim().parse().unwrap();
    assert!((level - LEVEL).abs() < 0.5, "{said}");
    drop(tone);
    // A name with a `=` is no NAME=URL.
    let (good, said) = probe(&scratch, &["device:hw:CARD=Absent,DEV=0"]);
    assert!(
        !good && said.contains("there is no such input device now"),
        "{said}"
    );
    drop(pulse);
    let (good, said) = probe(&scratch, &["device:default"]);
    assert!(
        !good && said.contains("is PulseAudio or PipeWire running"),
        "{said}"
    );
}
