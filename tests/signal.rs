//! What the signal metrics say of known signals, through the whole program.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

#[path = "signal/damaged.rs"]
mod damaged;
#[path = "signal/recorded.rs"]
mod recorded;

use std::{
    fs::{File, OpenOptions},
    path::{Path, PathBuf},
    time::Duration,
};

use audio_capture_exporter::{
    demo::rtsp::{Media, Mount, Server as DemoServer},
    shutdown::Tasks,
};
use support::{Exporter, Scrape, Scratch, Server, run};

const LABEL: &str = "source";

fn signal(scrape: &Scrape, what: &str, source: &str) -> f64 {
    scrape.value(&format!("myaudio_signal_{what}"), &[(LABEL, source)])
}

fn silent_seconds(scrape: &Scrape, source: &str) -> [f64; 2] {
    ["digital", "quiet"].map(|kind| {
        let labels = [(LABEL, source), ("kind", kind)];
        scrape.value("myaudio_signal_silent_seconds_total", &labels)
    })
}

fn audio_seconds(scrape: &Scrape, source: &str) -> f64 {
    scrape.value("myaudio_source_audio_seconds_total", &[(LABEL, source)])
}

/// A number that looks random but belongs to `seed`.
fn dice(seed: u32) -> u32 {
    let mixed = seed.wrapping_mul(0x9E37_79B9) ^ 0x85EB_CA6B;
    let mixed = (mixed ^ (mixed >> 16)).wrapping_mul(0x21F0_AAAD);
    (mixed ^ (mixed >> 15)).wrapping_mul(0x735A_2D97) ^ (mixed >> 9)
}

#[test]
fn a_tone_of_minus_15_dbfs_reads_so_through_every_codec() {
    let mounts = ["l16", "l16s", "pcmu", "aac"];
    let server = Server::gstreamer(&["--mounts", &mounts.join(",")]);
    let arguments = mounts.map(|mount| format!("{mount}={}", server.url(&format!("/{mount}"))));
    let exporter = Exporter::start(arguments);
    let scrape = exporter.until("eight seconds of each", |scrape| {
        let heard = |mount: &&str| audio_seconds(scrape, mount) > 8.0;
        mounts.iter().all(heard)
    });
    let peak = 10f64.powf(-15.0 / 20.0) * std::f64::consts::SQRT_2;
    for mount in mounts {
        let dbfs = 20.0 * signal(&scrape, "rms_ratio", mount).log10();
        assert!((dbfs + 15.0).abs() < 0.1, "{mount}: {dbfs}");
        let measured = signal(&scrape, "peak_ratio", mount);
        // The first packets of an AAC encoder overshoot.
        let most = if mount == "aac" { 1.3 } else { 1.05 };
        assert!(
            (0.95..most).contains(&(measured / peak)),
            "{mount}: {measured}"
        );
        let offset = signal(&scrape, "dc_offset_ratio", mount);
        assert!(offset.abs() < 1e-3, "{mount}: {offset}");
        for nothing in ["clipped_samples_total", "silent", "stuck"] {
            assert_eq!(signal(&scrape, nothing, mount), 0.0, "{mount} {nothing}");
        }
        assert_eq!(silent_seconds(&scrape, mount), [0.0, 0.0], "{mount}");
        // All of it was read, and nothing waited for the reader.
        let analysis = [(LABEL, mount), ("buffer_type", "analysis")];
        let of = |family: &str| scrape.value(&format!("myaudio_buffer_{family}"), &analysis);
        assert_eq!(of("active_readers"), 1.0, "{mount}");
        assert_eq!(
            (of("dropped_bytes_total"), of("overflows_total")),
            (0.0, 0.0),
            "{mount}"
        );
        let unread = of("write_bytes_total") - of("read_bytes_total");
        assert!(unread < 0.5 * of("capacity_bytes"), "{mount}: {unread}");
    }
    // When the audio stays away, nothing is claimed about it.
    drop(server);
    exporter.until("no more is known", |scrape| {
        mounts.iter().all(|mount| {
            let ratios = ["rms_ratio", "peak_ratio", "dc_offset_ratio"];
            ratios
                .iter()
                .all(|ratio| signal(scrape, ratio, mount).is_nan())
        })
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_is_told_after_its_time_and_taken_back_with_the_first_sound() {
    // Four seconds of noise and four of digital zeros in µ-law, over and over, in real time.
    let noise = (0..32_000).map(|n| 0x80 | (dice(n) % 0x60) as u8);
    let recording: Vec<u8> = noise.chain(std::iter::repeat_n(0xFF, 32_000)).collect();
    let tasks = Tasks::default();
    let media = Media::recorded_pcmu(&recording).unwrap();
    let server = DemoServer::start(&tasks, vec![Mount::new("now-and-then", media)]).unwrap();
    let scratch = Scratch::new();
    let url = format!("rtsp://{}/now-and-then", server.address());
    let config = scratch.write(
        "config.yaml",
        &format!(
            "sources:\n\
             - {{ name: noon, url: \"{url}\", silence: {{ after: 2s }} }}\n\
             - {{ name: night, url: \"{url}\", silence: {{ after: 2s, quiet_hours: [\"00:00-24:00\"] }} }}\n\
             - {{ name: patient, url: \"{url}\", silence: {{ after: 5s }} }}\n"
        ),
    );
    let exporter = Exporter::with_config(&config);
    for (round, silent) in [1.0, 0.0, 1.0].into_iter().enumerate() {
        let scrape = exporter.until(&format!("silent is {silent}"), |scrape| {
            audio_seconds(scrape, "noon") > 4.5 && signal(scrape, "silent", "noon") == silent
        });
        assert_eq!(scrape.state("noon"), "streaming");
        for other in ["night", "patient"] {
            assert_eq!(signal(&scrape, "silent", other), 0.0, "{other}");
        }
        // A third of the four seconds may be told before they are over, not more.
        let [digital, quiet] = silent_seconds(&scrape, "noon");
        let spells = (round / 2 + 1) as f64;
        assert!(
            digital >= 4.0 * spells - 2.5,
            "{digital} s in round {round}"
        );
        assert!(digital <= 4.0 * spells, "{digital} s in round {round}");
        assert!(quiet <= 0.5 * spells, "{quiet} s in round {round}");
        assert_eq!(signal(&scrape, "stuck", "noon"), 0.0);
    }
    exporter.process.until("the page says so, too", || {
        exporter.get("/").1.contains("silent for too long")
    });
    drop(exporter);
    tasks.drain(Duration::from_secs(5)).await;
}

#[test]
fn the_same_packet_again_and_again_is_stuck() {
    // 1,000 Hz at 8 kHz has eight samples a period: every packet is the same.
    let server = Server::gstreamer(&["--mounts", "pcmu", "--freq", "1000"]);
    let exporter = Exporter::start([format!("again={}", server.url("/pcmu"))]);
    let scrape = exporter.until("stuck", |scrape| signal(scrape, "stuck", "again") == 1.0);
    let seconds = audio_seconds(&scrape, "again");
    assert!(seconds >= 5.0, "{seconds} s");
    exporter.until_source("again", |answer| {
        let dbfs = answer["signal"]["rms_dbfs"].as_f64().unwrap();
        assert!((dbfs + 15.0).abs() < 0.1, "{answer}");
        answer["signal"]["stuck"] == true
    });
}

/// A FIFO, and the program that captures from it as `rec`.
fn fifo(scratch: &Scratch, keys: &str) -> (Exporter, PathBuf) {
    let fifo = scratch.path("rec.pcm");
    run("mkfifo", &[fifo.to_str().unwrap()], "");
    let url = format!("fifo://{}", fifo.display());
    let config = format!("sources: [ {{ name: rec, url: \"{url}\"{keys} }} ]\n");
    let exporter = Exporter::with_config(&scratch.write("config.yaml", &config));
    (exporter, fifo)
}

/// The end of a FIFO that is written to.
fn writer(fifo: &Path) -> File {
    OpenOptions::new().write(true).open(fifo).unwrap()
}
