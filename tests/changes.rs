//! A source that sends something else after a reconnect: another codec, another rate.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use support::{Exporter, Scrape, Scratch, Server, run, write_tone};

const LABEL: &str = "source";

fn of(scrape: &Scrape, name: &str, labels: &[(&str, &str)]) -> f64 {
    scrape.sum(name, &[&[(LABEL, "cam")], labels].concat())
}

/// Watches `url`, which is now one thing and now the other: codec and rate. `expected` is a name of
/// the first codec.
fn watch(url: &str, expected: &str, things: [(&str, &str); 2]) {
    let scratch = Scratch::new();
    let text = format!(
        "connect: {{ backoff: {{ initial: 200ms, max: 200ms }} }}\n\
         sources: [ {{ name: cam, url: \"{url}\", stall_after: 3s, \
         expect: {{ codec: {}, sample_rate: {} }} }} ]\n",
        expected, things[0].1
    );
    let exporter = Exporter::with_config(&scratch.write("config.yaml", &text));
    let mut scrape = Scrape::default();
    for (nth, (codec, rate)) in [things[0], things[1], things[0]].into_iter().enumerate() {
        let info = [("codec", codec), ("sample_rate", rate)];
        scrape = exporter.until(codec, |scrape| {
            // The labels are there before the buffer is.
            of(scrape, "myaudio_source_info", &info) == 1.0
                && scrape.ledger("cam")[1] >= nth as f64 + 1.0
        });
        for aspect in ["codec", "sample_rate"] {
            let differs = of(
                &scrape,
                "myaudio_source_format_mismatch",
                &[("aspect", aspect)],
            );
            assert_eq!(differs, f64::from(nth == 1), "{nth}: {aspect}");
        }
    }
    let [attempted, first, repeated, errors] = scrape.ledger("cam");
    let released = of(
        &scrape,
        "myaudio_buffer_releases_total",
        &[("buffer_type", "capture"), ("reason", "format_change")],
    );
    // Each session makes one attempt, and each is of another format than the one before.
    assert_eq!((repeated, errors), (0.0, 0.0));
    assert_eq!((attempted, released), (first, first - 1.0));
    let ended = of(
        &scrape,
        "myaudio_source_disconnects_total",
        &[("reason", "closed")],
    );
    assert_eq!(of(&scrape, "myaudio_source_disconnects_total", &[]), ended);
    // The last one may have ended already.
    assert!((0.0..=1.0).contains(&(first - ended)), "{first} {ended}");
    let left = scrape.unexplained_seconds("cam").abs();
    assert!(left < 1.0, "{left} s\n{}", scrape.without_zeros());
}

#[test]
fn an_rtsp_server_changes_codec_and_rate_between_sessions() {
    let server = Server::hostile(&[]);
    // It is expected by the name that files have for it.
    watch(
        &server.url("/alternate/100"),
        "pcm_mulaw",
        [("pcmu", "8000"), ("l16", "16000")],
    );
}

#[test]
fn an_http_server_changes_codec_and_rate_between_sessions() {
    let scratch = Scratch::new();
    let (wav, mp3) = (scratch.path("tone.wav"), scratch.path("tone.mp3"));
    write_tone(&wav, 48_000, 2, 10.0, -15.0);
    let (wav, mp3) = (wav.to_str().unwrap(), mp3.to_str().unwrap());
    let how = ["-b:a", "128k", "-id3v2_version", "0", "-write_xing", "0"];
    run(
        "ffmpeg",
        &[&["-v", "error", "-i", wav][..], &how, &[mp3]].concat(),
        "",
    );
    let server = Server::hostile_http(&["--audio", mp3]);
    watch(
        &server.http_url("/alternate"),
        "mp3",
        [("mp3", "48000"), ("pcm_s16le", "16000")],
    );
}
