//! Packets of a file, gathered to blocks that are worth a hand-over.
//!
//! Each block wakes its taker and then the thread again. A WAV file's packets are 24 ms
//! long, and these wake-ups took several times what decoding them does.

use symphonia::core::audio::GenericAudioBufferRef;

use crate::units::AudioFormat;

/// Blocks in a second of a file.
const BLOCKS_PER_SECOND: usize = 10;
/// Samples of a block at most, whatever rate a header claims: a tenth of a second of five
/// channels at 96 kHz.
const MOST_SAMPLES: usize = 48_000;

/// Samples on their way to the taker.
pub(super) struct Gathered {
    live: bool,
    format: AudioFormat,
    samples: Vec<f32>,
}

impl Gathered {
    /// Of a `live` stream every packet is a block: the next may be long in coming.
    pub(super) fn new(live: bool) -> Self {
        let format = AudioFormat {
            sample_rate: 0,
            channels: 0,
        };
        Self {
            live,
            format,
            samples: Vec::new(),
        }
    }

    /// Whether what has gathered must go before a packet of `format` is appended.
    pub(super) fn is_of_another(&self, format: AudioFormat) -> bool {
        self.format != format
    }

    /// Appends a packet.
    pub(super) fn append(&mut self, format: AudioFormat, packet: &GenericAudioBufferRef<'_>) {
        let (before, count) = (self.samples.len(), packet.samples_interleaved());
        if before == 0 {
            self.format = format;
            // One allocation for a block and what its last packet may add.
            self.samples.reserve_exact(self.enough().max(1) - 1 + count);
        }
        self.samples.resize(before + count, 0.0);
        packet.copy_to_slice_interleaved(&mut self.samples[before..]);
    }

    /// Whether there is enough for a block.
    pub(super) fn is_enough(&self) -> bool {
        self.samples.len() >= self.enough()
    }

    /// The block, unless there is none.
    pub(super) fn take(&mut self) -> Option<(AudioFormat, Vec<f32>)> {
        let samples = std::mem::take(&mut self.samples);
        (!samples.is_empty()).then_some((self.format, samples))
    }

    fn enough(&self) -> usize {
        if self.live {
            return 0;
        }
        let frames = self.format.sample_rate as usize / BLOCKS_PER_SECOND;
        frames
            .saturating_mul(usize::from(self.format.channels))
            .min(MOST_SAMPLES)
    }
}

#[cfg(test)]
mod tests {
    use symphonia::core::audio::{
        AsGenericAudioBufferRef as _, AudioBuffer, AudioMut as _, AudioSpec, Channels,
    };

    use super::*;

    const MONO: AudioFormat = AudioFormat {
        sample_rate: 48_000,
        channels: 1,
    };

    fn packet(frames: usize, value: f32) -> AudioBuffer<f32> {
        let mut buffer = AudioBuffer::new(AudioSpec::new(48_000, Channels::Discrete(1)), frames);
        buffer.render_silence(Some(frames));
        buffer.plane_mut(0).unwrap().fill(value);
        buffer
    }

    #[test]
    fn a_file_gathers_a_tenth_of_a_second_in_order() {
        let mut gathered = Gathered::new(false);
        for number in 0..5 {
            let audio = packet(1152, number as f32);
            gathered.append(MONO, &audio.as_generic_audio_buffer_ref());
            assert_eq!(gathered.is_enough(), number == 4, "packet {number}");
        }
        let (format, samples) = gathered.take().unwrap();
        let expected: Vec<f32> = (0..5 * 1152).map(|n| (n / 1152) as f32).collect();
        assert_eq!((format, samples), (MONO, expected));
        assert_eq!(gathered.take(), None);
    }

    #[test]
    fn a_live_packet_does_not_wait() {
        let mut gathered = Gathered::new(true);
        gathered.append(MONO, &packet(1, 0.5).as_generic_audio_buffer_ref());
        assert!(gathered.is_enough());
        assert_eq!(gathered.take(), Some((MONO, vec![0.5])));
    }

    #[test]
    fn a_rate_that_a_header_claims_takes_no_memory() {
        let wild = AudioFormat {
            sample_rate: u32::MAX,
            channels: u16::MAX,
        };
        let mut gathered = Gathered::new(false);
        gathered.append(wild, &packet(1152, 0.5).as_generic_audio_buffer_ref());
        assert!(gathered.samples.capacity() < MOST_SAMPLES + 1152);
    }
}
