//! Audio files as sources: pace, end, loop, and files that are none.

mod support;

use std::time::{Duration, Instant};

use support::{Exporter, Scratch, run, write_tone};

const LABEL: &str = "source";

/// A machine without CPU for us, as far as we can tell.
#[test]
fn a_file_is_not_said_to_stall_when_it_is_us_who_stood_still() {
    let scratch = Scratch::new();
    let wav = scratch.path("tone.wav");
    write_tone(&wav, 8_000, 1, 1.0, -15.0);
    let config = scratch.write(
        "config.yaml",
        "sources: [ { name: tone, url: tone.wav, loop: true } ]",
    );
    let exporter = Exporter::with_config(&config);
    exporter.until_state("tone", "streaming");
    let gap = |scrape: &support::Scrape, cause: &str| {
        let labels = [(LABEL, "tone"), ("cause", cause)];
        scrape.value("myaudio_source_gap_seconds_total", &labels)
    };
    let began = Instant::now();
    // Several times: a stop that falls into a read is the file's.
    for _ in 0..3 {
        exporter.process.signal("STOP");
        let stopped = Instant::now();
        while stopped.elapsed() < Duration::from_millis(1_500) {
            std::thread::sleep(Duration::from_millis(50));
        }
        exporter.process.signal("CONT");
        let went_on = Instant::now();
        exporter.until("it plays on", |_| {
            went_on.elapsed() > Duration::from_millis(500)
        });
    }
    let passed = began.elapsed().as_secs_f64();
    exporter.until("it is booked", |scrape| gap(scrape, "local") > 2.5);
    // Audio that stays away is told after at most two looks of ten seconds.
    let went_on = Instant::now();
    let scrape = exporter.until("whoever waits would have been told", |scrape| {
        assert_eq!(gap(scrape, "stall"), 0.0);
        went_on.elapsed() > Duration::from_secs(21)
    });
    assert!(gap(&scrape, "local") < passed);
}

#[test]
fn a_file_plays_at_its_own_pace_once_and_then_has_ended() {
    let scratch = Scratch::new();
    let wav = scratch.path("dawn.wav");
    write_tone(&wav, 48_000, 2, 4.0, -15.0);
    let flac = scratch.path("dusk.flac");
    let (from, to) = (wav.to_str().unwrap(), flac.to_str().unwrap());
    run("ffmpeg", &["-v", "error", "-i", from, to], "");
    let started = Instant::now();
    let exporter = Exporter::start([from, to]);
    for source in ["dawn", "dusk"] {
        let scrape = exporter.until_state(source, "ended");
        let took = started.elapsed();
        assert!(
            took > Duration::from_millis(3900),
            "4 s of audio took {took:?}"
        );
        let labels = [(LABEL, source)];
        let seconds = scrape.value("myaudio_source_audio_seconds_total", &labels);
        assert!((seconds - 4.0).abs() < 0.01, "{source}: {seconds} s");
        let samples = scrape.value("myaudio_signal_samples_total", &labels);
        let energy = scrape.value("myaudio_signal_energy_total", &labels);
        assert_eq!(samples, 4.0 * 48_000.0 * 2.0);
        assert!((10.0 * (energy / samples).log10() + 15.0).abs() < 0.1);
        assert_eq!(scrape.ledger(source), [1.0, 1.0, 0.0, 0.0]);
        assert_eq!(
            scrape.value(
                "myaudio_buffer_size_bytes",
                &[(LABEL, source), ("buffer_type", "capture")]
            ),
            4.0 * 48_000.0 * 4.0
        );
        let ended = [(LABEL, source), ("reason", "end_of_file")];
        assert_eq!(
            scrape.value("myaudio_source_disconnects_total", &ended),
            1.0
        );
    }
    // An ended source expects nothing any more.
    let labels = [(LABEL, "dawn")];
    let expected = exporter
        .scrape()
        .value("myaudio_source_expected_seconds_total", &labels);
    exporter.until("a second has passed", |_| {
        started.elapsed() > Duration::from_secs(6)
    });
    let later = exporter.scrape();
    assert_eq!(
        later.value("myaudio_source_expected_seconds_total", &labels),
        expected
    );
    assert!(
        later.unexplained_seconds("dawn").abs() < 0.5,
        "{}",
        later.without_zeros()
    );
}

#[test]
fn a_looped_file_goes_on_without_another_buffer() {
    let scratch = Scratch::new();
    write_tone(&scratch.path("short.wav"), 8_000, 1, 0.5, -20.0);
    let config = scratch.write(
        "config.yaml",
        "sources: [ { url: short.wav, loop: true } ]\n",
    );
    let exporter = Exporter::with_config(&config);
    let scrape = exporter.until("five rounds", |scrape| {
        scrape.value("myaudio_source_audio_seconds_total", &[(LABEL, "short")]) > 2.5
    });
    assert_eq!(scrape.state("short"), "streaming");
    assert_eq!(scrape.ledger("short"), [1.0, 1.0, 0.0, 0.0]);
    assert!(scrape.unexplained_seconds("short").abs() < 0.5);
    // A new round is no new session: nothing is missing, and the format is still known.
    let labels = [(LABEL, "short")];
    let missing = scrape.sum("myaudio_source_gap_seconds_total", &labels);
    let surplus = scrape.sum("myaudio_source_surplus_seconds_total", &labels);
    assert!(missing < 0.3 && surplus < 0.3, "{missing} {surplus}");
    let info = [(LABEL, "short"), ("sample_rate", "8000"), ("channels", "1")];
    assert_eq!(scrape.value("myaudio_source_info", &info), 1.0);
}

#[test]
fn what_is_no_audio_file_is_told_apart() {
    let scratch = Scratch::new();
    scratch.write(
        "text.wav",
        &"this is no audio, not even a header\n".repeat(1000),
    );
    scratch.write("empty.flac", "");
    write_tone(&scratch.path("silent.wav"), 8_000, 1, 0.0, -20.0);
    run("mkfifo", &[scratch.path("fifo.wav").to_str().unwrap()], "");
    let names = [
        "text.wav",
        "empty.flac",
        "silent.wav",
        "fifo.wav",
        "missing.wav",
    ];
    let paths = names.map(|name| scratch.path(name).to_str().unwrap().to_owned());
    let exporter = Exporter::start(&paths);
    let failures = "myaudio_source_connect_failures_total";
    for (source, reason, state, words) in [
        ("text", "unsupported", "unsupported", "WAV, FLAC"),
        ("empty", "unsupported", "unsupported", "WAV, FLAC"),
        ("silent", "unsupported", "unsupported", "sample"),
        ("fifo", "file", "backing_off", "regular file"),
        ("missing", "file", "backing_off", "does not exist"),
    ] {
        let scrape = exporter.until(source, |scrape| {
            scrape.sum(failures, &[(LABEL, source)]) >= 1.0 && scrape.state(source) == state
        });
        let all = scrape.sum(failures, &[(LABEL, source)]);
        assert_eq!(
            scrape.value(failures, &[(LABEL, source), ("reason", reason)]),
            all
        );
        let said = |line: &str| line.contains(&format!("source={source} ")) && line.contains(words);
        exporter.process.until(words, || {
            let log = exporter.process.output();
            log.lines().any(said)
        });
    }
}

#[test]
fn an_address_without_its_scheme_is_doubted() {
    let scratch = Scratch::new();
    write_tone(&scratch.path("there.wav"), 8_000, 1, 0.5, -20.0);
    let config = scratch.write(
        "config.yaml",
        "sources:\n- { name: camera, url: camera.lan/stream1 }\n\
         - { name: growing, url: \"192.168.1.5:554/x\", follow: true }\n\
         - { name: missing, url: missing.wav }\n- { url: there.wav }\n",
    );
    let binary = env!("CARGO_BIN_EXE_audio-capture-exporter");
    let checked = ["--config.check", "--config.file", config.to_str().unwrap()];
    let said = run(binary, &checked, "");
    let doubted = |name: &str| said.contains(&format!("source {name}: there is no such file"));
    assert!(doubted("camera") && doubted("growing"), "{said}");
    assert!(!doubted("missing") && !doubted("there"), "{said}");
    let exporter = Exporter::with_config(&config);
    exporter.until_state("growing", "waiting");
    exporter.until("each says so", |_| {
        let log = exporter.process.output();
        let hinted = |line: &str| line.contains("if it is an address, write rtsp://");
        ["camera", "growing"].iter().all(|name| {
            let of = format!("source={name}");
            log.lines().any(|line| line.contains(&of) && hinted(line))
        })
    });
}
