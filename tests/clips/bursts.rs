//! Audio that comes late and at once is found at the time when it was recorded.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    thread,
    time::{Duration, Instant, SystemTime},
};

use crate::{
    client::{Clip, clip},
    support::{Exporter, Scratch, run, write_wav},
};

const RATE: u32 = 8_000;
/// Less than a packet of the demultiplexer (1,152 frames) waits for more, in seconds.
const HELD: f64 = 0.15;

/// Samples that tell their number.
fn samples(from: u32, count: u32) -> Vec<i16> {
    (from..from + count)
        .map(|n| (n as u16).cast_signed())
        .collect()
}

fn unix(time: SystemTime) -> f64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap().as_secs_f64()
}

/// A field that is a moment, as seconds since 1970, on the day of `near`.
fn moment(clip: &Clip, field: &str, near: f64) -> f64 {
    let text = clip.field(field);
    let clock = text.split_once('T').unwrap().1.trim_end_matches('Z');
    let parts = clock.split(':').map(|part| part.parse::<f64>().unwrap());
    let of_day = parts.fold(0.0, |sum, part| sum * 60.0 + part);
    let off = (of_day - near).rem_euclid(86_400.0);
    near + if off > 43_200.0 { off - 86_400.0 } else { off }
}

fn range(exporter: &Exporter, from: f64, to: f64) -> Clip {
    clip(exporter, "it", &format!("from={from:.6}&to={to:.6}"))
}

#[track_caller]
fn near(told: f64, truth: f64) {
    // A busy machine reads late, never early.
    assert!((-HELD..0.5).contains(&(told - truth)), "{told} for {truth}");
}

fn until_audio(exporter: &Exporter, seconds: f64) {
    exporter.until("the audio", |scrape| {
        let labels = [("source", "it")];
        scrape.value("myaudio_source_audio_seconds_total", &labels) > seconds - HELD
    });
}

#[test]
fn a_fifo_that_is_written_in_bursts_is_asked_range_by_range() {
    const EVERY: u32 = 2;
    let scratch = Scratch::new();
    let fifo = scratch.path("it.pcm");
    run("mkfifo", &[fifo.to_str().unwrap()], "");
    let config = format!(
        "web: {{ audio: true }}\nsources:\n- {{ name: it, url: \"fifo://{}\", pcm: {{ format: \
         s16le, sample_rate: {RATE}, channels: 1 }} }}\n",
        fifo.display()
    );
    let exporter = Exporter::with_config(&scratch.write("config.yaml", &config));
    let mut writer = OpenOptions::new().write(true).open(&fifo).unwrap();
    let (start, started) = (Instant::now(), unix(SystemTime::now()));
    let (mut from, mut heard) = (started - 1.0, Vec::new());
    for n in 0..6 {
        thread::sleep((Duration::from_secs(2) * n).saturating_sub(start.elapsed()));
        let came = unix(SystemTime::now());
        let burst = samples(n * EVERY * RATE, EVERY * RATE);
        let bytes: Vec<_> = burst.iter().flat_map(|s| s.to_le_bytes()).collect();
        writer.write_all(&bytes).unwrap();
        until_audio(&exporter, f64::from((n + 1) * EVERY));

        // What is newest was recorded just now.
        let newest = clip(&exporter, "it", "last=60s");
        near(moment(&newest, "clip-end", came), came);
        assert_eq!(newest.field("clip-gap-count"), "0", "burst {n}");
        let sent = samples(0, (n + 1) * EVERY * RATE);
        assert!(sent.starts_with(&newest.wav.samples), "{}", newest.head);
        // Range after range, each as soon as all of it must be there.
        let to = came - 2.0 * HELD;
        if n > 0 {
            let part = range(&exporter, from, to);
            assert_eq!(part.frames("missing"), 0, "{}", part.head);
            heard.extend(part.wav.samples);
            from = to;
        }
    }
    let first = u32::from(heard[0].cast_unsigned());
    assert!(first < 2 * RATE, "{first}");
    let expected = samples(first, heard.len() as u32);
    assert!(heard == expected, "a sample is there twice or not at all");
}

#[test]
fn a_segment_that_comes_whole_was_recorded_before() {
    let scratch = Scratch::new();
    let folder = scratch.path("rec");
    fs::create_dir(&folder).unwrap();
    let config = format!(
        "web: {{ audio: true }}\nbuffers: {{ capture: {{ duration: 2m }} }}\nsources:\n- {{ name: \
         it, url: \"dir://{}\" }}\n",
        folder.display()
    );
    let exporter = Exporter::with_config(&scratch.write("config.yaml", &config));
    exporter.until_state("it", "waiting");
    let hidden = folder.join(".part");
    let sent = samples(0, 60 * RATE);
    write_wav(&hidden, RATE, 1, &sent);
    let came = unix(SystemTime::now());
    fs::rename(hidden, folder.join("minute.wav")).unwrap();
    until_audio(&exporter, 60.0);
    let all = clip(&exporter, "it", "last=60s");
    let sent = &sent[..all.wav.samples.len()];
    assert!(all.wav.samples == sent, "{}", all.head);
    // A folder is looked at some times a second.
    let end = moment(&all, "clip-end", came);
    assert!((-HELD..2.0).contains(&(end - came)), "{end} for {came}");
    let newest = range(&exporter, end - 5.0, end - 2.0);
    let first = sent.len() - 5 * RATE as usize;
    assert!(
        newest.wav.samples.len().abs_diff(3 * RATE as usize) <= 1
            && newest.wav.samples[0].abs_diff(sent[first]) <= 1,
        "{}",
        newest.head
    );
}
