//! Who decodes what.

use std::sync::LazyLock;

use symphonia::core::{
    audio::{Channels, Position},
    codecs::{
        audio::{
            AudioCodecId, AudioCodecParameters, AudioDecoder, AudioDecoderOptions,
            well_known::{
                CODEC_ID_AAC, CODEC_ID_MP2, CODEC_ID_MP3, CODEC_ID_OPUS, CODEC_ID_PCM_ALAW,
                CODEC_ID_PCM_MULAW, CODEC_ID_PCM_S16BE, CODEC_ID_PCM_S24BE,
            },
        },
        registry::CodecRegistry,
    },
    packet::PacketRef,
    units::{Duration, Timestamp},
};

use super::{
    g722::{self, G722},
    g726::{self, G726},
};
use crate::units::AudioFormat;

/// A packet that could not be decoded; the next one may be fine.
#[derive(Debug, thiserror::Error)]
#[error("a packet could not be decoded")]
pub struct DecodeError;

/// Every decoder of the library's that this build has.
static CODECS: LazyLock<CodecRegistry> = LazyLock::new(|| {
    let mut codecs = CodecRegistry::new();
    symphonia::default::register_enabled_codecs(&mut codecs);
    #[cfg(feature = "opus")]
    codecs.register_audio_decoder::<symphonia_adapter_libopus::OpusDecoder>();
    codecs
});

/// The decoders of the library: for packets and containers alike.
pub(super) fn codecs() -> &'static CodecRegistry {
    &CODECS
}

/// One decoder and its state.
pub(super) enum Engine {
    Library(Box<dyn AudioDecoder>),
    G722(G722),
    G726(G726),
}

impl Engine {
    /// `None` when nobody can decode it.
    pub(super) fn new(
        codec: &str,
        sample_rate: u32,
        channels: u16,
        extra_data: &[u8],
    ) -> Option<Self> {
        let engine = match (codec, channels) {
            ("g722", 1) => Self::G722(G722::new()),
            (name, 1) if name.contains("g726-") => Self::G726(G726::new(name)?),
            (name, _) => Self::Library(library(name, sample_rate, channels, extra_data)?),
        };
        Some(engine)
    }

    /// Decodes a packet into `samples`, which are overwritten.
    pub(super) fn decode(
        &mut self,
        data: &[u8],
        samples: &mut Vec<f32>,
    ) -> Result<AudioFormat, DecodeError> {
        let mono = |sample_rate| AudioFormat {
            sample_rate,
            channels: 1,
        };
        match self {
            Self::G722(decoder) => {
                samples.clear();
                decoder.decode(data, samples);
                Ok(mono(g722::SAMPLE_RATE))
            }
            Self::G726(decoder) => {
                samples.clear();
                decoder.decode(data, samples);
                Ok(mono(g726::SAMPLE_RATE))
            }
            Self::Library(decoder) => {
                let packet = PacketRef::new(0, Timestamp::new(0), Duration::new(0), data);
                let audio = decoder.decode_ref(&packet).map_err(|_| DecodeError)?;
                let spec = audio.spec();
                let channels = u16::try_from(spec.channels().count()).map_err(|_| DecodeError)?;
                // Overwrites: clearing first would have it fill the vector with zeros.
                audio.copy_to_vec_interleaved(samples);
                Ok(AudioFormat {
                    sample_rate: spec.rate(),
                    channels,
                })
            }
        }
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::G722(_) => "g722",
            Self::G726(_) => "g726",
            Self::Library(decoder) => decoder.codec_info().short_name,
        }
    }
}

fn library(
    codec: &str,
    sample_rate: u32,
    channels: u16,
    extra_data: &[u8],
) -> Option<Box<dyn AudioDecoder>> {
    let id = codec_id(codec)?;
    let mut parameters = AudioCodecParameters::new();
    parameters
        .for_codec(id)
        .with_sample_rate(sample_rate)
        .with_channels(channels_from(channels)?);
    if !extra_data.is_empty() {
        parameters.with_extra_data(extra_data.into());
    }
    let options = AudioDecoderOptions::default();
    codecs().make_audio_decoder(&parameters, &options).ok()
}

fn codec_id(name: &str) -> Option<AudioCodecId> {
    Some(match name {
        "aac" => CODEC_ID_AAC,
        "pcmu" => CODEC_ID_PCM_MULAW,
        "pcma" => CODEC_ID_PCM_ALAW,
        "l16" => CODEC_ID_PCM_S16BE,
        "l24" => CODEC_ID_PCM_S24BE,
        "mp2" => CODEC_ID_MP2,
        "mp3" => CODEC_ID_MP3,
        "opus" => CODEC_ID_OPUS,
        _ => return None,
    })
}

/// Whether the codec of this name, as it is told of packets and containers, joins overlapping
/// transforms: a damaged packet of it can decode to what lies far beyond full scale and touches
/// its neighbours. Others yield samples as they were taken, or refuse.
pub fn is_overlapped(codec: &str) -> bool {
    matches!(codec, "aac" | "mp1" | "mp2" | "mp3" | "opus" | "vorbis")
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
    use symphonia::core::codecs::audio::well_known::{
        self as id, CODEC_ID_FLAC, CODEC_ID_MP1, CODEC_ID_PCM_F32LE, CODEC_ID_VORBIS,
    };

    use super::*;
    use crate::codec_name;

    #[test]
    fn every_decoder_has_a_name_that_may_be_expected() {
        // What the containers that are read can hold.
        let ids = [
            id::CODEC_ID_PCM_S32LE,
            id::CODEC_ID_PCM_S32BE,
            id::CODEC_ID_PCM_S24LE,
            id::CODEC_ID_PCM_S24BE,
            id::CODEC_ID_PCM_S16LE,
            id::CODEC_ID_PCM_S16BE,
            id::CODEC_ID_PCM_S8,
            id::CODEC_ID_PCM_U32LE,
            id::CODEC_ID_PCM_U32BE,
            id::CODEC_ID_PCM_U24LE,
            id::CODEC_ID_PCM_U24BE,
            id::CODEC_ID_PCM_U16LE,
            id::CODEC_ID_PCM_U16BE,
            id::CODEC_ID_PCM_U8,
            id::CODEC_ID_PCM_F32LE,
            id::CODEC_ID_PCM_F32BE,
            id::CODEC_ID_PCM_F64LE,
            id::CODEC_ID_PCM_F64BE,
            id::CODEC_ID_PCM_ALAW,
            id::CODEC_ID_PCM_MULAW,
            id::CODEC_ID_MP1,
            id::CODEC_ID_MP2,
            id::CODEC_ID_MP3,
            id::CODEC_ID_AAC,
            id::CODEC_ID_OPUS,
            id::CODEC_ID_FLAC,
            id::CODEC_ID_VORBIS,
            id::CODEC_ID_ALAC,
        ];
        let found = ids.map(|id| codecs().get_audio_decoder(id));
        let names = found.into_iter().flatten();
        let names: Vec<_> = names.map(|found| found.codec.info.short_name).collect();
        assert!(names.len() > 20, "{names:?}");
        for name in names {
            assert!(codec_name::known(name).is_some(), "{name}");
        }
        for name in codec_name::names() {
            let packets = codec_id(name).is_some() || name.contains("g72");
            let elsewhere = name.starts_with("pcm_") || matches!(name, "flac" | "vorbis");
            assert!(packets || elsewhere, "{name}: who decodes it?");
        }
    }

    #[test]
    fn codecs_that_overlap_are_known_by_the_names_that_their_decoders_have() {
        let name = |id| Some(codecs().get_audio_decoder(id)?.codec.info.short_name);
        for (id, overlapped) in [
            (CODEC_ID_AAC, true),
            (CODEC_ID_MP1, true),
            (CODEC_ID_MP2, true),
            (CODEC_ID_MP3, true),
            (CODEC_ID_OPUS, true),
            (CODEC_ID_VORBIS, true),
            (CODEC_ID_FLAC, false),
            (CODEC_ID_PCM_ALAW, false),
            (CODEC_ID_PCM_F32LE, false),
        ] {
            // Opus is there with a feature only.
            let Some(name) = name(id) else { continue };
            assert_eq!(is_overlapped(name), overlapped, "{name}");
        }
        assert!(name(CODEC_ID_AAC).is_some() && name(CODEC_ID_VORBIS).is_some());
    }
}
