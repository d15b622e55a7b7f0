//! Access units out of an ADTS file (ISO/IEC 13818-7 §6.2).

/// Sample rates by their index (ISO/IEC 14496-3 table 1.18), in Hz.
const RATES: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000,
    7_350,
];

/// Why a file is not ADTS that can be served.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum AdtsError {
    /// The file is empty.
    #[error("there is no frame in it")]
    Empty,
    /// No frame starts where one must.
    #[error("no ADTS frame at byte {0}")]
    NoFrame(usize),
    /// The last frame is cut off, or claims to be shorter than its own header.
    #[error("the ADTS frame at byte {0} does not fit")]
    Length(usize),
    /// More than one access unit in a frame, or an unknown sample rate.
    #[error("the ADTS frame at byte {0} is of a kind that is not supported")]
    Unsupported(usize),
    /// The format changes on the way.
    #[error("the ADTS frame at byte {0} has another format than the first")]
    FormatChange(usize),
}

/// The format that every frame of a file shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AacFormat {
    object_type: u8,
    rate_index: u8,
    /// MPEG-4 channel configuration: the number of channels up to 6.
    pub(super) channels: u8,
}

impl AacFormat {
    pub(super) fn sample_rate(self) -> u32 {
        RATES[usize::from(self.rate_index)]
    }

    /// The `AudioSpecificConfig` (ISO/IEC 14496-3 §1.6.2.1): 5 + 4 + 4 bits and three
    /// zeros (1,024 samples a frame, no core coder, no extension).
    pub(super) fn audio_specific_config(self) -> [u8; 2] {
        let bits = u16::from(self.object_type) << 11
            | u16::from(self.rate_index) << 7
            | u16::from(self.channels) << 3;
        bits.to_be_bytes()
    }
}

/// The format and the raw access units, in order.
pub(super) fn parse(file: &[u8]) -> Result<(AacFormat, Vec<&[u8]>), AdtsError> {
    let mut format = None;
    let mut units = Vec::new();
    let mut at = 0;
    while at < file.len() {
        let &[sync, b1, b2, b3, b4, b5, b6] =
            file[at..].first_chunk().ok_or(AdtsError::NoFrame(at))?;
        if sync != 0xFF || b1 & 0xF6 != 0xF0 {
            return Err(AdtsError::NoFrame(at));
        }
        let this = AacFormat {
            object_type: (b2 >> 6) + 1,
            rate_index: (b2 >> 2) & 0x0F,
            channels: (b2 & 1) << 2 | b3 >> 6,
        };
        if usize::from(this.rate_index) >= RATES.len() || b6 & 0b11 != 0 || this.channels == 0 {
            return Err(AdtsError::Unsupported(at));
        }
        if *format.get_or_insert(this) != this {
            return Err(AdtsError::FormatChange(at));
        }
        let has_checksum = b1 & 1 == 0;
        let header = if has_checksum { 9 } else { 7 };
        let length = usize::from(b3 & 0b11) << 11 | usize::from(b4) << 3 | usize::from(b5 >> 5);
        let unit = file
            .get(at + header..at + length)
            .filter(|unit| !unit.is_empty())
            .ok_or(AdtsError::Length(at))?;
        units.push(unit);
        at += length;
    }
    Ok((format.ok_or(AdtsError::Empty)?, units))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// AAC-LC, 48 kHz, mono, no checksum, 10 bytes in all: written bit by bit from the
    /// standard.
    const FRAME: [u8; 10] = [0xFF, 0xF1, 0x4C, 0x40, 0x01, 0x5F, 0xFC, 1, 2, 3];

    #[test]
    fn frames_become_units_and_a_config() {
        let file = [FRAME, FRAME].concat();
        let (format, units) = parse(&file).unwrap();
        assert_eq!(format.sample_rate(), 48_000);
        assert_eq!(format.audio_specific_config(), [0x11, 0x88]);
        assert_eq!(units, [&[1, 2, 3], &[1, 2, 3]]);
    }

    #[test]
    fn a_broken_file_says_where() {
        let frame = |at: usize, byte: u8| {
            let mut frame = FRAME;
            frame[at] = byte;
            frame
        };
        let cases = [
            (vec![], AdtsError::Empty),
            (b"RIFF....".to_vec(), AdtsError::NoFrame(0)),
            (FRAME[..9].to_vec(), AdtsError::Length(0)),
            (frame(4, 0x00).to_vec(), AdtsError::Length(0)),
            (frame(6, 0xFD).to_vec(), AdtsError::Unsupported(0)),
            (frame(2, 0x7C).to_vec(), AdtsError::Unsupported(0)),
            (
                [FRAME, frame(3, 0x80)].concat(),
                AdtsError::FormatChange(10),
            ),
            ([&FRAME[..], &[0xFF]].concat(), AdtsError::NoFrame(10)),
        ];
        for (file, error) in cases {
            assert_eq!(parse(&file).map(|_| ()), Err(error));
        }
    }
}
