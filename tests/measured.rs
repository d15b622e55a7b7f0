//! What becomes of the measurement when the configuration, the format or the room changes.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::{
    fs::OpenOptions,
    io::Write as _,
    time::{Duration, Instant},
};

use support::{Exporter, PATIENCE, Scrape, Scratch, Stopwatch, run, write_tone, write_wav};

const LABEL: &str = "source";

fn of(scrape: &Scrape, name: &str, labels: &[(&str, &str)]) -> f64 {
    scrape.sum(name, &[&[(LABEL, "cam")], labels].concat())
}

fn errors(scrape: &Scrape, kind: &str) -> f64 {
    let labels = [("buffer_type", kind)];
    of(scrape, "myaudio_buffer_allocation_errors_total", &labels)
}

fn analysis_bytes(scrape: &Scrape) -> f64 {
    let labels = [("buffer_type", "analysis")];
    of(scrape, "myaudio_buffer_capacity_bytes", &labels)
}

fn is_measured(scrape: &Scrape) -> bool {
    !of(scrape, "myaudio_signal_rms_ratio", &[]).is_nan()
}

/// What the API says is wrong with the source, once that is as wanted.
#[track_caller]
fn problem_until(exporter: &Exporter, wanted: impl Fn(Option<&str>) -> bool) {
    let watch = Stopwatch::start();
    loop {
        let (_, text) = exporter.get("/api/v1/sources/cam");
        let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
        if wanted(answer["problem"].as_str()) {
            return;
        }
        assert!(watch.elapsed() < PATIENCE, "{text}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_longer_window_that_fits_into_the_budget_is_had_at_a_reload() {
    let scratch = Scratch::new();
    write_tone(&scratch.path("cam.wav"), 8_000, 1, 2.0, -20.0);
    // 160,000 bytes and 48,000 or 64,000: both windows at once do not fit.
    let text = |window: u64| {
        format!(
            "buffers: {{ memory_budget: 230000, capture: {{ duration: 10s }}, \
             analysis: {{ duration: {window}s }} }}\n\
             sources: [ {{ url: cam.wav, loop: true, expect: {{ sample_rate: 8000, channels: 1 }} }} ]\n"
        )
    };
    let exporter = Exporter::with_config(&scratch.write("config.yaml", &text(3)));
    exporter.until("measured", is_measured);
    for window in [4, 3, 4, 3, 4] {
        scratch.write("config.yaml", &text(window));
        assert_eq!(exporter.reload().0, 200);
        let wanted = 16_000.0 * window as f64;
        let scrape = exporter.until("the window", |scrape| {
            analysis_bytes(scrape) == wanted && is_measured(scrape)
        });
        assert_eq!(errors(&scrape, "analysis"), 0.0);
    }
    problem_until(&exporter, |problem| problem.is_none());
}

#[test]
fn another_format_gets_the_room_that_the_one_before_had() {
    let scratch = Scratch::new();
    let fifo = scratch.path("cam.fifo");
    run("mkfifo", &[fifo.to_str().unwrap()], "");
    // At 16 kHz 416,000 bytes, of which the buffers at 8 kHz would leave too little, also for
    // the capture: that of the analysis alone is 48,000.
    let config = format!(
        "buffers: {{ memory_budget: 420000, capture: {{ duration: 10s }} }}\n\
         sources: [ {{ name: cam, url: \"fifo://{}\", expect: {{ sample_rate: 8000, channels: 1 }} }} ]\n",
        fifo.display()
    );
    let exporter = Exporter::with_config(&scratch.write("config.yaml", &config));
    for rate in [8_000, 16_000, 8_000, 16_000] {
        let part = scratch.path("part.wav");
        write_tone(&part, rate, 1, 5.0, -20.0);
        let mut writer = OpenOptions::new().write(true).open(&fifo).unwrap();
        writer.write_all(&std::fs::read(&part).unwrap()).unwrap();
        let scrape = exporter.until("another format", |scrape| {
            analysis_bytes(scrape) == f64::from(rate) * 6.0 && is_measured(scrape)
        });
        assert_eq!(errors(&scrape, "analysis"), 0.0);
        assert_eq!(errors(&scrape, "capture"), 0.0);
        drop(writer);
        // Else the next one may be taken for the same.
        exporter.until("the end", |scrape| scrape.state("cam") == "waiting");
    }
}

#[test]
fn what_cannot_be_measured_is_captured_and_told_and_measured_once_there_is_room() {
    let scratch = Scratch::new();
    write_tone(&scratch.path("cam.wav"), 16_000, 1, 2.0, -20.0);
    // It sends twice of what is expected: 320,000 bytes to capture and 96,000 to measure.
    let text = |budget: u32| {
        format!(
            "buffers: {{ memory_budget: {budget}, capture: {{ duration: 10s }} }}\n\
             connect: {{ backoff: {{ initial: 500ms, max: 1s }} }}\n\
             sources: [ {{ url: cam.wav, loop: true, expect: {{ sample_rate: 8000, channels: 1 }} }} ]\n"
        )
    };
    let began = Instant::now();
    let exporter = Exporter::with_config(&scratch.write("config.yaml", &text(350_000)));
    exporter.until("it is tried again", |scrape| {
        errors(scrape, "analysis") >= 3.0
    });
    let tells = |problem: Option<&str>| {
        problem.is_some_and(|words| {
            words.starts_with("captured but not measured: 3s at 16000 Hz mono needs")
                && words.ends_with("raise buffers.memory_budget or shorten a buffer")
        })
    };
    problem_until(&exporter, tells);
    let (_, page) = exporter.get("/");
    assert!(page.contains("captured but not measured"), "{page}");
    let scrape = exporter.scrape();
    assert_eq!(scrape.state("cam"), "streaming");
    assert!(!is_measured(&scrape));
    // Each attempt is booked, so they come no faster than half of the longest backoff.
    let most = 1.0 + began.elapsed().as_secs_f64() / 0.5;
    let made = errors(&scrape, "analysis");
    assert!(made <= most, "{made} of {most}");
    let told = exporter
        .process
        .output()
        .matches("captured but not measured")
        .count();
    assert_eq!(told, 1, "{}", exporter.process.output());

    scratch.write("config.yaml", &text(450_000));
    assert_eq!(exporter.reload().0, 200);
    let scrape = exporter.until("measured", is_measured);
    // What is left is that it is not as expected.
    problem_until(&exporter, |problem| {
        problem.is_none_or(|words| !words.contains("not measured"))
    });
    // It is the same session.
    assert_eq!(
        of(&scrape, "myaudio_source_connect_attempts_total", &[]),
        1.0
    );
    assert_eq!(scrape.ledger("cam"), [1.0, 1.0, 0.0, 0.0]);
}

#[test]
fn other_options_of_silence_take_effect_without_a_new_session() {
    let scratch = Scratch::new();
    write_wav(&scratch.path("cam.wav"), 8_000, 1, &vec![0; 16_000]);
    let text = |silence: &str| {
        format!("sources: [ {{ url: cam.wav, loop: true, silence: {{ {silence} }} }} ]\n")
    };
    let exporter = Exporter::with_config(&scratch.write("config.yaml", &text("after: 7d")));
    let silent = |scrape: &Scrape| of(scrape, "myaudio_signal_silent", &[]);
    let scrape = exporter.until("silence", |scrape| {
        of(scrape, "myaudio_signal_silent_seconds_total", &[]) >= 2.0
    });
    assert_eq!(silent(&scrape), 0.0);
    for (options, expected) in [
        ("after: 1s", 1.0),
        ("after: 1s, quiet_hours: [\"00:00-24:00\"]", 0.0),
        ("after: 1s, below_dbfs: -70", 1.0),
        (
            "after: 7d, timezone: Europe/Helsinki, quiet_hours: [\"01:00-01:01\"]",
            0.0,
        ),
    ] {
        scratch.write("config.yaml", &text(options));
        let (status, summary) = exporter.reload();
        let told = "0 added, 0 removed, 0 changed, 0 untouched, 1 adjusted without a break, \
                    source adjusted: cam";
        assert_eq!((status, summary.trim()), (200, told));
        exporter.until(options, |scrape| silent(scrape) == expected);
    }
    let scrape = exporter.scrape();
    assert_eq!(
        of(&scrape, "myaudio_source_connect_attempts_total", &[]),
        1.0
    );
    assert_eq!(of(&scrape, "myaudio_source_disconnects_total", &[]), 0.0);
    assert_eq!(scrape.ledger("cam"), [1.0, 1.0, 0.0, 0.0]);
    assert!(scrape.unexplained_seconds("cam").abs() < 0.5);
}
