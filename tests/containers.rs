//! Files of several streams, files that are cut off, and files made to break a reader.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::path::{Path, PathBuf};

use support::{Exporter, Scratch, run, write_tone};

const LABEL: &str = "source";

/// Three seconds of a tone of -15 dBFS.
fn tone(scratch: &Scratch) -> PathBuf {
    let wav = scratch.path("tone.wav");
    write_tone(&wav, 48_000, 2, 3.0, -15.0);
    wav
}

fn encode(from: &Path, to: &Path, how: &[&str]) -> String {
    let mut arguments = vec!["-v", "error", "-i", from.to_str().unwrap()];
    arguments.extend(how);
    arguments.push(to.to_str().unwrap());
    run("ffmpeg", &arguments, "");
    to.to_str().unwrap().to_owned()
}

fn dbfs(scrape: &support::Scrape, source: &str) -> f64 {
    let value = |name| scrape.value(name, &[(LABEL, source)]);
    10.0 * (value("myaudio_signal_energy_total") / value("myaudio_signal_samples_total")).log10()
}

#[test]
fn chained_streams_play_on_and_another_format_gets_another_buffer() {
    let scratch = Scratch::new();
    let wav = tone(&scratch);
    encode(&wav, &scratch.path("a.ogg"), &["-c:a", "libvorbis"]);
    let mono = scratch.path("mono.wav");
    write_tone(&mono, 44_100, 1, 3.0, -15.0);
    encode(&mono, &scratch.path("b.ogg"), &["-c:a", "libvorbis"]);
    let link = |name| std::fs::read(scratch.path(name)).unwrap();
    let chain = [link("a.ogg"), link("a.ogg"), link("b.ogg")].concat();
    let path = scratch.path("chain.ogg");
    std::fs::write(&path, chain).unwrap();
    let exporter = Exporter::start([path.to_str().unwrap()]);
    let scrape = exporter.until_state("chain", "ended");
    let labels = [(LABEL, "chain")];
    let seconds = scrape.value("myaudio_source_audio_seconds_total", &labels);
    assert!((seconds - 9.0).abs() < 0.3, "{seconds} s");
    assert_eq!(scrape.ledger("chain"), [2.0, 2.0, 0.0, 0.0]);
    let changed = [
        (LABEL, "chain"),
        ("buffer_type", "capture"),
        ("reason", "format_change"),
    ];
    assert_eq!(scrape.value("myaudio_buffer_releases_total", &changed), 1.0);
    assert!((dbfs(&scrape, "chain") + 15.0).abs() < 0.5);
}

#[test]
fn a_file_that_is_cut_off_is_played_so_far_and_says_what_is_missing() {
    let scratch = Scratch::new();
    let wav = tone(&scratch);
    let cut = |from: &Path, to: &str, part: f64| {
        let bytes = std::fs::read(from).unwrap();
        std::fs::write(
            scratch.path(to),
            &bytes[..(bytes.len() as f64 * part) as usize],
        )
        .unwrap();
    };
    let made = |name: &str, how: &[&str]| PathBuf::from(encode(&wav, &scratch.path(name), how));
    let flac = made("all.flac", &["-c:a", "flac"]);
    let front = made("all.mp4", &["-c:a", "aac", "-movflags", "+faststart"]);
    let back = made("all.m4a", &["-c:a", "aac"]);
    cut(&wav, "half-wav.wav", 0.5);
    cut(&flac, "half-flac.flac", 0.5);
    cut(&front, "half-mp4.mp4", 0.5);
    cut(&back, "no-index.m4a", 0.5);
    let over_and_over = scratch.path("over.wav");
    cut(&wav, "over.wav", 0.25);
    let mut text = "sources:\n".to_owned();
    for name in [
        "half-wav.wav",
        "half-flac.flac",
        "half-mp4.mp4",
        "no-index.m4a",
        "all.flac",
    ] {
        text.push_str(&format!("- {{ url: {name} }}\n"));
    }
    text.push_str(&format!(
        "- {{ url: \"{}\", loop: true }}\n",
        over_and_over.display()
    ));
    let exporter = Exporter::with_config(&scratch.write("config.yaml", &text));
    let seconds = |scrape: &support::Scrape, source: &str| {
        scrape.value("myaudio_source_audio_seconds_total", &[(LABEL, source)])
    };
    for source in ["half-wav", "half-flac", "half-mp4"] {
        let scrape = exporter.until_state(source, "ended");
        let labels = [(LABEL, source), ("reason", "truncated")];
        let ended = scrape.value("myaudio_source_disconnects_total", &labels);
        assert_eq!(ended, 1.0, "{source}");
        let heard = seconds(&scrape, source);
        assert!((0.8..2.2).contains(&heard), "{source}: {heard} s");
        let log = exporter.process.output();
        let line = log
            .lines()
            .find(|line| line.contains("level=warn") && line.contains(&format!("source={source}")));
        let line = line.unwrap_or_else(|| panic!("{source} warns of nothing:\n{log}"));
        let missing = line
            .split("cut off: ")
            .nth(1)
            .unwrap()
            .split(' ')
            .next()
            .unwrap();
        let missing: f64 = missing.parse().unwrap();
        assert!((heard + missing - 3.0).abs() < 0.2, "{source}: {line}");
    }
    let scrape = exporter.until_state("no-index", "unsupported");
    assert_eq!(seconds(&scrape, "no-index"), 0.0);
    assert!(exporter.process.output().contains("has no index (moov)"));
    let scrape = exporter.until_state("all", "ended");
    let whole = [(LABEL, "all"), ("reason", "end_of_file")];
    assert_eq!(
        scrape.value("myaudio_source_disconnects_total", &whole),
        1.0
    );
    exporter.until("three rounds", |scrape| seconds(scrape, "over") > 2.2);
    let log = exporter.process.output();
    let warnings = log
        .lines()
        .filter(|line| line.contains("cut off") && line.contains("source=over"));
    assert_eq!(warnings.count(), 1, "{log}");
}

/// An `ID3v2.4` frame: its header, and its body's length in seven bits a byte.
fn id3(name: [u8; 4], flags: usize, body: &[u8]) -> Vec<u8> {
    let size: Vec<u8> = (0..4)
        .rev()
        .map(|n| (body.len() >> (7 * n) & 0x7f) as u8)
        .collect();
    [&name, &size[..], &[0, 0][..flags], body].concat()
}

/// A tag of chapters inside chapters, which overflows a reader that follows them.
fn chapter_chain(bytes: usize) -> Vec<u8> {
    let mut frames = Vec::new();
    // Built from the inside, the chain would take quadratic time: write it from the outside.
    let depth = bytes / 24;
    for level in 0..depth {
        let left = (depth - level - 1) * 24;
        let size: Vec<u8> = (0..4)
            .rev()
            .map(|n| ((14 + left) >> (7 * n) & 0x7f) as u8)
            .collect();
        frames.extend_from_slice(b"CTOC");
        frames.extend_from_slice(&size);
        frames.extend_from_slice(&[0, 0]);
        frames.extend_from_slice(b"x\0\x03\x01chapter-1\0");
    }
    let tag = id3(*b"ID3\x04", 0, &frames);
    [&tag[..4], &[0, 0], &tag[4..]].concat()
}

#[test]
fn files_made_to_break_a_reader_do_not() {
    let scratch = Scratch::new();
    let wav = tone(&scratch);
    let mp3 = scratch.path("plain.mp3");
    encode(&wav, &mp3, &["-c:a", "libmp3lame", "-id3v2_version", "0"]);
    let audio = std::fs::read(&mp3).unwrap();
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(scratch.path(name), bytes).unwrap();
        scratch.path(name).to_str().unwrap().to_owned()
    };
    let chapters = write(
        "chapters.mp3",
        &[chapter_chain(11 << 20), audio.clone()].concat(),
    );
    let junk = write("junk.mp3", &[audio.clone(), vec![0; 64 << 20]].concat());
    let endless = write(
        "endless-tags.mp3",
        &[id3(*b"ID3\x04", 2, b"").repeat(1000), audio].concat(),
    );
    let ts = encode(
        &wav,
        &scratch.path("transport.mp3"),
        &["-c:a", "mp2", "-f", "mpegts"],
    );
    let opus = encode(&wav, &scratch.path("opus.ogg"), &["-c:a", "libopus"]);
    let mp2 = encode(
        &wav,
        &scratch.path("layer2.mp3"),
        &["-c:a", "mp2", "-f", "mp2"],
    );
    let mkv = encode(&wav, &scratch.path("matroska.mka"), &["-c:a", "aac"]);
    let exporter = Exporter::start([&chapters, &junk, &endless, &ts, &opus, &mp2, &mkv]);
    let before = exporter.process.resident();

    let scrape = exporter.until_state("chapters", "ended");
    assert!((dbfs(&scrape, "chapters") + 15.0).abs() < 0.5);

    let decode = [(LABEL, "junk"), ("reason", "decode")];
    let scrape = exporter.until("the junk ends the session", |scrape| {
        scrape.value("myaudio_source_disconnects_total", &decode) >= 1.0
    });
    let seconds = scrape.value("myaudio_source_audio_seconds_total", &[(LABEL, "junk")]);
    assert!((seconds - 3.0).abs() < 0.3, "{seconds} s");

    for (source, codec, words) in [
        ("transport", "mpegts", "MPEG transport stream"),
        ("opus", "opus", "the codec opus"),
        ("layer2", "mp2", "the codec mp2"),
        ("matroska", "matroska", "Matroska"),
        ("endless-tags", "unknown", "ID3"),
    ] {
        let scrape = exporter.until_state(source, "unsupported");
        let labels = [(LABEL, source), ("codec", codec)];
        assert_eq!(
            scrape.value("myaudio_source_info", &labels),
            1.0,
            "{source}"
        );
        assert_eq!(
            scrape.value("myaudio_signal_samples_total", &[(LABEL, source)]),
            0.0
        );
        let log = exporter.process.output();
        let said = |line: &str| line.contains(&format!("source={source} ")) && line.contains(words);
        assert!(
            log.lines().any(said),
            "{source} does not say {words:?}:\n{log}"
        );
    }
    let grown = exporter.process.resident().saturating_sub(before);
    assert!(grown < 48 << 20, "memory grew by {grown} bytes");
}
