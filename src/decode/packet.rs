//! Decoding single packets, as RTP delivers them.

use std::fmt;

use super::engine::{DecodeError, Engine};
use crate::units::AudioFormat;

/// Decodes the packets of one session.
pub struct PacketDecoder {
    engine: Engine,
    samples: Vec<f32>,
}

/// No decoder for this codec or this variant of it.
#[derive(Debug, thiserror::Error)]
#[error("{0} cannot be decoded here")]
pub struct UnsupportedCodec(pub String);

impl PacketDecoder {
    /// A decoder for `codec` (`aac`, `pcmu`, `pcma`, `l16`, `l24`, `g722`, `g726-16` to
    /// `g726-40` and the same after `aal2-`, `mp2`, `mp3`; `opus` where the feature of that
    /// name is built in) with the announced sample rate in Hz, channels and codec
    /// parameters.
    ///
    /// # Errors
    /// [`UnsupportedCodec`], naming it.
    pub fn new(
        codec: &str,
        sample_rate: u32,
        channels: u16,
        extra_data: &[u8],
    ) -> Result<Self, UnsupportedCodec> {
        let engine = Engine::new(codec, sample_rate, channels, extra_data)
            .ok_or_else(|| UnsupportedCodec(codec.to_owned()))?;
        Ok(Self {
            engine,
            samples: Vec::new(),
        })
    }

    /// Decodes one packet: its format and its interleaved samples, full scale ±1, at least
    /// one frame of them.
    ///
    /// # Errors
    /// [`DecodeError`], also when nothing comes out.
    pub fn decode(&mut self, data: &[u8]) -> Result<(AudioFormat, &[f32]), DecodeError> {
        if data.is_empty() {
            return Err(DecodeError);
        }
        let format = self.engine.decode(data, &mut self.samples)?;
        if self.samples.is_empty() {
            return Err(DecodeError);
        }
        Ok((format, &self.samples))
    }
}

impl fmt::Debug for PacketDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PacketDecoder({})", self.engine.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g711_and_l16_decode_to_their_reference_values() {
        // ITU-T G.711: mu-law 0x80 is +32124, 0x00 is -32124, 0xff is 0; A-law 0xaa is
        // +32256, 0x2a is -32256, on a 16-bit scale.
        for (codec, data, expected) in [
            ("pcmu", &[0x80, 0x00, 0xff][..], &[32_124, -32_124, 0][..]),
            ("pcma", &[0xaa, 0x2a], &[32_256, -32_256]),
            (
                "l16",
                &[0x7f, 0xff, 0x80, 0x00, 0x00, 0x01],
                &[32_767, -32_768, 1],
            ),
        ] {
            let mut decoder = PacketDecoder::new(codec, 8000, 1, &[]).unwrap();
            let (format, samples) = decoder.decode(data).unwrap();
            assert_eq!(
                format,
                AudioFormat {
                    sample_rate: 8000,
                    channels: 1
                }
            );
            let mut s16 = Vec::new();
            crate::decode::to_s16(samples, &mut s16);
            assert_eq!(s16, expected, "{codec}");
        }
    }

    #[test]
    fn stereo_stays_interleaved() {
        let mut decoder = PacketDecoder::new("l16", 48_000, 2, &[]).unwrap();
        let (format, samples) = decoder
            .decode(&[0x40, 0, 0xc0, 0, 0x20, 0, 0xe0, 0])
            .unwrap();
        assert_eq!(format.channels, 2);
        assert_eq!(samples, [0.5, -0.5, 0.25, -0.25]);
    }

    #[test]
    fn an_announcement_of_he_aac_that_old_players_ignore_is_ignored() {
        // AAC-LC 24 kHz mono, then the sync word 0x2b7 and "replicated to 48 kHz".
        let config = [0x13, 0x08, 0x56, 0xe5, 0x98];
        assert!(PacketDecoder::new("aac", 24_000, 1, &config).is_ok());
        // Outright HE-AAC: object type 5 first.
        let config = [0x2b, 0x09, 0x88, 0x00];
        assert!(PacketDecoder::new("aac", 24_000, 1, &config).is_err());
    }

    #[test]
    fn what_cannot_be_decoded_is_named() {
        assert_eq!(
            PacketDecoder::new("speex", 16_000, 1, &[]).unwrap_err().0,
            "speex"
        );
        assert!(PacketDecoder::new("l16", 48_000, 0, &[]).is_err());
        // Half a stereo frame is no audio: it must not pass for some.
        let mut stereo = PacketDecoder::new("l16", 48_000, 2, &[]).unwrap();
        assert!(stereo.decode(&[]).is_err());
        assert!(stereo.decode(&[1, 2]).is_err());
    }
}
