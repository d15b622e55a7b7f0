use super::*;
use crate::units::PcmEncoding;

const MONO: PcmFormat = PcmFormat {
    encoding: PcmEncoding::S16le,
    sample_rate: 8000,
    channels: 1,
};

/// A WAV file with this announced length and these bytes behind the header.
fn wav(announced: u32, rest: &[u8]) -> Vec<u8> {
    let mut bytes = wav_header(MONO);
    bytes[42..46].copy_from_slice(&announced.to_le_bytes());
    bytes[4..8].copy_from_slice(&announced.saturating_add(38).to_le_bytes());
    bytes.extend_from_slice(rest);
    bytes
}

fn through(bytes: &[u8]) -> Vec<u8> {
    let mut passed = Vec::new();
    // A reader of three bytes at a time: nothing may depend on how they arrive.
    let mut stream = EndlessWav::new(bytes);
    let mut piece = [0; 3];
    loop {
        match stream.read(&mut piece).unwrap() {
            0 => return passed,
            count => passed.extend_from_slice(&piece[..count]),
        }
    }
}

#[test]
fn the_samples_reach_as_far_as_the_stream_whatever_the_header_says() {
    let samples = [7; 100];
    for announced in [0, 40, 100, 4000, u32::MAX] {
        let passed = through(&wav(announced, &samples));
        assert_eq!(passed, wav(u32::MAX, &samples), "{announced}");
    }
}

#[test]
fn a_chunk_behind_the_samples_is_not_played() {
    let samples = [7; 100];
    let mut rest = samples.to_vec();
    rest.extend_from_slice(b"LIST\x04\0\0\0INFO");
    assert_eq!(through(&wav(100, &rest)), wav(u32::MAX, &samples));
    // Behind an odd number of bytes stands one of padding.
    let mut rest = vec![7; 99];
    rest.extend_from_slice(b"\0LIST\x04\0\0\0INFO");
    assert_eq!(through(&wav(99, &rest)), wav(u32::MAX, &[7; 99]));
}

#[test]
fn large_files_and_other_formats() {
    let mut large = wav(u32::MAX, &[7; 10]);
    large[..4].copy_from_slice(b"RF64");
    assert_eq!(through(&large), wav(u32::MAX, &[7; 10]));
    for other in [
        &b"fLaC and so on"[..],
        b"RIFF",
        b"",
        b"RIFF\0\0\0\0AVI \0\0\0\0",
    ] {
        assert_eq!(through(other), other);
    }
    // A header that ends before its data, or never comes to them, is passed on as it is;
    // with 32 bits, the lengths of these chunks lead back to their own beginning.
    for length in [u32::MAX, u32::MAX - 7, u32::MAX - 8] {
        let mut endless = wav(0, &[])[..12].to_vec();
        endless.extend_from_slice(b"JUNK");
        endless.extend_from_slice(&length.to_le_bytes());
        endless.extend_from_slice(&[0; 4]);
        assert_eq!(through(&endless), endless);
    }
}

#[test]
fn skipping_is_told_the_layout_and_counted() {
    let mut rest = vec![1; 40];
    rest.extend_from_slice(&[2; 60]);
    rest.extend_from_slice(b"LIST\x04\0\0\0INFO");
    let bytes = wav(100, &rest);
    let mut stream = EndlessWav::with_skip(&bytes[..], |inner, layout| {
        let expected = WavLayout {
            data_start: 46,
            block: 2,
            rate: 16_000,
            data_len: Some(100),
        };
        assert_eq!(*layout, expected);
        io::copy(&mut inner.take(40), &mut io::sink())
    });
    let mut passed = Vec::new();
    stream.read_to_end(&mut passed).unwrap();
    assert_eq!(passed, wav(u32::MAX, &[2; 60]));
}
