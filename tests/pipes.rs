//! FIFOs and the standard input.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::fs::FileTypeExt as _,
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use support::{
    Exporter, PATIENCE, Running, Scrape, Scratch, run,
    wav::{header, record, tone, whole},
};

const AUDIO: &str = "myaudio_source_audio_seconds_total";

fn audio(scrape: &Scrape) -> f64 {
    scrape.sum(AUDIO, &[("source", "rec")])
}

fn config(scratch: &Scratch, keys: &str) -> std::path::PathBuf {
    let url = scratch.path("rec.pcm");
    let text = format!(
        "sources: [ {{ url: \"fifo://{}\", stall_after: 2s{keys} }} ]\n",
        url.display()
    );
    scratch.write("config.yaml", &text)
}

fn make_fifo(path: &Path) {
    run("mkfifo", &[path.to_str().unwrap()], "");
}

#[track_caller]
fn until_audio(exporter: &Exporter, seconds: f64) -> Scrape {
    exporter.until(&format!("{seconds} s of audio"), |scrape| {
        audio(scrape) > seconds - 0.2
    })
}

const PCM: &str = ", pcm: { format: s16le, sample_rate: 8000, channels: 1 }";

#[test]
fn a_fifo_waits_for_its_making_and_for_one_writer_after_another() {
    let scratch = Scratch::new();
    let fifo = scratch.path("rec.pcm");
    let exporter = Exporter::with_config(&config(&scratch, PCM));
    exporter.until_state("rec", "waiting");
    assert!(!fifo.exists(), "a missing FIFO is not made");
    make_fifo(&fifo);
    for round in 1..=3 {
        // Opening blocks until the exporter reads: that is part of what is tested.
        let mut writer = OpenOptions::new().write(true).open(&fifo).unwrap();
        record(&mut writer, 1.0, -20.0);
        let scrape = until_audio(&exporter, f64::from(round));
        assert_eq!(scrape.state("rec"), "streaming");
        drop(writer);
        let scrape = exporter.until("waiting", |scrape| scrape.state("rec") == "waiting");
        let rounds = f64::from(round);
        assert!((audio(&scrape) - rounds).abs() < 0.01, "{}", audio(&scrape));
        // Each writer is a session; the buffer stays.
        assert_eq!(scrape.ledger("rec"), [rounds, 1.0, rounds - 1.0, 0.0]);
        let closed = [("source", "rec"), ("reason", "closed")];
        assert_eq!(
            scrape.value("myaudio_source_disconnects_total", &closed),
            rounds
        );
        let left = scrape.unexplained_seconds("rec").abs();
        assert!(
            left < 1.0,
            "{left} s unexplained\n{}",
            scrape.without_zeros()
        );
    }
    assert!(fs::metadata(&fifo).unwrap().file_type().is_fifo());
}

#[test]
fn a_writer_that_falls_silent_is_stalled_and_a_killed_one_is_seen() {
    let scratch = Scratch::new();
    let fifo = scratch.path("rec.pcm");
    make_fifo(&fifo);
    let exporter = Exporter::with_config(&config(&scratch, ""));
    exporter.until_state("rec", "waiting");
    let source = "-v error -re -f lavfi -i sine=frequency=440:sample_rate=48000 -f wav -y";
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg
        .args(source.split(' '))
        .arg(&fifo)
        .stdin(Stdio::null());
    let recorder = Running::start(ffmpeg.stdout(Stdio::piped()).stderr(Stdio::piped()));
    let scrape = until_audio(&exporter, 3.0);
    assert_eq!(
        scrape.sum(
            "myaudio_source_info",
            &[("source", "rec"), ("kind", "pipe")]
        ),
        1.0
    );
    recorder.signal("STOP");
    exporter.until("stalled", |scrape| scrape.state("rec") == "stalled");
    let told = exporter.until_source("rec", |rec| rec["state"] == "stalled");
    let problem = told["problem"].as_str().unwrap();
    assert!(problem.contains("check the recorder"), "{problem}");
    recorder.signal("CONT");
    exporter.until("streaming", |scrape| scrape.state("rec") == "streaming");
    recorder.signal("KILL");
    let scrape = exporter.until("waiting", |scrape| scrape.state("rec") == "waiting");
    assert_eq!(scrape.ledger("rec"), [1.0, 1.0, 0.0, 0.0]);
    let left = scrape.unexplained_seconds("rec").abs();
    assert!(
        left < 2.5,
        "{left} s unexplained\n{}",
        scrape.without_zeros()
    );
}

#[test]
fn a_replaced_fifo_is_found_and_a_file_in_its_place_is_refused() {
    let scratch = Scratch::new();
    let fifo = scratch.path("rec.pcm");
    make_fifo(&fifo);
    let exporter = Exporter::with_config(&config(&scratch, PCM));
    exporter.until_state("rec", "waiting");
    fs::rename(&fifo, scratch.path("old.pcm")).unwrap();
    make_fifo(&fifo);
    let mut writer = OpenOptions::new().write(true).open(&fifo).unwrap();
    writer.write_all(&tone(1.0, -20.0)).unwrap();
    until_audio(&exporter, 1.0);
    drop(writer);
    fs::remove_file(&fifo).unwrap();
    fs::write(&fifo, tone(1.0, -20.0)).unwrap();
    let refused = [("source", "rec"), ("reason", "file")];
    exporter.until("refused", |scrape| {
        scrape.value("myaudio_source_connect_failures_total", &refused) >= 1.0
    });
    assert!(exporter.process.output().contains("not a FIFO"));
}

#[test]
fn writers_without_audio_do_not_end_the_waiting() {
    let scratch = Scratch::new();
    let fifo = scratch.path("rec.pcm");
    make_fifo(&fifo);
    let exporter = Exporter::with_config(&config(&scratch, ""));
    exporter.until_state("rec", "waiting");
    // Opened and closed; half a header; then a whole file.
    drop(OpenOptions::new().write(true).open(&fifo).unwrap());
    fs::write(&fifo, &header(0)[..20]).unwrap();
    exporter.until("counted", |scrape| {
        let labels = [("source", "rec"), ("reason", "closed")];
        scrape.value("myaudio_source_connect_failures_total", &labels) == 1.0
            && scrape.state("rec") == "waiting"
    });
    fs::write(&fifo, whole(1.0, -20.0)).unwrap();
    let scrape = until_audio(&exporter, 1.0);
    assert_eq!(scrape.ledger("rec"), [1.0, 1.0, 0.0, 0.0]);
}

#[test]
fn the_standard_input_plays_and_then_has_ended() {
    let scratch = Scratch::new();
    let config = scratch.write(
        "config.yaml",
        "sources: [ { name: rec, url: \"stdin:\" } ]\n",
    );
    let mut command = Command::new(env!("CARGO_BIN_EXE_audio-capture-exporter"));
    command
        .args(["--config.file", config.to_str().unwrap()])
        .args(["--web.listen-address", "127.0.0.1:0"])
        .stdin(Stdio::piped());
    let mut process = Running::start(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
    let address = process.wait_for_line(|line| {
        let rest = line.strip_prefix("Look at http://")?;
        Some(rest.split('/').next()?.to_owned())
    });
    let mut input = process.stdin();
    let mut exporter = Exporter { process, address };
    exporter.until_state("rec", "waiting");
    input.write_all(&header(u32::MAX)).unwrap();
    record(&mut input, 2.0, -20.0);
    until_audio(&exporter, 2.0);
    drop(input);
    let scrape = exporter.until("ended", |scrape| scrape.state("rec") == "ended");
    let words = "the program that wrote to standard input has ended";
    exporter.until_source("rec", |rec| {
        rec["state"] == "ended"
            && rec["problem"]
                .as_str()
                .is_some_and(|said| said.starts_with(words))
    });
    let log = exporter.process.output();
    let warned = |line: &str| line.starts_with("ts=") && line.contains("level=warn");
    assert!(
        log.lines().any(|line| line.contains(words) && warned(line)),
        "{log}"
    );
    assert!((audio(&scrape) - 2.0).abs() < 0.01);
    assert_eq!(scrape.ledger("rec"), [1.0, 1.0, 0.0, 0.0]);
    exporter.process.signal("TERM");
    assert!(exporter.process.wait(PATIENCE).success());
}

#[test]
fn waiting_for_the_standard_input_does_not_hold_up_the_end() {
    let scratch = Scratch::new();
    let config = scratch.write("config.yaml", "sources: [ { name: rec, url: \"-\" } ]\n");
    let mut command = Command::new(env!("CARGO_BIN_EXE_audio-capture-exporter"));
    command
        .args(["--config.file", config.to_str().unwrap()])
        .args(["--web.listen-address", "127.0.0.1:0"])
        .stdin(Stdio::piped());
    let mut process = Running::start(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
    process.wait_for_line(|line| line.contains("waiting: ").then_some(()));
    process.signal("TERM");
    assert!(process.wait(Duration::from_secs(10)).success());
}

/// Dropping it says stop.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

#[test]
fn a_reload_does_not_break_the_pipe_nor_the_frames_in_it() {
    let scratch = Scratch::new();
    let fifo = scratch.path("rec.pcm");
    make_fifo(&fifo);
    let pcm = PCM.replace("s16le", "s32le");
    let exporter = Exporter::with_config(&config(&scratch, &pcm));
    exporter.until_state("rec", "waiting");
    let mut writer = OpenOptions::new().write(true).open(&fifo).unwrap();
    let stop = AtomicBool::new(false);
    let tone = tone(1.0, -20.0);
    let tone: Vec<u8> = tone.chunks(2).flat_map(|s| [0, 0, s[0], s[1]]).collect();
    std::thread::scope(|scope| {
        // Also when the test fails.
        let stopping = Stop(&stop);
        // A recorder that ends at the first error, as SIGPIPE would end it. Its pieces are of
        // odd lengths, so that a session hardly ever ends between two samples.
        let recorder = scope.spawn(|| {
            let mut written = 0;
            while !stop.load(Relaxed) {
                let from = written % tone.len();
                let to = tone.len().min(from + 1601);
                writer.write_all(&tone[from..to])?;
                written += to - from;
                std::thread::sleep(Duration::from_millis(50));
            }
            Ok::<_, std::io::Error>(())
        });
        until_audio(&exporter, 1.0);
        for stall in 3..9 {
            let keys = pcm.clone() + &format!(", expect: {{ sample_rate: {stall}000 }}");
            config(&scratch, &keys);
            assert_eq!(exporter.reload().0, 200);
            let before = exporter.scrape();
            let after = until_audio(&exporter, audio(&before) + 1.0);
            let dbfs = after.dbfs_since(&before, "rec");
            assert!((dbfs + 20.0).abs() < 0.3, "{dbfs} dBFS");
        }
        drop(stopping);
        recorder.join().unwrap().unwrap();
    });
    let scrape = exporter.scrape();
    assert_eq!(scrape.ledger("rec"), [7.0, 1.0, 6.0, 0.0]);
}

#[test]
fn a_recorder_whose_audio_cannot_be_used_is_neither_killed_nor_held_up() {
    let scratch = Scratch::new();
    let fifo = scratch.path("rec.pcm");
    make_fifo(&fifo);
    let exporter = Exporter::with_config(&config(&scratch, ""));
    exporter.until_state("rec", "waiting");
    let mut writer = OpenOptions::new().write(true).open(&fifo).unwrap();
    // Many times what a pipe holds.
    let (sender, written) = std::sync::mpsc::channel();
    let write = move || {
        for _ in 0..100 {
            writer.write_all(&b"no audio at all\n".repeat(4096))?;
        }
        // Nobody listens after a failure.
        let _told = sender.send(writer);
        Ok::<_, std::io::Error>(())
    };
    std::thread::Builder::new().spawn(write).unwrap();
    let writer = written
        .recv_timeout(PATIENCE)
        .expect("all of it is written");
    let unsupported = [("source", "rec"), ("reason", "unsupported")];
    let scrape = exporter.until_state("rec", "unsupported");
    let failures = "myaudio_source_connect_failures_total";
    assert_eq!(scrape.value(failures, &unsupported), 1.0);
    exporter.until("all of it is counted", |scrape| {
        scrape.value("myaudio_source_received_bytes_total", &[("source", "rec")]) == 6_553_600.0
    });
    // The next one need not wait until the last one's fault would be looked at again.
    drop(writer);
    exporter.until("waiting", |scrape| scrape.state("rec") == "waiting");
    fs::write(&fifo, whole(1.0, -20.0)).unwrap();
    until_audio(&exporter, 1.0);
}
