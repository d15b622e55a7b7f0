//! Decoding single packets, as RTP delivers them.

use std::fmt;

use symphonia::core::{
    audio::{Channels, Position},
    codecs::audio::{
        AudioCodecId, AudioCodecParameters, AudioDecoder, AudioDecoderOptions,
        well_known::{CODEC_ID_AAC, CODEC_ID_PCM_ALAW, CODEC_ID_PCM_MULAW, CODEC_ID_PCM_S16BE},
    },
    packet::PacketRef,
    units::{Duration, Timestamp},
};

use crate::units::AudioFormat;

/// Decodes the packets of one session.
pub struct PacketDecoder {
    decoder: Box<dyn AudioDecoder>,
    samples: Vec<f32>,
}

/// No decoder for this codec or this variant of it.
#[derive(Debug, thiserror::Error)]
#[error("{0} cannot be decoded here")]
pub struct UnsupportedCodec(pub String);

/// A packet that could not be decoded; the next one may be fine.
#[derive(Debug, thiserror::Error)]
#[error("a packet could not be decoded")]
pub struct DecodeError;

impl PacketDecoder {
    /// A decoder for `codec` (`aac`, `pcmu`, `pcma`, `l16`) with the announced rate in Hz,
    /// channels and codec parameters.
    ///
    /// # Errors
    /// [`UnsupportedCodec`], naming it.
    pub fn new(
        codec: &str,
        sample_rate: u32,
        channels: u16,
        extra_data: &[u8],
    ) -> Result<Self, UnsupportedCodec> {
        let unsupported = || UnsupportedCodec(codec.to_owned());
        let id = codec_id(codec).ok_or_else(unsupported)?;
        let mut parameters = AudioCodecParameters::new();
        parameters
            .for_codec(id)
            .with_sample_rate(sample_rate)
            .with_channels(channels_from(channels).ok_or_else(unsupported)?);
        if !extra_data.is_empty() {
            parameters.with_extra_data(extra_data.into());
        }
        let decoder = symphonia::default::get_codecs()
            .make_audio_decoder(&parameters, &AudioDecoderOptions::default())
            .map_err(|_| unsupported())?;
        Ok(Self {
            decoder,
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
        let packet = PacketRef::new(0, Timestamp::new(0), Duration::new(0), data);
        let audio = self.decoder.decode_ref(&packet).map_err(|_| DecodeError)?;
        let spec = audio.spec();
        let channels = u16::try_from(spec.channels().count()).map_err(|_| DecodeError)?;
        let format = AudioFormat {
            sample_rate: spec.rate(),
            channels,
        };
        audio.copy_to_vec_interleaved(&mut self.samples);
        if self.samples.is_empty() {
            return Err(DecodeError);
        }
        Ok((format, &self.samples))
    }
}

impl fmt::Debug for PacketDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PacketDecoder({})", self.decoder.codec_info().short_name)
    }
}

fn codec_id(name: &str) -> Option<AudioCodecId> {
    Some(match name {
        "aac" => CODEC_ID_AAC,
        "pcmu" => CODEC_ID_PCM_MULAW,
        "pcma" => CODEC_ID_PCM_ALAW,
        "l16" => CODEC_ID_PCM_S16BE,
        _ => return None,
    })
}

fn channels_from(count: u16) -> Option<Channels> {
    match count {
        0 => None,
        // What has no speaker positions is a number of separate channels.
        n => Some(
            Position::from_count(u32::from(n)).map_or(Channels::Discrete(n), Channels::Positioned),
        ),
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
    fn what_cannot_be_decoded_is_named() {
        assert_eq!(
            PacketDecoder::new("opus", 48_000, 2, &[]).unwrap_err().0,
            "opus"
        );
        assert!(PacketDecoder::new("l16", 48_000, 0, &[]).is_err());
        // Half a stereo frame is no audio: it must not pass for some.
        let mut stereo = PacketDecoder::new("l16", 48_000, 2, &[]).unwrap();
        assert!(stereo.decode(&[]).is_err());
        assert!(stereo.decode(&[1, 2]).is_err());
    }
}
