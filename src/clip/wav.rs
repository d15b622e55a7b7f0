//! WAV headers for 16-bit PCM (Microsoft's RIFF WAVE; format tags in RFC 2361).

use crate::units::{AudioFormat, BYTES_PER_SAMPLE};

/// What a length says that is not known.
const UNKNOWN: u32 = u32::MAX;
const PCM: u16 = 1;
const EXTENSIBLE: u16 = 0xFFFE;
/// `KSDATAFORMAT_SUBTYPE_PCM` behind the format tag that begins it.
const SUBTYPE: [u8; 14] = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71];

/// Bytes of the header for so many channels.
pub(super) fn header_bytes(channels: u16) -> usize {
    if is_extensible(channels) { 68 } else { 44 }
}

/// The plain header has room for two channels at most.
fn is_extensible(channels: u16) -> bool {
    channels > 2
}

/// The header of so many bytes of samples; `None` for a stream without an end.
pub(super) fn header(format: AudioFormat, data_bytes: Option<u64>) -> Vec<u8> {
    let AudioFormat {
        sample_rate,
        channels,
    } = format;
    let length = header_bytes(channels);
    let bits = BYTES_PER_SAMPLE as u16 * 8;
    let block = channels.saturating_mul(BYTES_PER_SAMPLE as u16);
    let size = |more: u64| {
        let bytes = data_bytes.and_then(|bytes| u32::try_from(bytes + more).ok());
        bytes.unwrap_or(UNKNOWN).to_le_bytes()
    };
    let extensible = is_extensible(channels);
    let (tag, fmt_bytes) = if extensible {
        (EXTENSIBLE, 40u32)
    } else {
        (PCM, 16)
    };
    let mut header = Vec::with_capacity(length);
    header.extend_from_slice(b"RIFF");
    header.extend_from_slice(&size(length as u64 - 8));
    header.extend_from_slice(b"WAVEfmt ");
    header.extend_from_slice(&fmt_bytes.to_le_bytes());
    header.extend_from_slice(&tag.to_le_bytes());
    header.extend_from_slice(&channels.to_le_bytes());
    header.extend_from_slice(&sample_rate.to_le_bytes());
    let rate = sample_rate.saturating_mul(u32::from(block));
    header.extend_from_slice(&rate.to_le_bytes());
    header.extend_from_slice(&block.to_le_bytes());
    header.extend_from_slice(&bits.to_le_bytes());
    if extensible {
        header.extend_from_slice(&22u16.to_le_bytes());
        header.extend_from_slice(&bits.to_le_bytes());
        // Which loudspeaker each channel is for: nobody has told.
        header.extend_from_slice(&0u32.to_le_bytes());
        header.extend_from_slice(&PCM.to_le_bytes());
        header.extend_from_slice(&SUBTYPE);
    }
    header.extend_from_slice(b"data");
    header.extend_from_slice(&size(0));
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_have_their_length_and_say_what_follows() {
        for (channels, length, tag) in [(1, 44, 1), (2, 44, 1), (3, 68, 0xFFFE), (8, 68, 0xFFFE)] {
            let format = AudioFormat {
                sample_rate: 48_000,
                channels,
            };
            let wav = header(format, Some(96));
            assert_eq!((wav.len(), header_bytes(channels)), (length, length));
            let word = |at: usize| u32::from_le_bytes(wav[at..at + 4].try_into().unwrap());
            assert_eq!(word(4) as usize, length - 8 + 96);
            assert_eq!(word(length - 4), 96);
            assert_eq!(wav[length - 8..length - 4], *b"data");
            assert_eq!(wav[20..22], u16::to_le_bytes(tag));
            assert_eq!(word(28), 48_000 * 2 * u32::from(channels));
            // The format chunk's length leads to the next chunk.
            assert_eq!(20 + word(16) as usize, length - 8);
        }
        let mono = AudioFormat {
            sample_rate: 8_000,
            channels: 1,
        };
        let endless = header(mono, None);
        assert_eq!(
            (&endless[4..8], &endless[40..]),
            (&[0xFF; 4][..], &[0xFF; 4][..])
        );
    }
}
