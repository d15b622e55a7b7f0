//! What was sent is what the clip holds.

use std::f64::consts::TAU;

use crate::{
    client::clip,
    support::{Exporter, Scratch, Server, faulty::sound::code, write_wav},
};

/// G.711, tables 1a and 2a: the 16-bit value of a code.
fn a_law(code: u8) -> i16 {
    let code = code ^ 0x55;
    let (segment, step) = (i16::from(code >> 4 & 7), i16::from(code & 15));
    let magnitude = match segment {
        0 => step * 16 + 8,
        _ => (step * 16 + 264) << (segment - 1),
    };
    if code & 0x80 == 0 {
        -magnitude
    } else {
        magnitude
    }
}

pub(crate) fn mu_law(code: u8) -> i16 {
    let code = !code;
    let (segment, step) = (code >> 4 & 7, i16::from(code & 15));
    let magnitude = ((step * 8 + 132) << segment) - 132;
    if code & 0x80 == 0 {
        magnitude
    } else {
        -magnitude
    }
}

/// A server of one file, and the program that captures it under the name `it`.
fn capture(scratch: &Scratch, codec: &str, rate: u32, samples: &[i16]) -> (Server, Exporter) {
    let file = scratch.path("sent.wav");
    write_wav(&file, rate, 1, samples);
    let server = Server::gstreamer(&["--file", file.to_str().unwrap()]);
    let url = server.url(&format!("/file-{codec}"));
    let config = format!("web: {{ audio: true }}\nsources:\n- {{ name: it, url: \"{url}\" }}\n");
    let exporter = Exporter::with_config(&scratch.write("config.yaml", &config));
    exporter.until("five seconds", |scrape| {
        scrape.value("myaudio_source_audio_seconds_total", &[("source", "it")]) >= 5.0
    });
    (server, exporter)
}

#[test]
fn what_is_not_compressed_is_bit_exact() {
    const RATE: u32 = 8_000;
    let noise = |n: u32| code(n);
    for (codec, rate, value) in [
        (
            "l16",
            48_000,
            (|c| i16::from_be_bytes([c, !c])) as fn(u8) -> i16,
        ),
        ("pcmu", RATE, mu_law),
        ("pcma", RATE, a_law),
    ] {
        let sent: Vec<_> = (0..rate * 60).map(|n| value(noise(n))).collect();
        let scratch = Scratch::new();
        let (_server, exporter) = capture(&scratch, codec, rate, &sent);
        let clip = clip(&exporter, "it", "last=3s");
        assert_eq!((clip.wav.rate, clip.wav.channels), (rate, 1), "{codec}");
        assert_eq!(clip.wav.samples.len(), 3 * rate as usize, "{codec}");
        assert_eq!(clip.field("clip-gap-count"), "0", "{codec}");
        let opening = &clip.wav.samples[..64];
        let place = sent.windows(64).position(|window| window == opening);
        let place = place.unwrap_or_else(|| panic!("{codec}: the clip's start was never sent"));
        assert!(sent[place..].starts_with(&clip.wav.samples), "{codec}");
        // What there is, from the first sample on; and it says that more was wanted.
        let all = crate::client::clip(&exporter, "it", "last=60s");
        assert!(
            sent.starts_with(&all.wav.samples),
            "{codec}: from the beginning"
        );
        assert!(all.frames("missing") > 30 * u64::from(rate), "{codec}");
    }
}

#[test]
fn aac_is_aligned_from_beginning_to_end_and_close_to_what_was_sent() {
    const RATE: u32 = 48_000;
    /// What the encoder puts before the first sample: one frame.
    const PRIMING: usize = 1_024;
    let sample = |n: u32| {
        let time = f64::from(n) / f64::from(RATE);
        let sines = [443.0, 997.0, 1_733.0, 2_711.0].map(|hz| (TAU * hz * time).sin());
        (sines.iter().sum::<f64>() * 3_000.0).round() as i16
    };
    let sent: Vec<_> = (0..RATE * 60).map(sample).collect();
    let scratch = Scratch::new();
    let (_server, exporter) = capture(&scratch, "aac", RATE, &sent);
    let clip = clip(&exporter, "it", "last=60s");
    assert_eq!((clip.wav.rate, clip.field("clip-gap-count")), (RATE, "0"));
    let heard = &clip.wav.samples;
    let error = |start: usize, lag: usize| -> f64 {
        let pairs = heard[start + lag..start + lag + 4_800]
            .iter()
            .zip(&sent[start..]);
        pairs
            .map(|(a, b)| f64::from(i32::from(*a) - i32::from(*b)).powi(2))
            .sum()
    };
    let energy = |start: usize| -> f64 {
        let window = sent[start..start + 4_800].iter();
        window.map(|s| f64::from(*s).powi(2)).sum()
    };
    for start in [4_800, heard.len() / 2, heard.len() - 12_000] {
        let best = (0..3_000).min_by(|a, b| error(start, *a).total_cmp(&error(start, *b)));
        assert_eq!(best, Some(PRIMING), "at {start}");
        let below = 10.0 * (error(start, PRIMING) / energy(start)).log10();
        assert!(below < -20.0, "the error is {below} dB of the signal");
    }
}
