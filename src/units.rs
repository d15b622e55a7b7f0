//! Units: what a number measures.

use std::{fmt, time::Duration};

/// Bytes of one PCM sample in a capture buffer: signed 16 bit.
pub const BYTES_PER_SAMPLE: u64 = 2;

/// The shape of decoded audio.
///
/// Deliberately unchecked: a camera can announce a rate of zero, and the buffer
/// registry must be able to refuse and count that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AudioFormat {
    /// Sample frames a second, in Hz.
    pub sample_rate: u32,
    /// Interleaved channels.
    pub channels: u16,
}

impl AudioFormat {
    /// Sample frames in `duration`, rounded down; `None` when it overflows.
    pub fn frames_in(self, duration: Duration) -> Option<u64> {
        let rate = u64::from(self.sample_rate);
        // Whole seconds give whole frames, and a second's nanoseconds times a rate fit.
        let part = u64::from(duration.subsec_nanos()) * rate / 1_000_000_000;
        duration.as_secs().checked_mul(rate)?.checked_add(part)
    }

    /// Bytes of 16-bit PCM in `duration`: seconds × rate × channels × 2; `None` when it
    /// overflows.
    pub fn pcm_bytes(self, duration: Duration) -> Option<u64> {
        self.frames_in(duration)?
            .checked_mul(u64::from(self.channels))?
            .checked_mul(BYTES_PER_SAMPLE)
    }

    /// How long `frames` sample frames last; zero when the rate is zero.
    pub fn duration_of(self, frames: u64) -> Duration {
        if self.sample_rate == 0 {
            return Duration::ZERO;
        }
        let rate = u64::from(self.sample_rate);
        let nanos = (frames % rate) * 1_000_000_000 / rate;
        Duration::new(frames / rate, nanos as u32)
    }
}

impl fmt::Display for AudioFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            sample_rate,
            channels,
        } = self;
        match channels {
            1 => write!(f, "{sample_rate} Hz mono"),
            2 => write!(f, "{sample_rate} Hz stereo"),
            n => write!(f, "{sample_rate} Hz, {n} channels"),
        }
    }
}

/// A duration to one unit, as a person would say it.
#[derive(Clone, Copy, Debug)]
pub struct Roughly(pub Duration);

impl fmt::Display for Roughly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            s @ 0..120 => write!(f, "{s} s"),
            s @ 120..7_200 => write!(f, "{} min", s / 60),
            s @ 7_200..172_800 => write!(f, "{} h", s / 3_600),
            s => write!(f, "{} days", s / 86_400),
        }
    }
}

/// A number of bytes that reads and prints with binary (KiB, MiB) and decimal (kB, MB)
/// units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct ByteSize(pub u64);

const BYTE_UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

impl ByteSize {
    /// Reads `512MiB`, `1.5 GiB`, `64 kB` or a bare number of bytes. `None` for anything
    /// else, for a negative number and for one beyond `u64`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let split = text
            .find(|c: char| c.is_ascii_alphabetic())
            .unwrap_or(text.len());
        let (number, unit) = (text[..split].trim(), text[split..].trim());
        let scale = match unit {
            "" => 1,
            _ => {
                BYTE_UNITS
                    .iter()
                    .find(|(name, _)| name.eq_ignore_ascii_case(unit))?
                    .1
            }
        };
        if let Ok(whole) = number.parse::<u64>() {
            return whole.checked_mul(scale).map(Self);
        }
        let bytes = number.parse::<f64>().ok()? * scale as f64;
        (bytes.is_finite() && (0.0..u64::MAX as f64).contains(&bytes)).then_some(Self(bytes as u64))
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let binary = &BYTE_UNITS[..4];
        match binary.iter().find(|(_, scale)| self.0 >= *scale) {
            Some((unit, scale)) if self.0.is_multiple_of(*scale) => {
                write!(f, "{} {unit}", self.0 / scale)
            }
            Some((unit, scale)) => write!(f, "{:.2} {unit}", self.0 as f64 / *scale as f64),
            None => write!(f, "{} B", self.0),
        }
    }
}

/// A level in decibels relative to full scale 1, to a tenth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dbfs {
    tenths: i32,
}

impl Dbfs {
    /// So many whole decibels.
    pub const fn new(decibels: i16) -> Self {
        Self {
            tenths: decibels as i32 * 10,
        }
    }

    /// Reads `-60` or `-57.5`. `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        let (whole, tenth) = digits.split_once('.').unwrap_or((digits, "0"));
        let right = |part: &str, most| {
            (1..=most).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit())
        };
        if !right(whole, 4) || !right(tenth, 1) {
            return None;
        }
        let tenths = whole.parse::<i32>().ok()? * 10 + tenth.parse::<i32>().ok()?;
        Some(Self {
            tenths: if negative { -tenths } else { tenths },
        })
    }

    /// The mean square of audio of this level, full scale 1.
    pub fn mean_square(self) -> f64 {
        10f64.powf(f64::from(self.tenths) / 100.0)
    }
}

/// Reads `1500ms`, `10s`, `2m`, `1h`, `7d`, `1m30s`. `None` for anything else, also for a
/// bare number: a duration without a unit is a mistake waiting to happen.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit_len = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let scale = match rest[..unit_len].trim() {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        rest = &rest[unit_len..];
        total = total.checked_add(Duration::try_from_secs_f64(number * scale).ok()?)?;
    }
    Some(total)
}

/// How raw PCM samples are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PcmEncoding {
    /// Signed 16 bit, little-endian.
    S16le,
    /// Signed 24 bit in three bytes, little-endian.
    S24le,
    /// Signed 32 bit, little-endian.
    S32le,
    /// IEEE 754 32 bit, little-endian, full scale ±1.
    F32le,
    /// Unsigned 8 bit.
    U8,
    /// G.711 µ-law.
    Mulaw,
    /// G.711 A-law.
    Alaw,
}

/// Raw interleaved PCM without a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PcmFormat {
    /// How a sample is written.
    pub encoding: PcmEncoding,
    /// Sample frames a second, in Hz.
    pub sample_rate: u32,
    /// Interleaved channels.
    pub channels: u16,
}

impl PcmFormat {
    /// Bytes of a frame: a sample of each channel.
    pub fn block(self) -> u16 {
        let (_, bits) = self.encoding.wave_tag();
        self.channels * (bits / 8)
    }
}

impl PcmEncoding {
    /// The words that name them in a configuration.
    pub const NAMES: &'static [&'static str] =
        &["s16le", "s24le", "s32le", "f32le", "u8", "mulaw", "alaw"];

    /// The encoding of that name.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "s16le" => Self::S16le,
            "s24le" => Self::S24le,
            "s32le" => Self::S32le,
            "f32le" => Self::F32le,
            "u8" => Self::U8,
            "mulaw" => Self::Mulaw,
            "alaw" => Self::Alaw,
            _ => return None,
        })
    }

    /// `wFormatTag` (RFC 2361) and bits per sample.
    pub fn wave_tag(self) -> (u16, u16) {
        match self {
            Self::S16le => (1, 16),
            Self::S24le => (1, 24),
            Self::S32le => (1, 32),
            Self::F32le => (3, 32),
            Self::U8 => (1, 8),
            Self::Alaw => (6, 8),
            Self::Mulaw => (7, 8),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MONO_48K: AudioFormat = AudioFormat {
        sample_rate: 48_000,
        channels: 1,
    };

    #[test]
    fn a_minute_of_48_khz_mono_is_5_76_mb() {
        assert_eq!(MONO_48K.pcm_bytes(Duration::from_secs(60)), Some(5_760_000));
        let stereo = AudioFormat {
            channels: 2,
            ..MONO_48K
        };
        assert_eq!(stereo.pcm_bytes(Duration::from_secs(60)), Some(11_520_000));
    }

    #[test]
    fn sizes_that_overflow_are_refused() {
        let wild = AudioFormat {
            sample_rate: u32::MAX,
            channels: u16::MAX,
        };
        assert_eq!(wild.pcm_bytes(Duration::MAX), None);
        assert_eq!(wild.frames_in(Duration::MAX), None);
    }

    #[test]
    fn frames_and_durations_are_inverse() {
        for frames in [0, 1, 960, 48_000, 48_001, u64::MAX / 2_000_000_000] {
            let back = MONO_48K.frames_in(MONO_48K.duration_of(frames)).unwrap();
            assert!(frames - back <= 1, "{frames} became {back}");
        }
        assert_eq!(
            AudioFormat {
                sample_rate: 0,
                channels: 1
            }
            .duration_of(9),
            Duration::ZERO
        );
    }

    #[test]
    fn byte_sizes_read_and_print() {
        for (text, bytes) in [
            ("512MiB", 512 << 20),
            ("512 mib", 512 << 20),
            ("1.5GiB", 3 << 29),
            ("64kB", 64_000),
            ("7", 7),
            ("0B", 0),
        ] {
            assert_eq!(ByteSize::parse(text), Some(ByteSize(bytes)), "{text}");
        }
        for bad in [
            "",
            "MiB",
            "-1MiB",
            "1 parsec",
            "1e400",
            "99999999999999999999",
            "NaN",
        ] {
            assert_eq!(ByteSize::parse(bad), None, "{bad}");
        }
        assert_eq!(ByteSize(512 << 20).to_string(), "512 MiB");
        assert_eq!(ByteSize(5_760_000).to_string(), "5.49 MiB");
        assert_eq!(ByteSize(12).to_string(), "12 B");
    }

    #[test]
    fn levels_read_to_a_tenth() {
        assert_eq!(Dbfs::parse("-60"), Some(Dbfs::new(-60)));
        assert_eq!(Dbfs::parse("0"), Some(Dbfs::new(0)));
        let level = Dbfs::parse("-57.5").unwrap();
        assert!(Dbfs::new(-58) < level && level < Dbfs::new(-57));
        assert!((10.0 * level.mean_square().log10() + 57.5).abs() < 1e-9);
        for bad in [
            "", "-", "-60dB", "-60.", "-60.25", "--6", "+6", "1e2", "99999", "NaN",
        ] {
            assert_eq!(Dbfs::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn durations_need_a_unit() {
        for (text, millis) in [
            ("250ms", 250),
            ("10s", 10_000),
            ("1m30s", 90_000),
            ("0.5s", 500),
        ] {
            assert_eq!(
                parse_duration(text),
                Some(Duration::from_millis(millis)),
                "{text}"
            );
        }
        for bad in ["", "10", "s", "10 parsecs", "-1s", "1s2", "1e9s"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }
}
