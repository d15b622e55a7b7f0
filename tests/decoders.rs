//! Our own decoders against those of ffmpeg and libsndfile: the same bits, the same samples.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::{
    fs,
    path::{Path, PathBuf},
};

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

/// libsndfile has a coder of another descent, which at 40 kbit/s is right where ffmpeg's is
/// not.
#[test]
fn g726_agrees_with_libsndfile() {
    let scratch = Scratch::new();
    let (tone, noise) = inputs(&scratch);
    for input in [tone, noise] {
        let at_8k = scratch.path("8k.wav");
        let (from, to) = (input.to_str().unwrap(), at_8k.to_str().unwrap());
        run(
            "ffmpeg",
            &["-v", "error", "-y", "-i", from, "-ar", "8000", to],
            "",
        );
        for kbit in ["24", "32", "40"] {
            let bits = scratch.path("bits");
            let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/g726_encode.py");
            run(
                "/usr/bin/python3",
                &[script, to, bits.to_str().unwrap(), kbit],
                "",
            );
            let codec = format!("g726-{kbit}");
            let mut decoder = PacketDecoder::new(&codec, 8_000, 1, &[]).unwrap();
            let encoded = fs::read(&bits).unwrap();
            let (_, samples) = decoder.decode(&encoded).unwrap();
            let mut ours = Vec::new();
            to_s16(samples, &mut ours);
            let theirs = samples_of(&bits.with_extension("pcm"));
            assert!(theirs.len() > 15_000, "{codec}");
            // Its authors took a rounding out of the predictor; with it gone here too, the
            // samples are the same.
            let ratio = agreement(&ours, &theirs);
            assert!(
                ratio > 20.0,
                "{codec}: {ratio} dB from libsndfile's decoding"
            );
        }
    }
}

/// How far the difference lies below the signal, in dB.
fn agreement(ours: &[i16], theirs: &[i16]) -> f64 {
    let pairs = || ours.iter().zip(theirs);
    let error = energy(pairs().map(|(a, b)| f64::from(*a) - f64::from(*b)));
    let signal = energy(pairs().map(|(_, b)| f64::from(*b)));
    10.0 * (signal / error.max(1.0)).log10()
}

/// A tone and pink noise at 16 kHz.
fn inputs(scratch: &Scratch) -> (PathBuf, PathBuf) {
    let (tone, noise) = (scratch.path("tone.wav"), scratch.path("noise.wav"));
    write_tone(&tone, 16_000, 1, 2.0, -15.0);
    let source = "anoisesrc=r=16000:a=0.5:d=2:c=pink:seed=7";
    let name = noise.to_str().unwrap();
    run(
        "ffmpeg",
        &["-v", "error", "-f", "lavfi", "-i", source, name],
        "",
    );
    (tone, noise)
}

fn energy(samples: impl Iterator<Item = f64>) -> f64 {
    samples.map(|sample| sample * sample).sum()
}

#[test]
fn speech_decoders_agree_with_ffmpeg() {
    let scratch = Scratch::new();
    let (tone, noise) = inputs(&scratch);
    for input in [&tone, &noise] {
        for case in &CASES {
            let (ours, theirs) = both_ways(&scratch, input, case);
            let codec = case.codec;
            assert!(ours.len().abs_diff(theirs.len()) <= 8, "{codec}");
            assert!(ours.len() > case.sample_rate as usize, "{codec}");
            let ratio = agreement(&ours, &theirs);
            let least = match codec {
                "g722" => 100.0,
                // ffmpeg's predictor forgets faster at 40 kbit/s than G.726 says.
                "g726-40" | "aal2-g726-40" => continue,
                _ => 30.0,
            };
            assert!(ratio > least, "{codec}: {ratio} dB from ffmpeg's decoding");
        }
    }
}

#[test]
fn a_tone_keeps_its_frequency_and_level() {
    let scratch = Scratch::new();
    let tone = scratch.path("tone.wav");
    write_tone(&tone, 16_000, 1, 2.0, -15.0);
    for case in CASES.iter().filter(|case| !case.codec.ends_with("40")) {
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
