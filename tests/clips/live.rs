//! Live audio, reloads, changes of format, and a crowd that does not listen.

use crate::{
    client::{Listener, Wav, clip},
    exact::mu_law,
    support::{
        Exporter, Scratch, Stopwatch,
        faulty::{
            Faulty, Plan,
            sound::{FIRST_TIMESTAMP, code},
        },
        write_wav,
    },
};

/// So many samples of noise; another seed, other noise.
fn noise(seed: u32, samples: u32) -> Vec<i16> {
    let start = seed << 24;
    (start..start + samples).map(|n| mu_law(code(n))).collect()
}

/// Where in a looped recording a part of it begins.
#[track_caller]
fn place(recording: &[i16], part: &[i16]) -> usize {
    let twice = [recording, recording].concat();
    let opening = &part[..64];
    let found = twice.windows(64).position(|window| window == opening);
    found.expect("this was never recorded")
}

#[track_caller]
fn assert_part_of(recording: &[i16], part: &[i16]) {
    let start = place(recording, part);
    let expected = recording.iter().cycle().skip(start).take(part.len());
    assert!(part.iter().eq(expected), "a sample is missing or wrong");
}

#[test]
fn live_audio_and_clips_survive_a_reload_and_end_with_their_format() {
    let scratch = Scratch::new();
    let (slow, fast) = (noise(1, 8_000 * 7), noise(2, 16_000 * 7));
    write_wav(&scratch.path("slow.wav"), 8_000, 1, &slow);
    write_wav(&scratch.path("fast.wav"), 16_000, 1, &fast);
    let config = |audio: bool, file: &str, more: &str| {
        let text = format!(
            "web: {{ audio: {audio} }}\nsources:\n- {{ name: it, url: {file}, loop: true }}\n{more}"
        );
        scratch.write("config.yaml", &text)
    };
    let exporter = Exporter::with_config(&config(false, "slow.wav", ""));
    exporter.until_state("it", "streaming");
    let refused = exporter.get("/api/v1/sources/it/live.wav");
    assert!(
        refused.0 == 403 && refused.1.contains("web.audio"),
        "{refused:?}"
    );
    let reload = |path: &std::path::Path| {
        assert!(path.exists());
        let (status, text) = exporter.reload();
        assert_eq!(status, 200, "{text}");
    };
    reload(&config(true, "slow.wav", ""));

    let mut listener = Listener::ask(&exporter, "it");
    assert_eq!(listener.status(), 200);
    listener.hear(8_000);
    let scrape = exporter.scrape();
    let labels = [("source", "it"), ("buffer_type", "capture")];
    assert_eq!(scrape.value("myaudio_buffer_active_readers", &labels), 1.0);
    let lag = [("source", "it"), ("reader", "live")];
    assert!(scrape.value("myaudio_buffer_reader_lag_seconds", &lag) < 3.0);

    // Another source comes: this one goes on.
    reload(&config(
        true,
        "slow.wav",
        "- { name: other, url: fast.wav, loop: true }\n",
    ));
    let Wav { samples, rate, .. } = listener.hear(24_000);
    assert_eq!(rate, 8_000);
    assert_part_of(&slow, &samples);
    exporter.until_state("other", "streaming");
    assert_part_of(&slow, &clip(&exporter, "it", "last=2s").wav.samples);
    assert_part_of(&fast, &clip(&exporter, "other", "last=200ms").wav.samples);

    // Another format: what was is finished, and nothing of it is in what follows.
    let (path, begun) = (config(true, "fast.wav", ""), Stopwatch::start());
    reload(&path);
    let whole = listener.hear(usize::MAX / 4);
    assert!(begun.promised().as_secs() < 30);
    assert!(listener.has_ended());
    assert_eq!(whole.rate, 8_000);
    assert_part_of(&slow, &whole.samples);
    exporter.until("the new format", |scrape| {
        let rate = [("source", "it"), ("sample_rate", "16000")];
        scrape.sum("myaudio_source_info", &rate) == 1.0 && scrape.state("it") == "streaming"
    });
    exporter.until("a second of it", |scrape| {
        scrape.value("myaudio_buffer_size_bytes", &labels) > 32_000.0
    });
    let new = clip(&exporter, "it", "last=60s");
    assert_eq!(new.wav.rate, 16_000);
    assert_part_of(&fast, &new.wav.samples);
    assert!(new.frames("missing") > 0);
    let gone = exporter.get("/api/v1/sources/other/clip.wav?last=1s");
    assert_eq!(gone.0, 404, "{}", gone.1);
}

#[test]
fn a_hundred_who_do_not_listen_cost_the_capture_nothing() {
    let server = Faulty::start(vec![Plan::pcmu(vec![])]);
    let scratch = Scratch::new();
    let config = format!(
        "web: {{ audio: true }}\nsources:\n- {{ name: it, url: \"rtsp://127.0.0.1:{}/0\" }}\n",
        server.port
    );
    let mut exporter = Exporter::with_config(&scratch.write("config.yaml", &config));
    exporter.until_state("it", "streaming");
    let mut crowd: Vec<_> = (0..100).map(|_| Listener::ask(&exporter, "it")).collect();
    let labels = [("source", "it"), ("buffer_type", "capture")];
    let listening = |readers: f64| {
        exporter.until("listeners", |scrape| {
            scrape.value("myaudio_buffer_active_readers", &labels) == readers
        })
    };
    listening(64.0);
    let mut refused = crowd.split_off(64);
    assert!(refused.iter_mut().all(|listener| listener.status() == 503));
    let audio = |scrape: &crate::support::Scrape| {
        scrape.value("myaudio_source_audio_seconds_total", &[("source", "it")])
    };
    let so_far = audio(&exporter.scrape());
    exporter.until("five more seconds", |scrape| audio(scrape) > so_far + 5.0);
    let clip = clip(&exporter, "it", "last=60s");
    assert_eq!(clip.field("clip-gap-count"), "0");
    let sent = (FIRST_TIMESTAMP..).map(|timestamp| mu_law(code(timestamp)));
    let heard = &clip.wav.samples;
    assert!(
        heard.iter().copied().eq(sent.take(heard.len())),
        "every sample, in order"
    );
    drop(crowd);
    let scrape = listening(0.0);
    let lost = "myaudio_source_lost_packets_total";
    assert_eq!(scrape.value(lost, &[("source", "it")]), 0.0);
    assert_eq!(scrape.state("it"), "streaming");

    let mut stayer = Listener::ask(&exporter, "it");
    assert_eq!(stayer.status(), 200);
    stayer.hear(1_600);
    exporter.process.signal("TERM");
    stayer.hear(usize::MAX / 4);
    assert!(stayer.has_ended(), "in order");
    assert!(
        exporter
            .process
            .wait(std::time::Duration::from_secs(20))
            .success()
    );
}
