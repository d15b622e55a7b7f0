//! A directory that a recorder writes one file after another into.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime},
};

use support::{
    Exporter, Scrape, Scratch, run,
    wav::{begin, record, whole},
};

/// Less than a packet of the demultiplexer (1,152 frames) may be held until more comes.
const HELD: f64 = 0.15;
const AUDIO: &str = "myaudio_source_audio_seconds_total";

fn audio(scrape: &Scrape) -> f64 {
    scrape.sum(AUDIO, &[("source", "rec")])
}

/// A directory `rec` and a configuration that watches it.
fn folder(scratch: &Scratch, keys: &str) -> (std::path::PathBuf, std::path::PathBuf) {
    let rec = scratch.path("rec");
    fs::create_dir(&rec).unwrap();
    let url = rec.display();
    let text = format!("sources: [ {{ url: \"dir://{url}\", stall_after: 5s{keys} }} ]\n");
    let config = scratch.write("config.yaml", &text);
    (rec, config)
}

/// Puts a whole file there in one moment, as a recorder does that renames when done.
fn deliver(rec: &Path, name: &str, bytes: &[u8]) {
    let hidden = rec.join(format!(".{name}.part"));
    fs::write(&hidden, bytes).unwrap();
    fs::rename(hidden, rec.join(name)).unwrap();
}

#[track_caller]
fn until_audio(exporter: &Exporter, seconds: f64) -> Scrape {
    exporter.until(&format!("{seconds} s of audio"), |scrape| {
        audio(scrape) > seconds - HELD
    })
}

#[test]
fn each_segment_is_played_once_in_order_as_one_session() {
    let scratch = Scratch::new();
    let (rec, config) = folder(&scratch, "");
    let exporter = Exporter::with_config(&config);
    exporter.until_state("rec", "waiting");
    // Growing ones, one after the other.
    for n in 0..3 {
        let mut file = begin(&rec.join(format!("{n}.wav")));
        record(&mut file, 2.0, -20.0);
    }
    // Whole ones, and things that are none.
    for n in 3..6 {
        deliver(&rec, &format!("{n}.wav"), &whole(2.0, -20.0));
        fs::write(rec.join(format!("{n}.txt")), "notes").unwrap();
    }
    until_audio(&exporter, 12.0);
    // Touching or tagging an old one does not play it again.
    let old = fs::OpenOptions::new()
        .append(true)
        .open(rec.join("1.wav"))
        .unwrap();
    old.set_modified(SystemTime::now()).unwrap();
    deliver(&rec, "6.wav", &whole(1.0, -20.0));
    let scrape = until_audio(&exporter, 13.0);
    assert!((audio(&scrape) - 13.0).abs() < HELD, "{}", audio(&scrape));
    assert_eq!(scrape.ledger("rec"), [1.0, 1.0, 0.0, 0.0]);
    let labels = [("source", "rec")];
    assert_eq!(scrape.sum("myaudio_source_disconnects_total", &labels), 0.0);
    assert_eq!(
        scrape.sum("myaudio_source_connect_attempts_total", &labels),
        1.0
    );
    let left = scrape.unexplained_seconds("rec").abs();
    assert!(
        left < 5.5,
        "{left} s unexplained\n{}",
        scrape.without_zeros()
    );
}

#[test]
fn a_recorder_of_whole_files_neither_stalls_nor_loses_time_between_them() {
    let scratch = Scratch::new();
    // Files of 12 s: longer than the ledger's window and more than twice `stall_after`.
    let (rec, config) = folder(&scratch, "");
    let exporter = Exporter::with_config(&config);
    exporter.until_state("rec", "waiting");
    let began = std::time::Instant::now();
    deliver(&rec, "0.wav", &whole(12.0, -20.0));
    for n in 1..3 {
        exporter.until("the file is full", |scrape| {
            assert_ne!(scrape.state("rec"), "stalled");
            began.elapsed() >= Duration::from_secs(12) * n
        });
        deliver(&rec, &format!("{n}.wav"), &whole(12.0, -20.0));
        until_audio(&exporter, f64::from(12 * (n + 1)));
    }
    let scrape = exporter.scrape();
    let stalled = [("source", "rec"), ("cause", "stall")];
    let gap = scrape.sum("myaudio_source_gap_seconds_total", &stalled);
    assert!(
        gap < 1.0,
        "{gap} s of stall invented\n{}",
        scrape.without_zeros()
    );
    // The first file came whole; what followed was due, each up to a look later.
    let surplus = scrape.sum("myaudio_source_surplus_seconds_total", &[("source", "rec")]);
    assert!(surplus < 15.0, "{surplus} s of surplus");
}

#[test]
fn a_change_of_format_is_another_epoch_and_garbage_is_skipped() {
    let scratch = Scratch::new();
    let (rec, config) = folder(&scratch, "");
    let exporter = Exporter::with_config(&config);
    exporter.until_state("rec", "waiting");
    deliver(&rec, "0.wav", &whole(1.0, -20.0));
    until_audio(&exporter, 1.0);
    deliver(&rec, "1.wav", "no audio\n".repeat(200_000).as_bytes());
    deliver(&rec, "2.wav", b"");
    let stereo = scratch.path("stereo.wav");
    support::write_tone(&stereo, 16_000, 2, 1.0, -20.0);
    deliver(&rec, "3.wav", &fs::read(&stereo).unwrap());
    let scrape = until_audio(&exporter, 2.0);
    assert_eq!(scrape.ledger("rec"), [2.0, 2.0, 0.0, 0.0]);
    let released = [
        ("source", "rec"),
        ("buffer_type", "capture"),
        ("reason", "format_change"),
    ];
    assert_eq!(scrape.sum("myaudio_buffer_releases_total", &released), 1.0);
    assert_eq!(
        scrape.sum("myaudio_source_decode_errors_total", &[("source", "rec")]),
        1.0
    );
}

#[test]
fn an_mp4_segment_is_played_once_its_index_is_there_and_one_without_is_skipped() {
    let scratch = Scratch::new();
    let (rec, config) = folder(&scratch, "");
    let made = scratch.path("made.m4a");
    let arguments = "-v error -f lavfi -i sine=sample_rate=48000:duration=3 -c:a aac";
    let mut arguments: Vec<&str> = arguments.split(' ').collect();
    arguments.push(made.to_str().unwrap());
    run("ffmpeg", &arguments, "");
    let bytes = fs::read(&made).unwrap();
    let half = bytes.len() / 2;
    let exporter = Exporter::with_config(&config);
    exporter.until_state("rec", "waiting");
    fs::write(rec.join("0.m4a"), &bytes[..half]).unwrap();
    exporter.until("the first is waited for", |scrape| {
        let log = exporter.process.output();
        scrape.state("rec") == "waiting" && log.contains("played when it is finished")
    });
    support::wav::append(&rec.join("0.m4a"), &bytes[half..]);
    until_audio(&exporter, 3.0);
    // A recorder that died in the middle, and was started again.
    fs::write(rec.join("1.m4a"), &bytes[..half]).unwrap();
    deliver(&rec, "2.m4a", &bytes);
    let scrape = until_audio(&exporter, 6.0);
    assert!((audio(&scrape) - 6.0).abs() < HELD, "{}", audio(&scrape));
    assert_eq!(scrape.ledger("rec"), [1.0, 1.0, 0.0, 0.0]);
    let skipped = scrape.sum("myaudio_source_decode_errors_total", &[("source", "rec")]);
    assert_eq!(skipped, 1.0);
    assert!(
        exporter
            .process
            .output()
            .contains("a segment is skipped: this MP4 has no index")
    );
}

#[test]
fn a_file_of_a_foreign_format_is_skipped_aloud_and_not_called_absent() {
    let scratch = Scratch::new();
    let (rec, config) = folder(&scratch, "");
    let exporter = Exporter::with_config(&config);
    exporter.until_state("rec", "waiting");
    // Recognised by its first bytes, and not for audio.
    deliver(
        &rec,
        "a.ogg",
        &[&b"\x1aE\xdf\xa3"[..], &vec![0; 50_000]].concat(),
    );
    exporter.until("it is counted", |scrape| {
        scrape.sum("myaudio_source_decode_errors_total", &[("source", "rec")]) == 1.0
    });
    exporter.until("the words for it", |_| {
        let log = exporter.process.output();
        log.contains("a segment is skipped") && log.contains("cannot be played; the log says why")
    });
    assert_eq!(exporter.scrape().state("rec"), "waiting");
    deliver(&rec, "b.wav", &whole(1.0, -20.0));
    until_audio(&exporter, 1.0);
}

#[test]
fn a_ring_of_names_is_played_round_after_round() {
    let scratch = Scratch::new();
    let (rec, config) = folder(&scratch, "");
    let exporter = Exporter::with_config(&config);
    exporter.until_state("rec", "waiting");
    for round in 0..2 {
        for n in 0..2 {
            let mut file = begin(&rec.join(format!("{n}.wav")));
            record(&mut file, 4.0, -20.0);
            let played = f64::from(round * 8 + n * 4 + 4);
            drop(file);
            let enough = played - 4.1;
            until_audio(&exporter, enough);
        }
    }
    let scrape = exporter.until("both rounds", |scrape| audio(scrape) > 16.0 - HELD);
    assert_eq!(scrape.ledger("rec"), [1.0, 1.0, 0.0, 0.0]);
}

#[test]
fn ffmpeg_writes_segments_and_all_of_them_count() {
    let scratch = Scratch::new();
    let (rec, config) = folder(&scratch, ", pattern: \"out-*.wav\"");
    let exporter = Exporter::with_config(&config);
    exporter.until_state("rec", "waiting");
    let out = rec.join("out-%03d.wav");
    let arguments = "-v error -re -f lavfi -i sine=frequency=440:sample_rate=16000:duration=9 \
        -f segment -segment_time 3";
    let mut arguments: Vec<&str> = arguments.split_whitespace().collect();
    arguments.push(out.to_str().unwrap());
    run("ffmpeg", &arguments, "");
    let scrape = until_audio(&exporter, 9.0);
    assert!((audio(&scrape) - 9.0).abs() < 0.2, "{}", audio(&scrape));
    assert_eq!(scrape.ledger("rec"), [1.0, 1.0, 0.0, 0.0]);
    assert_eq!(
        scrape.sum("myaudio_source_decode_errors_total", &[("source", "rec")]),
        0.0
    );
}

#[test]
fn thousands_of_old_files_cost_little_and_are_not_played() {
    let scratch = Scratch::new();
    let (rec, config) = folder(&scratch, "");
    let bytes = whole(3.0, -20.0);
    let long_ago = SystemTime::now() - Duration::from_secs(86_400);
    for n in 0..5000 {
        let path = rec.join(format!("old-{n:05}.wav"));
        fs::write(&path, if n == 4321 { &bytes[..] } else { b"" }).unwrap();
        let age = if n == 4321 { 3600 } else { 7200 };
        let file = fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.set_modified(long_ago - Duration::from_secs(age))
            .unwrap();
    }
    let exporter = Exporter::with_config(&config);
    // Of the newest of the old ones, the end.
    let scrape = until_audio(&exporter, 2.0);
    assert!((audio(&scrape) - 2.0).abs() < HELD);
    let (cpu, began) = (exporter.process.cpu_seconds(), std::time::Instant::now());
    let mut n = 0;
    while began.elapsed() < Duration::from_secs(10) {
        deliver(&rec, &format!("new-{n}.wav"), &whole(1.0, -20.0));
        n += 1;
        until_audio(&exporter, 2.0 + f64::from(n));
    }
    let busy = (exporter.process.cpu_seconds() - cpu) / began.elapsed().as_secs_f64();
    // Unbounded scanning would keep a core busy; once a second is a few per cent of one.
    assert!(busy < 0.4, "{busy} of a core");
}
