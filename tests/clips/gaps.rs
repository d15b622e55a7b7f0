//! What was not received is silence of the right length, and told.

use std::time::Duration;

use crate::{
    client::{Clip, clip},
    exact::mu_law,
    support::{
        Exporter, Scratch,
        faulty::{
            Fault, Faulty, Plan,
            sound::{FIRST_TIMESTAMP, code},
        },
    },
};

fn start(server: &Faulty, names: &[&str]) -> Exporter {
    let mut config =
        "web: { audio: true }\nconnect: { backoff: { initial: 500ms, max: 1s } }\nsources:\n"
            .to_owned();
    for (number, name) in names.iter().enumerate() {
        let port = server.port;
        config += &format!("- {{ name: {name}, url: \"rtsp://127.0.0.1:{port}/{number}\" }}\n");
    }
    let scratch = Scratch::new();
    Exporter::with_config(&scratch.write("config.yaml", &config))
}

/// What a session sends, from its first sample on.
fn sent() -> impl Iterator<Item = i16> {
    (FIRST_TIMESTAMP..).map(|timestamp| mu_law(code(timestamp)))
}

/// The one gap: frames before it and in it.
#[track_caller]
fn only_gap(clip: &Clip) -> (usize, usize) {
    assert_eq!(clip.field("clip-gap-count"), "1", "{}", clip.head);
    let (start, length) = clip.field("clip-gaps").split_once(";seconds=").unwrap();
    let start: f64 = start.parse().unwrap();
    let silence = clip.frames("silence") as usize;
    let told: f64 = length.parse().unwrap();
    assert!((told - silence as f64 / 8_000.0).abs() < 0.001);
    // Packets have 20 ms, so three digits are exact before the first gap.
    let start = (start * 8_000.0).round() as usize;
    let gap = &clip.wav.samples[start..start + silence];
    assert!(gap.iter().all(|sample| *sample == 0));
    (start, silence)
}

#[test]
fn gaps_have_their_length_and_the_audio_around_them_is_exact() {
    let at = Duration::from_millis;
    let server = Faulty::start(vec![
        Plan::pcmu(vec![(at(8_000), at(600), Fault::Lossy)]),
        Plan::pcmu(vec![(at(8_000), at(2_000), Fault::Down)]),
        Plan::pcmu(vec![(at(8_000), at(3_000), Fault::Silent)]),
    ]);
    let exporter = start(&server, &["lossy", "down", "silent"]);
    exporter.until("audio of each", |scrape| {
        ["lossy", "down", "silent"]
            .iter()
            .all(|s| scrape.state(s) == "streaming")
    });
    assert!(
        server.elapsed() < at(8_000),
        "too slow a start for this schedule"
    );
    let unserved = || server.truth(1).away + server.truth(1).knocking;
    let unserved_before = unserved();
    exporter.until("three seconds after it all", |scrape| {
        let audio =
            |source| scrape.value("myaudio_source_audio_seconds_total", &[("source", source)]);
        let since = server.elapsed().as_secs_f64() - 14.0;
        since > 0.0 && audio("down") > 9.0 && audio("silent") > 9.0
    });

    // Lost packets: the length is known to the sample.
    let lossy = clip(&exporter, "lossy", "last=60s");
    let (start, frames) = only_gap(&lossy);
    assert_eq!(frames as u64, server.truth(0).lost_packets * 160);
    for (n, (heard, sent)) in lossy.wav.samples.iter().zip(sent()).enumerate() {
        let expected = if (start..start + frames).contains(&n) {
            0
        } else {
            sent
        };
        assert_eq!(*heard, expected, "sample {n}");
    }

    // What the clock tells is as exact as packets are sent in time.
    let late = (0..3).map(|n| server.truth(n).late).fold(0.0, f64::max);
    let tolerance = 0.4 + f64::min(late, 1.0);

    // Another session: its audio begins anew, and the clock tells what is missing.
    let down = clip(&exporter, "down", "last=60s");
    let (start, frames) = only_gap(&down);
    let truth = unserved() - unserved_before;
    let told = frames as f64 / 8_000.0;
    assert!(
        (told - truth).abs() < tolerance,
        "{told} s for {truth} s, {late} s late"
    );
    let (before, after) = down.wav.samples.split_at(start);
    assert!(before.iter().copied().eq(sent().take(start)));
    let after = &after[frames..];
    assert!(after.iter().copied().eq(sent().take(after.len())));

    // A pause in one session, whose numbers go on as if nothing had been.
    let silent = clip(&exporter, "silent", "last=60s");
    let (start, frames) = only_gap(&silent);
    let (told, truth) = (frames as f64 / 8_000.0, server.truth(2).silent);
    assert!(
        (told - truth).abs() < tolerance,
        "{told} s for {truth} s, {late} s late"
    );
    let (before, after) = silent.wav.samples.split_at(start);
    let audio = before.iter().chain(&after[frames..]).copied();
    assert!(audio.eq(sent().take(silent.wav.samples.len() - frames)));

    // By time: the gap is where the clocks say it was.
    let from = silent.field("clip-start").to_owned();
    let again = clip(&exporter, "silent", &format!("from={from}"));
    let (later, _) = only_gap(&again);
    assert!(later.abs_diff(start) < 800, "{later} for {start}");
}
