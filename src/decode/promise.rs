//! How much audio a whole file says that it holds, and whether it does.

use std::time::Duration;

use symphonia::core::{
    audio::Channels, codecs::CodecParameters, formats::FormatReader, packet::Packet,
};

use super::sniff::Format;

/// A file that is shorter by less than this is as good as whole.
const HARDLY_MISSED: Duration = Duration::from_millis(250);
/// A recorder that does not know the length of a WAV file yet announces some number of bytes
/// near the largest that fits into 31 or 32 bits.
const UNKNOWN_WAV_BYTES: u64 = 0x7fff_0000;

/// The length announced by a file, and how far it was kept.
pub(super) struct Promise {
    frames: u64,
    rate: u32,
    kept: u64,
}

impl Promise {
    /// `None` where the format does not say, or only guesses.
    pub(super) fn of(format: Format, reader: &dyn FormatReader, track: u32) -> Option<Self> {
        let track = reader.tracks().iter().find(|found| found.id == track)?;
        let Some(CodecParameters::Audio(parameters)) = &track.codec_params else {
            return None;
        };
        let (frames, rate) = (track.num_frames?, parameters.sample_rate?);
        let channels = parameters.channels.as_ref().map_or(1, Channels::count) as u64;
        let bytes = u64::from(parameters.bits_per_sample.unwrap_or(8)).div_ceil(8) * channels;
        let known = match format {
            Format::Flac | Format::Mp4 => true,
            Format::Wav => frames.saturating_mul(bytes) < UNKNOWN_WAV_BYTES,
            Format::Ogg | Format::Mp3(_) | Format::Adts(_) => false,
        };
        let kept = 0;
        (known && rate > 0).then_some(Self { frames, rate, kept })
    }

    /// This packet was there.
    pub(super) fn kept_up_to(&mut self, packet: &Packet) {
        let begins = u64::try_from(packet.pts.get()).unwrap_or(0);
        self.kept = begins.saturating_add(packet.dur.get());
    }

    /// What is missing at the end, if it is worth a word.
    pub(super) fn missing(&self) -> Option<Duration> {
        let frames = self.frames.saturating_sub(self.kept);
        let whole = Duration::from_secs(frames / u64::from(self.rate));
        let rest = frames % u64::from(self.rate) * 1_000_000_000 / u64::from(self.rate);
        let missing = whole + Duration::from_nanos(rest);
        (missing > HARDLY_MISSED).then_some(missing)
    }
}
