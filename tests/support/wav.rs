//! WAV files and raw samples written piece by piece, as a recorder does.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

pub const RATE: u32 = 8000;

/// `seconds` of a 16-bit mono tone at this level in dBFS.
pub fn tone(seconds: f64, dbfs: f64) -> Vec<u8> {
    let peak = 32_768.0 * 10f64.powf(dbfs / 20.0) * std::f64::consts::SQRT_2;
    let frames = (f64::from(RATE) * seconds).round() as u32;
    (0..frames)
        .flat_map(|n| {
            let phase = std::f64::consts::TAU * 440.0 * f64::from(n) / f64::from(RATE);
            ((peak * phase.sin()).round() as i16).to_le_bytes()
        })
        .collect()
}

/// The header of a WAV file of 16-bit mono that announces so many bytes of samples.
pub fn header(announced: u32) -> Vec<u8> {
    let mut wav = b"RIFF".to_vec();
    wav.extend_from_slice(&announced.saturating_add(36).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    wav.extend_from_slice(&RATE.to_le_bytes());
    wav.extend_from_slice(&(RATE * 2).to_le_bytes());
    wav.extend_from_slice(b"\x02\0\x10\0data");
    wav.extend_from_slice(&announced.to_le_bytes());
    wav
}

/// A whole file.
pub fn whole(seconds: f64, dbfs: f64) -> Vec<u8> {
    let samples = tone(seconds, dbfs);
    [header(samples.len() as u32), samples].concat()
}

/// Appends to a file.
pub fn append(path: &Path, bytes: &[u8]) {
    let mut file = OpenOptions::new().append(true).open(path).unwrap();
    file.write_all(bytes).unwrap();
}

/// Writes `seconds` of tone in real time, in pieces of 100 ms.
pub fn record(to: &mut impl Write, seconds: f64, dbfs: f64) {
    let began = Instant::now();
    let pieces = (seconds * 10.0).round() as u32;
    for n in 1..=pieces {
        to.write_all(&tone(0.1, dbfs)).unwrap();
        to.flush().unwrap();
        // The pace of a recorder, not a wait for something to happen.
        let due = began + Duration::from_millis(100) * n;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}

/// Makes a file with a header that announces nothing, and returns it for writing on.
pub fn begin(path: &Path) -> File {
    let mut file = File::create(path).unwrap();
    file.write_all(&header(0)).unwrap();
    file
}
