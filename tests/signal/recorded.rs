//! Signals that come by pipes and files.

use std::{fs, io::Write as _, path::Path};

use crate::{
    LABEL, audio_seconds, dice, fifo, signal, silent_seconds,
    support::{self, Exporter, Scratch},
    writer,
};

/// Writes a WAV file of 8 kHz mono.
fn write_wav(path: &Path, samples: impl Iterator<Item = i16>) {
    support::write_wav(path, 8_000, 1, &samples.collect::<Vec<_>>());
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

#[test]
fn audio_that_comes_in_a_burst_is_measured_to_the_end() {
    let scratch = Scratch::new();
    let pcm = ", pcm: { format: s16le, sample_rate: 8000, channels: 1 }";
    let (exporter, fifo) = fifo(&scratch, pcm);
    // A minute at once, twenty times what the analysis buffer holds.
    let mut writer = writer(&fifo);
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
    let mut writer = writer(&fifo);
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
        let mut writer = writer(&fifo);
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
