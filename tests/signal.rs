//! What the signal metrics say of known signals, through the whole program.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use audio_capture_exporter::{
    decode::{PacketDecoder, is_overlapped},
    demo::rtsp::{Media, Mount, Server as DemoServer},
    shutdown::Tasks,
    signal::{Gate, Levels},
};
use support::{Exporter, PATIENCE, Scrape, Scratch, Server, run};

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

/// Reads a page until it says so; pages are a second old at most.
#[track_caller]
fn until_read(exporter: &Exporter, path: &str, says: impl Fn(&str) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (_, text) = exporter.get(path);
        if says(&text) {
            return;
        }
        assert!(Instant::now() < deadline, "{text}");
        std::thread::sleep(Duration::from_millis(100));
    }
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

/// Writes a WAV file of 8 kHz mono.
fn write_wav(path: &Path, samples: impl Iterator<Item = i16>) {
    let data: Vec<u8> = samples.flat_map(i16::to_le_bytes).collect();
    let mut wav = support::wav::header(u32::try_from(data.len()).unwrap());
    wav.extend(data);
    fs::write(path, wav).unwrap();
}

#[test]
fn every_clipped_sample_counts_and_an_offset_has_its_sign() {
    let scratch = Scratch::new();
    let square = |n: u32| if n % 80 < 40 { 32_767 } else { -32_768 };
    // Two seconds, of which a quarter is at the limits.
    let sometimes = |n: u32| {
        if n % 400 < 100 {
            square(n)
        } else {
            (dice(n) % 9_000) as i16
        }
    };
    write_wav(&scratch.path("clipping.wav"), (0..16_000).map(sometimes));
    let leaning = |n: u32| (dice(n) % 2_000) as i16 - 1_000 - 3_277;
    write_wav(&scratch.path("leaning.wav"), (0..48_000).map(leaning));
    let config = scratch.write(
        "config.yaml",
        "sources:\n- { url: clipping.wav }\n- { url: leaning.wav, loop: true }\n",
    );
    let exporter = Exporter::with_config(&config);
    let scrape = exporter.until_state("clipping", "ended");
    assert_eq!(
        signal(&scrape, "clipped_samples_total", "clipping"),
        4_000.0
    );
    let scrape = exporter.until("a window", |scrape| {
        !signal(scrape, "dc_offset_ratio", "leaning").is_nan()
    });
    let offset = signal(&scrape, "dc_offset_ratio", "leaning");
    assert!((offset + 0.1).abs() < 0.002, "{offset}");
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
    until_read(&exporter, "/", |page| page.contains("silent for too long"));
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
    until_read(&exporter, "/api/v1/sources/again", |text| {
        let answer: serde_json::Value = serde_json::from_str(text).unwrap();
        let dbfs = answer["signal"]["rms_dbfs"].as_f64().unwrap();
        assert!((dbfs + 15.0).abs() < 0.1, "{text}");
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

#[test]
fn audio_that_comes_in_a_burst_is_measured_to_the_end() {
    let scratch = Scratch::new();
    let pcm = ", pcm: { format: s16le, sample_rate: 8000, channels: 1 }";
    let (exporter, fifo) = fifo(&scratch, pcm);
    // A minute at once, twenty times what the analysis buffer holds.
    let mut writer = OpenOptions::new().write(true).open(&fifo).unwrap();
    writer.write_all(&vec![0; 61 * 16_000]).unwrap();
    let scrape = exporter.until("a minute of silence", |scrape| {
        silent_seconds(scrape, "rec")[0] >= 60.0
    });
    let [digital, quiet] = silent_seconds(&scrape, "rec");
    assert!(digital <= audio_seconds(&scrape, "rec") && quiet == 0.0);
    let analysis = [(LABEL, "rec"), ("buffer_type", "analysis")];
    let dropped = scrape.value("myaudio_buffer_dropped_bytes_total", &analysis);
    assert_eq!(dropped, 0.0);
}

#[test]
fn floating_point_beyond_full_scale_is_clipping_and_ends_the_silence() {
    let scratch = Scratch::new();
    let pcm = ", pcm: { format: f32le, sample_rate: 8000, channels: 1 }";
    let (exporter, fifo) = fifo(&scratch, pcm);
    let mut writer = OpenOptions::new().write(true).open(&fifo).unwrap();
    let mut write = |level: f32, seconds: u32| {
        let sign = |n: u32| {
            if dice(n).is_multiple_of(2) {
                level
            } else {
                -level
            }
        };
        let bytes = (0..seconds * 8_000).flat_map(|n| sign(n).to_le_bytes());
        writer.write_all(&bytes.collect::<Vec<_>>()).unwrap();
    };
    write(0.000_1, 4);
    // The last packet is not full.
    exporter.until("a quiet source", |scrape| {
        silent_seconds(scrape, "rec")[1] >= 3.5
    });
    write(4.0, 4);
    let scrape = exporter.until("a loud source", |scrape| {
        signal(scrape, "rms_ratio", "rec") > 0.99
    });
    let clipped = signal(&scrape, "clipped_samples_total", "rec");
    assert!((24_000.0..=32_000.0).contains(&clipped), "{clipped}");
    assert_eq!(signal(&scrape, "peak_ratio", "rec"), 1.0);
    assert_eq!(silent_seconds(&scrape, "rec"), [0.0, 4.0]);
    assert_eq!(
        scrape.value("myaudio_source_discontinuities_total", &[(LABEL, "rec")]),
        0.0
    );
}

#[test]
fn a_loop_with_digital_silence_in_it_is_stuck() {
    let scratch = Scratch::new();
    // A player's three seconds, of which one is silent.
    let noise = (0..16_000).map(|n| (dice(n) % 9_000) as i16);
    let samples = noise.chain(std::iter::repeat_n(0, 8_000));
    write_wav(&scratch.path("player.wav"), samples);
    let config = "sources: [ { url: player.wav, loop: true } ]\n";
    let exporter = Exporter::with_config(&scratch.write("config.yaml", config));
    exporter.until("stuck", |scrape| signal(scrape, "stuck", "player") == 1.0);
}

#[test]
fn a_window_never_mixes_two_formats() {
    let scratch = Scratch::new();
    let (exporter, fifo) = fifo(&scratch, "");
    let mut seen = Vec::new();
    for (rate, channels, level) in [(8_000, 1, -10.0), (16_000, 2, -40.0)] {
        let path = scratch.path("part.wav");
        support::write_tone(&path, rate, channels, 5.0, level);
        let mut writer = OpenOptions::new().write(true).open(&fifo).unwrap();
        writer.write_all(&fs::read(&path).unwrap()).unwrap();
        exporter.until("its level", |scrape| {
            let dbfs = 20.0 * signal(scrape, "rms_ratio", "rec").log10();
            if !dbfs.is_nan() {
                seen.push(dbfs);
            }
            (dbfs - level).abs() < 0.1
        });
    }
    let pure = |dbfs: &f64| {
        [-10.0, -40.0]
            .iter()
            .any(|level| (dbfs - level).abs() < 0.1)
    };
    assert!(seen.iter().all(pure), "{seen:?}");
}

/// The access units of an ADTS file (ISO/IEC 14496-3, 1.A.2.2), without their headers.
fn access_units(adts: &[u8]) -> Vec<&[u8]> {
    let mut units = Vec::new();
    let mut rest = adts;
    while let [0xFF, _, _, third, fourth, fifth, ..] = rest {
        let length = usize::from(third & 3) << 11 | usize::from(*fourth) << 3;
        let length = length | usize::from(fifth >> 5);
        units.push(&rest[7..length]);
        rest = &rest[length..];
    }
    units
}

#[test]
fn damaged_aac_packets_do_not_fake_clipping() {
    let scratch = Scratch::new();
    let adts = scratch.path("song.aac");
    // -20 dBFS or so, far from clipping.
    let song = "aevalsrc=0.1*sin(2*PI*(400+300*sin(3*t))*t)+0.02*random(0):s=48000:d=40";
    let arguments = [
        "-v", "error", "-f", "lavfi", "-i", song, "-c:a", "aac", "-b:a", "64k",
    ];
    run(
        "ffmpeg",
        &[&arguments[..], &[adts.to_str().unwrap()]].concat(),
        "",
    );
    let adts = fs::read(adts).unwrap();
    let units = access_units(&adts);
    assert!(units.len() > 1_800, "{} packets", units.len());

    let (mut clean, mut naive, mut gated) = (0, 0, 0);
    let (mut damaged, mut noise) = (0, 0);
    let mut sent = adts.clone();
    for round in 0..4 {
        // LC, 48 kHz, mono.
        let mut decoder = PacketDecoder::new("aac", 48_000, 1, &[0x11, 0x88]).unwrap();
        let mut gate = Gate::default();
        gate.judge(is_overlapped("aac"));
        for (nth, unit) in (0..).zip(&units) {
            let seed = dice(round * 100_000 + nth);
            let mut unit = unit.to_vec();
            if round > 0 && seed.is_multiple_of(5) {
                for flip in 0..=seed / 5 % 3 {
                    let bit = dice(seed + flip) as usize % (unit.len() * 8);
                    unit[bit / 8] ^= 1 << (bit % 8);
                }
                let at = units[nth as usize].as_ptr().addr() - adts.as_ptr().addr();
                sent[at..at + unit.len()].copy_from_slice(&unit);
                damaged += 1;
            }
            let Ok((format, samples)) = decoder.decode(&unit) else {
                gate.disturb();
                continue;
            };
            let levels = Levels::of(samples);
            let duration = format.duration_of(samples.len() as u64);
            let admitted = gate.admit(levels, duration);
            assert_eq!(admitted.levels.samples, levels.samples);
            if round == 0 {
                clean += admitted.levels.clipped;
                assert_eq!(
                    admitted.levels, levels,
                    "nothing is held back of sound packets"
                );
            } else {
                naive += levels.clipped;
                gated += admitted.levels.clipped;
                noise += u32::from(!admitted.plausible);
            }
        }
    }
    println!("{damaged} damaged, {noise} noise; clipped {naive}, behind the gate {gated}");
    assert_eq!(clean, 0);
    assert!(noise > 20, "{noise} of {damaged} damaged packets are noise");
    assert!(naive > 1_000, "{naive}");
    // What decodes to less than twice full scale passes.
    assert!(gated * 5 < naive, "{gated} of {naive} pass");

    // The program knows which codec it has: what is noise is kept, and not measured.
    let (exporter, fifo) = fifo(&scratch, "");
    let mut writer = OpenOptions::new().write(true).open(&fifo).unwrap();
    writer.write_all(&sent).unwrap();
    let written = |scrape: &Scrape, kind| {
        let labels = [(LABEL, "rec"), ("buffer_type", kind)];
        scrape.value("myaudio_buffer_write_bytes_total", &labels)
    };
    exporter.until("noise that is held back", |scrape| {
        written(scrape, "capture") > written(scrape, "analysis")
    });
}
