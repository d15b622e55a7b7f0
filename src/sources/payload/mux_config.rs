//! `StreamMuxConfig` (ISO 14496-3 §1.7.3): what a LATM stream carries.

use super::bits::Bits;

/// As far as it matters here: one program with one layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MuxConfig {
    /// The `AudioSpecificConfig`, for the decoder.
    pub(super) asc: Vec<u8>,
    /// Of the audio that the decoder makes, in Hz.
    pub(super) sample_rate: u32,
    pub(super) channels: u16,
    /// The audio object type (ISO 14496-3 table 1.17): 2 is AAC-LC.
    pub(super) object_type: u32,
    /// Payloads in one `AudioMuxElement`: 1 to 64.
    pub(super) frames: usize,
    /// The length of each in bytes, where it is fixed.
    pub(super) fixed_length: Option<usize>,
    /// Bits that follow the payloads and are no audio.
    pub(super) other_data: usize,
}

/// Sampling frequencies by index (ISO 14496-3 table 1.18).
const RATES: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000,
    7_350,
];

/// The most bits after the payloads that are skipped.
const OTHER_DATA_LIMIT: usize = 8 * 1024;

impl MuxConfig {
    /// `None` when it is cut short, or is of a kind that cameras do not send: several
    /// programs or layers, CELP, HVXC, a program configuration element.
    pub(super) fn read(bits: &mut Bits<'_>) -> Option<Self> {
        let version = bits.take(1)?;
        if version == 1 {
            let version_a = bits.take(1)?;
            if version_a != 0 {
                return None;
            }
            variable(bits)?; // taraBufferFullness
        }
        let same_timing = bits.flag()?;
        let frames = bits.take(6)? as usize + 1;
        let (programs, layers) = (bits.take(4)?, bits.take(3)?);
        if !same_timing || programs != 0 || layers != 0 {
            return None;
        }
        let declared = if version == 1 {
            Some(variable(bits)? as usize)
        } else {
            None
        };
        let start = bits.position();
        let (object_type, sample_rate, channels) = audio_specific_config(bits)?;
        if let Some(length) = declared {
            bits.skip(length.checked_sub(bits.position() - start)?)?;
        }
        let asc = bits.copy_from(start);
        let fixed_length = match bits.take(3)? {
            0 => {
                bits.take(8)?; // latmBufferFullness
                None
            }
            // The unit is bits, with an offset of 20 bytes (ISO 14496-3 §1.7.3).
            1 => Some(bits.take(9)? as usize + 20),
            _ => return None,
        };
        let mut other_data = 0usize;
        if bits.flag()? {
            if version == 1 {
                other_data = variable(bits)? as usize;
            } else {
                loop {
                    let more = bits.flag()?;
                    other_data = other_data * 256 + bits.take(8)? as usize;
                    if !more {
                        break;
                    }
                    if other_data > OTHER_DATA_LIMIT {
                        return None;
                    }
                }
            }
        }
        if bits.flag()? {
            bits.take(8)?; // crcCheckSum of this configuration
        }
        (other_data <= OTHER_DATA_LIMIT).then_some(Self {
            asc,
            sample_rate,
            channels,
            object_type,
            frames,
            fixed_length,
            other_data,
        })
    }
}

/// `LatmGetValue`: two bits say how many bytes follow.
fn variable(bits: &mut Bits<'_>) -> Option<u32> {
    let bytes = bits.take(2)? + 1;
    bits.take(bytes * 8)
}

/// Object type, sample rate and channels of an `AudioSpecificConfig` (ISO 14496-3 §1.6.2.1)
/// of the general audio kind, read up to its end.
fn audio_specific_config(bits: &mut Bits<'_>) -> Option<(u32, u32, u16)> {
    let mut object_type = object_type_of(bits)?;
    let announced = object_type;
    let sample_rate = rate_of(bits)?;
    let channels = match bits.take(4)? {
        count @ 1..=6 => count as u16,
        7 => 8,
        _ => return None,
    };
    // Spectral band replication, perhaps with parametric stereo, around another type.
    if matches!(object_type, 5 | 29) {
        rate_of(bits)?;
        object_type = object_type_of(bits)?;
    }
    if !matches!(object_type, 1..=4) {
        return None;
    }
    bits.flag()?; // frameLengthFlag
    if bits.flag()? {
        bits.take(14)?; // coreCoderDelay
    }
    bits.flag()?; // extensionFlag
    sync_extension(bits)?;
    Some((announced, sample_rate, channels))
}

/// Skips a backward compatible announcement of spectral band replication (ISO 14496-3
/// §1.6.5.3). Without a length nothing says that one may stand here, but GStreamer puts it
/// here; what should follow begins with other bits.
fn sync_extension(bits: &mut Bits<'_>) -> Option<()> {
    let mut ahead = bits.clone();
    if ahead.take(11) != Some(0x2b7) {
        return Some(());
    }
    if object_type_of(&mut ahead)? == 5 && ahead.flag()? {
        rate_of(&mut ahead)?;
        let mut further = ahead.clone();
        if further.take(11) == Some(0x548) {
            further.flag()?;
            ahead = further;
        }
    }
    *bits = ahead;
    Some(())
}

fn object_type_of(bits: &mut Bits<'_>) -> Option<u32> {
    match bits.take(5)? {
        31 => Some(32 + bits.take(6)?),
        object_type => Some(object_type),
    }
}

fn rate_of(bits: &mut Bits<'_>) -> Option<u32> {
    match bits.take(4)? {
        15 => bits.take(24).filter(|rate| *rate > 0),
        index => RATES.get(index as usize).copied(),
    }
}
