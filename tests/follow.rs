//! A followed file: it grows, is cut, replaced, deleted, comes back.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::fs;

use support::{
    Exporter, Scrape, Scratch,
    wav::{append, begin, header, record, tone, whole},
};

const FOLLOW: &str = "sources: [ { url: rec.wav, follow: true, stall_after: 2s } ]\n";
/// Less than a packet of the demultiplexer (1,152 frames) may be held until more comes.
const HELD: f64 = 0.15;
const AUDIO: &str = "myaudio_source_audio_seconds_total";

fn audio(scrape: &Scrape) -> f64 {
    scrape.sum(AUDIO, &[("source", "rec")])
}

#[track_caller]
fn until_audio(exporter: &Exporter, seconds: f64) -> Scrape {
    exporter.until(&format!("{seconds} s of audio"), |scrape| {
        audio(scrape) > seconds - HELD
    })
}

/// One buffer and one session all the way, and a time ledger that adds up.
#[track_caller]
fn assert_whole(scrape: &Scrape) {
    assert_eq!(scrape.ledger("rec"), [1.0, 1.0, 0.0, 0.0]);
    for counted in [
        "myaudio_source_disconnects_total",
        "myaudio_source_connect_failures_total",
        "myaudio_source_decode_errors_total",
    ] {
        assert_eq!(scrape.sum(counted, &[("source", "rec")]), 0.0, "{counted}");
    }
    let left = scrape.unexplained_seconds("rec").abs();
    assert!(
        left < 2.5,
        "{left} s unexplained\n{}",
        scrape.without_zeros()
    );
}

#[test]
fn a_growing_file_is_read_as_it_grows_and_stalls_when_it_does_not() {
    let scratch = Scratch::new();
    let config = scratch.write("config.yaml", FOLLOW);
    let path = scratch.path("rec.wav");
    let exporter = Exporter::with_config(&config);
    let waiting = exporter.until_state("rec", "waiting");
    assert_eq!(audio(&waiting), 0.0);
    assert!(!path.exists(), "waiting makes no file");
    let mut file = begin(&path);
    record(&mut file, 3.0, -20.0);
    let streamed = until_audio(&exporter, 3.0);
    assert!((audio(&streamed) - 3.0).abs() < HELD);
    assert!((streamed.dbfs_since(&waiting, "rec") + 20.0).abs() < 0.2);
    let stalled = exporter.until_state("rec", "stalled");
    assert_whole(&stalled);
    assert!(
        stalled.sum(
            "myaudio_source_gap_seconds_total",
            &[("source", "rec"), ("cause", "connect")]
        ) > 0.0
    );
    record(&mut file, 1.0, -20.0);
    let again = until_audio(&exporter, 4.0);
    assert_eq!(again.state("rec"), "streaming");
    assert_whole(&again);
}

#[test]
fn what_was_there_before_is_not_played_but_its_last_two_seconds() {
    let scratch = Scratch::new();
    let config = scratch.write("config.yaml", FOLLOW);
    let path = scratch.path("rec.wav");
    // The header knows an older length, as of a recorder that updates it now and then.
    fs::write(&path, [header(16_000), tone(60.0, -20.0)].concat()).unwrap();
    let exporter = Exporter::with_config(&config);
    let before = until_audio(&exporter, 2.0);
    assert!((audio(&before) - 2.0).abs() < HELD, "{}", audio(&before));
    append(&path, &tone(0.5, -20.0));
    let after = until_audio(&exporter, 2.5);
    assert!((audio(&after) - 2.5).abs() < HELD, "{}", audio(&after));
    assert_whole(&after);
}

#[test]
fn a_flac_file_that_was_there_before_is_passed_over_until_it_grows() {
    let scratch = Scratch::new();
    let config = scratch.write(
        "config.yaml",
        "sources: [ { name: rec, url: rec.flac, follow: true } ]\n",
    );
    let flac = scratch.path("all.flac");
    // Noise: what a demultiplexer reads ahead is then a moment and not many seconds.
    let arguments = "-v error -f lavfi -i anoisesrc=sample_rate=48000:duration=40:amplitude=0.1";
    let mut arguments: Vec<&str> = arguments.split(' ').collect();
    arguments.push(flac.to_str().unwrap());
    support::run("ffmpeg", &arguments, "");
    let bytes = fs::read(&flac).unwrap();
    let path = scratch.path("rec.flac");
    let old = bytes.len() * 3 / 4;
    fs::write(&path, &bytes[..old]).unwrap();
    let exporter = Exporter::with_config(&config);
    let before = exporter.until("the codec is known", |scrape| {
        scrape.sum(
            "myaudio_source_info",
            &[("source", "rec"), ("codec", "flac")],
        ) == 1.0
    });
    append(&path, &bytes[old..]);
    let after = until_audio(&exporter, 8.0);
    // What was read ahead but not decoded at the end of the old part counts as new.
    assert!(audio(&before) < 3.0, "{}", audio(&before));
    assert!(audio(&after) < 14.0, "{}", audio(&after));
    assert_whole(&after);
}

#[test]
fn cut_replaced_deleted_and_written_anew_it_goes_on_in_the_same_buffer() {
    let scratch = Scratch::new();
    let config = scratch.write("config.yaml", FOLLOW);
    let path = scratch.path("rec.wav");
    let exporter = Exporter::with_config(&config);
    exporter.until_state("rec", "waiting");
    fs::write(&path, whole(1.0, -20.0)).unwrap();
    until_audio(&exporter, 1.0);

    // Replaced by renaming another one over it; the rest of the old one is still played.
    append(&path, &tone(0.5, -20.0));
    let new = scratch.path("new.wav");
    fs::write(&new, whole(2.0, -20.0)).unwrap();
    let rest = fs::OpenOptions::new().append(true).open(&path).unwrap();
    fs::rename(&new, &path).unwrap();
    drop(rest);
    until_audio(&exporter, 3.5);

    // Cut in place and begun anew.
    let mut file = begin(&path);
    record(&mut file, 1.0, -20.0);
    until_audio(&exporter, 4.5);

    // Written anew in place, at once and longer than before: nothing but the content tells.
    fs::write(&path, [header(0), tone(3.0, -26.0)].concat()).unwrap();
    until_audio(&exporter, 7.5);

    // Deleted: waiting. Back, perhaps with the same inode number.
    fs::remove_file(&path).unwrap();
    exporter.until_source("rec", |rec| {
        let problem = rec["problem"].as_str().unwrap_or_default();
        rec["state"] == "waiting" && problem.contains("is gone") && !problem.contains("yet")
    });
    fs::write(&path, whole(1.0, -20.0)).unwrap();
    let back = until_audio(&exporter, 8.5);
    assert!((audio(&back) - 8.5).abs() < HELD, "{}", audio(&back));
    assert_whole(&back);
}

#[test]
fn an_mp4_whose_index_comes_last_waits_until_it_is_finished_and_is_played_once() {
    let scratch = Scratch::new();
    let config = scratch.write(
        "config.yaml",
        "sources: [ { name: rec, url: rec.m4a, follow: true, stall_after: 2s } ]\n",
    );
    let made = scratch.path("made.m4a");
    let arguments = "-v error -f lavfi -i sine=sample_rate=48000:duration=3 -c:a aac";
    let mut arguments: Vec<&str> = arguments.split(' ').collect();
    arguments.push(made.to_str().unwrap());
    support::run("ffmpeg", &arguments, "");
    let bytes = fs::read(&made).unwrap();
    let path = scratch.path("rec.m4a");
    let exporter = Exporter::with_config(&config);
    exporter.until_state("rec", "waiting");
    let half = bytes.len() / 2;
    fs::write(&path, &bytes[..half]).unwrap();
    exporter.until("what is wrong and what to do is said", |scrape| {
        let log = exporter.process.output();
        scrape.state("rec") == "waiting" && log.contains("let the recorder write fragmented MP4")
    });
    append(&path, &bytes[half..]);
    until_audio(&exporter, 3.0);
    // It is not opened over and over.
    let stalled = exporter.until_state("rec", "stalled");
    assert!((audio(&stalled) - 3.0).abs() < HELD, "{}", audio(&stalled));
    fs::rename(&made, &path).unwrap();
    let again = until_audio(&exporter, 6.0);
    assert!((audio(&again) - 6.0).abs() < HELD, "{}", audio(&again));
    assert_eq!(again.ledger("rec"), [1.0, 1.0, 0.0, 0.0]);
    let errors = again.sum("myaudio_source_decode_errors_total", &[("source", "rec")]);
    assert_eq!(errors, 0.0);
}

#[test]
fn a_fragmented_mp4_goes_on_where_it_was_and_its_past_is_not_played() {
    let scratch = Scratch::new();
    let config = scratch.write(
        "config.yaml",
        "sources: [ { name: rec, url: rec.mp4, follow: true } ]\n",
    );
    let made = scratch.path("made.mp4");
    // Noise at a high rate: what is read ahead is then a moment.
    let arguments = "-v error -f lavfi -i anoisesrc=sample_rate=48000:duration=40:amplitude=0.1 \
        -c:a aac -b:a 256k -frag_duration 500000 \
        -movflags +empty_moov+default_base_moof+frag_keyframe";
    let mut arguments: Vec<&str> = arguments.split_whitespace().collect();
    arguments.push(made.to_str().unwrap());
    support::run("ffmpeg", &arguments, "");
    let bytes = fs::read(&made).unwrap();
    let path = scratch.path("rec.mp4");
    let old = bytes.len() * 3 / 4;
    fs::write(&path, &bytes[..old]).unwrap();
    let exporter = Exporter::with_config(&config);
    let before = exporter.until("the codec is known", |scrape| {
        let labels = [("source", "rec"), ("codec", "aac")];
        scrape.sum("myaudio_source_info", &labels) == 1.0
    });
    append(&path, &bytes[old..]);
    let after = until_audio(&exporter, 9.0);
    assert!(audio(&before) < 3.0, "{}", audio(&before));
    assert!(audio(&after) < 14.0, "{}", audio(&after));
    assert_whole(&after);
}

#[test]
fn what_is_no_audio_says_so_and_does_not_hurry() {
    let scratch = Scratch::new();
    let config = scratch.write("config.yaml", FOLLOW);
    fs::write(scratch.path("rec.wav"), "no audio at all\n".repeat(200_000)).unwrap();
    let exporter = Exporter::with_config(&config);
    let scrape = exporter.until_state("rec", "unsupported");
    let labels = [("source", "rec"), ("reason", "unsupported")];
    assert_eq!(
        scrape.value("myaudio_source_connect_failures_total", &labels),
        1.0
    );
}

#[test]
fn a_foreign_format_is_told_by_its_first_bytes_and_not_opened_over_and_over() {
    let matroska = [&b"\x1aE\xdf\xa3"[..], &vec![0; 50_000]].concat();
    let playlist = b"#EXTM3U\nhttp://radio.example/live.mp3\n".to_vec();
    for content in [matroska, playlist] {
        let scratch = Scratch::new();
        let config = scratch.write("config.yaml", FOLLOW);
        fs::write(scratch.path("rec.wav"), content).unwrap();
        let exporter = Exporter::with_config(&config);
        let scrape = exporter.until("unsupported", |scrape| scrape.state("rec") == "unsupported");
        let labels = [("source", "rec"), ("reason", "unsupported")];
        assert_eq!(
            scrape.value("myaudio_source_connect_failures_total", &labels),
            1.0
        );
        exporter.until("the words for it", |_| {
            exporter.process.output().contains("cannot open: this is ")
        });
    }
}

#[test]
fn a_replaced_session_leaves_no_thread_behind() {
    let scratch = Scratch::new();
    let config = scratch.write("config.yaml", FOLLOW);
    let exporter = Exporter::with_config(&config);
    exporter.until_state("rec", "waiting");
    let threads = || {
        fs::read_dir(format!("/proc/{}/task", exporter.process.id()))
            .unwrap()
            .count()
    };
    let (before, open) = (threads(), exporter.process.descriptors());
    for stall in 3..8 {
        scratch.write("config.yaml", &FOLLOW.replace("2s", &format!("{stall}s")));
        assert_eq!(exporter.reload().0, 200);
    }
    exporter.until("one thread as before", |_| {
        threads() <= before && exporter.process.descriptors() <= open + 1
    });
}
