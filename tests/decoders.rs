//! Our own decoders against ffmpeg's: the same bits, the same samples.

mod support;

use std::{fs, path::Path};

use audio_capture_exporter::decode::{PacketDecoder, to_s16};
use support::{Scratch, run, write_tone};

struct Case {
    codec: &'static str,
    /// What ffmpeg calls it, its raw format and bit rate.
    encoder: &'static str,
    format: &'static str,
    bit_rate: &'static str,
    sample_rate: u32,
}

const fn case(
    codec: &'static str,
    encoder: &'static str,
    format: &'static str,
    bit_rate: &'static str,
    sample_rate: u32,
) -> Case {
    Case {
        codec,
        encoder,
        format,
        bit_rate,
        sample_rate,
    }
}

const CASES: [Case; 9] = [
    case("g722", "g722", "g722", "64k", 16_000),
    case("g726-16", "g726le", "g726le", "16k", 8_000),
    case("g726-24", "g726le", "g726le", "24k", 8_000),
    case("g726-32", "g726le", "g726le", "32k", 8_000),
    case("g726-40", "g726le", "g726le", "40k", 8_000),
    case("aal2-g726-16", "g726", "g726", "16k", 8_000),
    case("aal2-g726-24", "g726", "g726", "24k", 8_000),
    case("aal2-g726-32", "g726", "g726", "32k", 8_000),
    case("aal2-g726-40", "g726", "g726", "40k", 8_000),
];

fn samples_of(path: &Path) -> Vec<i16> {
    let bytes = fs::read(path).unwrap();
    bytes
        .chunks_exact(2)
        .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
        .collect()
}

/// Encodes a file with ffmpeg; returns the bits, our decoding of them and ffmpeg's.
fn both_ways(scratch: &Scratch, input: &Path, case: &Case) -> (Vec<i16>, Vec<i16>) {
    let (bits, raw) = (scratch.path("bits"), scratch.path("raw"));
    let [input, bits_name, raw_name] =
        [input, &bits, &raw].map(|path| path.to_str().unwrap().to_owned());
    let rate = case.sample_rate.to_string();
    let encode = [
        "-v",
        "error",
        "-y",
        "-i",
        &input,
        "-ar",
        &rate,
        "-ac",
        "1",
        "-c:a",
        case.encoder,
        "-b:a",
        case.bit_rate,
        "-f",
        case.format,
        &bits_name,
    ];
    run("ffmpeg", &encode, "");
    let mut decode = vec!["-v", "error", "-y", "-f", case.format];
    let code_size = (case.bit_rate[..2].parse::<u32>().unwrap() / 8).to_string();
    if case.codec != "g722" {
        decode.extend(["-code_size", &code_size, "-ar", &rate]);
    }
    decode.extend(["-i", &bits_name, "-f", "s16le", &raw_name]);
    run("ffmpeg", &decode, "");

    let encoded = fs::read(&bits).unwrap();
    let mut decoder = PacketDecoder::new(case.codec, case.sample_rate, 1, &[]).unwrap();
    let (mut ours, mut block) = (Vec::new(), Vec::new());
    // 20 ms of G.726 at any rate is a whole number of octets.
    for packet in encoded.chunks(40 * case.bit_rate[..2].parse::<usize>().unwrap() / 16) {
        let (format, samples) = decoder.decode(packet).unwrap();
        assert_eq!((format.sample_rate, format.channels), (case.sample_rate, 1));
        to_s16(samples, &mut block);
        ours.extend_from_slice(&block);
    }
    (ours, samples_of(&raw))
}

fn energy(samples: impl Iterator<Item = f64>) -> f64 {
    samples.map(|sample| sample * sample).sum()
}

#[test]
fn speech_decoders_agree_with_ffmpeg() {
    let scratch = Scratch::new();
    let tone = scratch.path("tone.wav");
    write_tone(&tone, 16_000, 1, 2.0, -15.0);
    let noise = scratch.path("noise.wav");
    let source = "anoisesrc=r=16000:a=0.5:d=2:c=pink:seed=7";
    let make = [
        "-v",
        "error",
        "-f",
        "lavfi",
        "-i",
        source,
        noise.to_str().unwrap(),
    ];
    run("ffmpeg", &make, "");
    for input in [&tone, &noise] {
        for case in &CASES {
            let (ours, theirs) = both_ways(&scratch, input, case);
            let codec = case.codec;
            assert!(ours.len().abs_diff(theirs.len()) <= 8, "{codec}");
            assert!(ours.len() > case.sample_rate as usize, "{codec}");
            let pairs = || {
                ours.iter()
                    .zip(&theirs)
                    .map(|(a, b)| (f64::from(*a), f64::from(*b)))
            };
            let error = energy(pairs().map(|(a, b)| a - b));
            let signal = energy(pairs().map(|(_, b)| b));
            let ratio = 10.0 * (signal / error.max(1.0)).log10();
            assert!(ratio > 55.0, "{codec}: {ratio} dB from ffmpeg's decoding");
        }
    }
}

#[test]
fn a_tone_keeps_its_frequency_and_level() {
    let scratch = Scratch::new();
    let tone = scratch.path("tone.wav");
    write_tone(&tone, 16_000, 1, 2.0, -15.0);
    for case in &CASES {
        let (ours, _) = both_ways(&scratch, &tone, case);
        let settled = &ours[ours.len() / 4..];
        let seconds = settled.len() as f64 / f64::from(case.sample_rate);
        let rises = settled
            .windows(2)
            .filter(|pair| pair[0] < 0 && pair[1] >= 0)
            .count();
        let frequency = rises as f64 / seconds;
        assert!(
            (frequency - 1000.0).abs() < 5.0,
            "{}: {frequency} Hz",
            case.codec
        );
        let mean = energy(settled.iter().map(|s| f64::from(*s) / 32_768.0)) / settled.len() as f64;
        let dbfs = 10.0 * mean.log10();
        assert!((dbfs + 15.0).abs() < 0.5, "{}: {dbfs} dBFS", case.codec);
    }
}
