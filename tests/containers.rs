//! Files in every container that is read, and files made to break a reader.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::path::{Path, PathBuf};

use support::{Exporter, Scratch, run, write_tone};

const LABEL: &str = "source";
const FAILURES: &str = "myaudio_source_connect_failures_total";

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
fn every_container_plays_with_its_format_level_and_duration() {
    let scratch = Scratch::new();
    let wav = tone(&scratch);
    let cases: [(&str, &str, &[&str]); 9] = [
        ("plain.mp3", "mp3", &["-c:a", "libmp3lame", "-b:a", "128k"]),
        (
            "untagged.mp3",
            "mp3",
            &[
                "-c:a",
                "libmp3lame",
                "-id3v2_version",
                "0",
                "-write_xing",
                "0",
            ],
        ),
        (
            "low.mp3",
            "mp3",
            &[
                "-c:a",
                "libmp3lame",
                "-b:a",
                "32k",
                "-ar",
                "16000",
                "-ac",
                "1",
            ],
        ),
        ("frames.aac", "aac", &["-c:a", "aac"]),
        ("index-last.m4a", "aac", &["-c:a", "aac"]),
        (
            "index-first.mp4",
            "aac",
            &["-c:a", "aac", "-movflags", "+faststart"],
        ),
        ("vorbis.ogg", "vorbis", &["-c:a", "libvorbis"]),
        ("flac.oga", "flac", &["-c:a", "flac"]),
        ("native.flac", "flac", &["-c:a", "flac"]),
    ];
    let paths = cases.map(|(name, _, how)| encode(&wav, &scratch.path(name), how));
    let exporter = Exporter::start(&paths);
    for (name, codec, how) in cases {
        let source = name.split('.').next().unwrap();
        let scrape = exporter.until_state(source, "ended");
        let (rate, channels) = if how.contains(&"16000") {
            ("16000", "1")
        } else {
            ("48000", "2")
        };
        let labels = [
            (LABEL, source),
            ("codec", codec),
            ("sample_rate", rate),
            ("channels", channels),
            ("transport", "file"),
        ];
        assert_eq!(scrape.value("myaudio_source_info", &labels), 1.0, "{name}");
        let level = dbfs(&scrape, source);
        assert!((level + 15.0).abs() < 0.5, "{name}: {level} dBFS");
        let labels = [(LABEL, source)];
        let seconds = scrape.value("myaudio_source_audio_seconds_total", &labels);
        assert!((seconds - 3.0).abs() < 0.15, "{name}: {seconds} s");
        let errors = scrape.value("myaudio_source_decode_errors_total", &labels);
        assert_eq!(errors, 0.0, "{name}");
        assert_eq!(scrape.sum(FAILURES, &labels), 0.0, "{name}");
    }
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
