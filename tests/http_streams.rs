//! HTTP streams from a real Icecast fed by ffmpeg.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use support::{
    Exporter, Scrape, Scratch,
    icecast::{FLAC, Icecast, MP3, OPUS, VORBIS},
};

const LABEL: &str = "source";

fn audio_seconds(scrape: &Scrape, source: &str) -> f64 {
    scrape.value("myaudio_source_audio_seconds_total", &[(LABEL, source)])
}

#[test]
fn what_cannot_be_decoded_is_a_state_with_a_name() {
    let icecast = Icecast::start("private");
    let _opus = icecast.feed("opus", &OPUS);
    let _flac = icecast.feed("late-flac", &FLAC);
    // A listener that comes when the header is no longer in the burst.
    std::thread::scope(|_| {
        let exporter = Exporter::start([format!("early={}", icecast.url("late-flac"))]);
        exporter.until("enough has passed", |scrape| {
            scrape.value("myaudio_source_received_bytes_total", &[(LABEL, "early")]) > 200_000.0
        });
    });
    let exporter = Exporter::start([
        format!("opus={}", icecast.url("opus")),
        format!("flac={}", icecast.url("late-flac")),
    ]);
    for source in ["opus", "flac"] {
        let scrape = exporter.until_state(source, "unsupported");
        let labels = [(LABEL, source), ("codec", source)];
        assert_eq!(scrape.value("myaudio_source_info", &labels), 1.0);
        let reason = [(LABEL, source), ("reason", "unsupported")];
        let failures = scrape.value("myaudio_source_connect_failures_total", &reason);
        assert_eq!(failures, 1.0, "{source}");
        assert_eq!(scrape.ledger(source), [0.0; 4]);
    }
    let log = exporter.process.output();
    assert!(log.contains("let the server send FLAC in Ogg"), "{log}");
}

#[test]
fn a_mount_that_vanishes_and_returns_fills_the_same_buffer() {
    let icecast = Icecast::start("private");
    let source = icecast.feed("garden", &MP3);
    let scratch = Scratch::new();
    let config = scratch.write(
        "config.yaml",
        &format!(
            "connect: {{ timeout: 3s, backoff: {{ initial: 500ms, max: 1s }} }}\n\
             sources: [ {{ name: radio, url: \"{}\", stall_after: 2s }} ]\n",
            icecast.url("garden")
        ),
    );
    let exporter = Exporter::with_config(&config);
    exporter.until("two seconds", |scrape| audio_seconds(scrape, "radio") > 2.0);
    let descriptors = exporter.process.descriptors();
    source.signal("KILL");
    let down = exporter.until("seen as down", |scrape| {
        let missing = [(LABEL, "radio"), ("reason", "not_found")];
        scrape.value("myaudio_source_up", &[(LABEL, "radio")]) == 0.0
            && scrape.value("myaudio_source_connect_failures_total", &missing) >= 1.0
    });
    let closed = [(LABEL, "radio"), ("reason", "closed")];
    let disconnects = "myaudio_source_disconnects_total";
    assert_eq!(down.value(disconnects, &closed), 1.0);
    assert_eq!(down.sum(disconnects, &[(LABEL, "radio")]), 1.0);
    drop(source);

    let _source = icecast.feed("garden", &MP3);
    let back = exporter.until_state("radio", "streaming");
    assert_eq!(back.ledger("radio"), [2.0, 1.0, 1.0, 0.0]);
    assert!(
        back.unexplained_seconds("radio").abs() < 3.0,
        "{}",
        back.without_zeros()
    );
    exporter.until("no descriptor leaked", |_| {
        exporter.process.descriptors() <= descriptors
    });
}

#[test]
fn credentials_open_a_private_mount_and_show_nowhere() {
    let icecast = Icecast::start("private");
    let _source = icecast.feed("private", &VORBIS);
    let url = icecast.url("private");
    let in_url = url.replace("http://", "http://canary-user:canary-pass@");
    let scratch = Scratch::new();
    scratch.write("password", "canary-pass\n");
    let config = scratch.write(
        "config.yaml",
        &format!(
            "sources:\n- {{ name: by-url, url: \"{in_url}\" }}\n\
             - {{ name: by-file, url: \"{url}\", username: canary-other, password_file: password }}\n\
             - {{ name: none, url: \"{url}\" }}\n"
        ),
    );
    let exporter = Exporter::with_config(&config);
    for (source, state) in [
        ("by-url", "streaming"),
        ("by-file", "streaming"),
        ("none", "unauthorized"),
    ] {
        exporter.until_state(source, state);
    }
    for text in [
        exporter.get("/metrics").1,
        exporter.get("/").1,
        exporter.process.output(),
    ] {
        assert!(!text.contains("canary"), "{text}");
    }
}
