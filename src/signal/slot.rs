//! A stretch of audio, reduced to sums that can be joined. Pure and exact.

use std::num::NonZeroU16;

/// Full scale of 16 bit.
const FULL_SCALE: f64 = 32_768.0;
/// A-law has no zero: its silence is made of this value and its negative (ITU-T G.711).
const A_LAW_IDLE: u16 = 8;
const LANES: usize = 16;

/// The sums over a stretch of interleaved 16-bit audio. Integers, so that it does not
/// matter in which pieces the stretch came.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Slot {
    /// Sum of the samples of each channel.
    sums: Box<[i64]>,
    samples: u64,
    /// Sum of squares.
    squares: u64,
    /// The extremes; the wrong way round when empty.
    low: i16,
    high: i16,
}

impl Slot {
    /// An empty stretch of audio with this many interleaved channels.
    pub fn new(channels: NonZeroU16) -> Self {
        Self {
            sums: vec![0; usize::from(channels.get())].into(),
            samples: 0,
            squares: 0,
            low: i16::MAX,
            high: i16::MIN,
        }
    }

    /// Appends whole frames.
    pub fn add(&mut self, samples: &[i16]) {
        // So few that no lane's sum can overflow.
        const PIECE: usize = LANES * 32_768;
        let channels = self.sums.len();
        if LANES.is_multiple_of(channels) {
            for piece in samples.chunks(PIECE) {
                self.add_in_lanes(piece);
            }
        } else {
            for frame in samples.chunks_exact(channels) {
                for (sum, sample) in self.sums.iter_mut().zip(frame) {
                    *sum += i64::from(*sample);
                }
            }
            for sample in samples {
                self.squares += u64::from(square(*sample));
                self.low = self.low.min(*sample);
                self.high = self.high.max(*sample);
            }
        }
        self.samples += samples.len() as u64;
    }

    /// The same where every lane belongs to one channel. Independent lanes of at most 32 bits,
    /// for which the squares go in halves, let the compiler use vector instructions.
    fn add_in_lanes(&mut self, samples: &[i16]) {
        let mut sums = [0i32; LANES];
        let (mut lower, mut upper) = ([0u32; LANES], [0u32; LANES]);
        let (mut low, mut high) = ([self.low; LANES], [self.high; LANES]);
        let mut measure = |chunk: &[i16; LANES], lanes: usize| {
            for lane in 0..lanes {
                let sample = chunk[lane];
                let square = square(sample);
                sums[lane] += i32::from(sample);
                lower[lane] += square & 0xFFFF;
                upper[lane] += square >> 16;
                low[lane] = low[lane].min(sample);
                high[lane] = high[lane].max(sample);
            }
        };
        let (chunks, rest) = samples.as_chunks();
        for chunk in chunks {
            measure(chunk, LANES);
        }
        let mut last = [0; LANES];
        last[..rest.len()].copy_from_slice(rest);
        measure(&last, rest.len());
        let channels = self.sums.len();
        for (lane, sum) in sums.into_iter().enumerate() {
            self.sums[lane % channels] += i64::from(sum);
        }
        let total = |halves: [u32; LANES]| halves.into_iter().map(u64::from).sum::<u64>();
        self.squares += (total(upper) << 16) + total(lower);
        self.low = low.into_iter().fold(self.low, i16::min);
        self.high = high.into_iter().fold(self.high, i16::max);
    }

    /// Appends another stretch of the same channels.
    pub fn merge(&mut self, next: &Self) {
        for (sum, more) in self.sums.iter_mut().zip(&next.sums) {
            *sum += more;
        }
        self.samples += next.samples;
        self.squares += next.squares;
        self.low = self.low.min(next.low);
        self.high = self.high.max(next.high);
    }

    /// Whole frames in it.
    pub fn frames(&self) -> u64 {
        self.samples / self.sums.len() as u64
    }

    /// Root mean square, full scale 1; zero when empty.
    pub fn rms(&self) -> f64 {
        self.mean_square().sqrt()
    }

    /// Mean of the channel that lies farthest from zero, full scale 1, with its sign.
    pub fn dc_offset(&self) -> f64 {
        let farthest = self.sums.iter().copied().max_by_key(|sum| sum.abs());
        self.mean(farthest.unwrap_or(0))
    }

    /// Mean square of what moves, full scale 1: without the offset of each channel.
    pub fn mean_square_without_offset(&self) -> f64 {
        let offsets = self.sums.iter().map(|sum| self.mean(*sum).powi(2));
        let offset = offsets.sum::<f64>() / self.sums.len() as f64;
        (self.mean_square() - offset).max(0.0)
    }

    /// Whether there is nothing in it but the codec's silence: exact zeros, or of A-law,
    /// which has none, the smallest value with either sign.
    pub fn is_digital_silence(&self) -> bool {
        let idle = u64::from(A_LAW_IDLE);
        match self.low.unsigned_abs().max(self.high.unsigned_abs()) {
            0 => true,
            // None is larger, so the sum says that none is smaller.
            A_LAW_IDLE => self.squares == self.samples * idle * idle,
            _ => false,
        }
    }

    fn mean_square(&self) -> f64 {
        if self.samples == 0 {
            return 0.0;
        }
        self.squares as f64 / self.samples as f64 / (FULL_SCALE * FULL_SCALE)
    }

    fn mean(&self, sum: i64) -> f64 {
        if self.samples == 0 {
            return 0.0;
        }
        sum as f64 / self.frames() as f64 / FULL_SCALE
    }
}

fn square(sample: i16) -> u32 {
    let sample = i32::from(sample);
    // At most 2^30.
    (sample * sample) as u32
}

/// Whether a block of samples is the codec's silence, as [`Slot::is_digital_silence`] has it.
/// Decided at the first sample that moves.
pub fn is_digital_silence(samples: &[i16]) -> bool {
    let Some(first) = samples.first().map(|sample| sample.unsigned_abs()) else {
        return false;
    };
    [0, A_LAW_IDLE].contains(&first) && samples.iter().all(|s| s.unsigned_abs() == first)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn slot(channels: u16, samples: &[i16]) -> Slot {
        let mut slot = Slot::new(NonZeroU16::new(channels).unwrap());
        slot.add(samples);
        slot
    }

    proptest! {
        /// However a stretch is cut into pieces and slots, the same comes out; and it is
        /// what the plain formulas say.
        #[test]
        fn any_split_gives_the_same_window(
            channels in prop::sample::select(vec![1u16, 2, 3, 4, 5, 6, 8, 32]),
            samples in prop::collection::vec(any::<i16>(), 0..3_000),
            cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 0..6),
        ) {
            let per_frame = usize::from(channels);
            let frames = samples.len() / per_frame;
            let samples = &samples[..frames * per_frame];
            let whole = slot(channels, samples);
            let mut cuts: Vec<_> = cuts.into_iter()
                .map(|(index, merge)| (index.index(frames + 1) * per_frame, merge)).collect();
            cuts.sort_unstable();
            let (mut joined, mut open) = (slot(channels, &[]), slot(channels, &[]));
            let mut start = 0;
            for (cut, merge) in cuts {
                open.add(&samples[start..cut]);
                start = cut;
                if merge {
                    joined.merge(&std::mem::replace(&mut open, slot(channels, &[])));
                }
            }
            open.add(&samples[start..]);
            joined.merge(&open);
            prop_assert_eq!(&joined, &whole);

            if frames > 0 {
                let squares: f64 = samples.iter().map(|s| f64::from(*s).powi(2)).sum();
                let rms = (squares / samples.len() as f64).sqrt() / 32_768.0;
                prop_assert!((whole.rms() - rms).abs() < 1e-9);
                let mean = |c: usize| samples.iter().skip(c).step_by(per_frame)
                    .map(|s| f64::from(*s)).sum::<f64>() / frames as f64 / 32_768.0;
                let farthest = (0..per_frame).map(|c| mean(c).abs()).fold(0.0, f64::max);
                prop_assert!((whole.dc_offset().abs() - farthest).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn opposite_offsets_of_two_channels_do_not_hide_each_other() {
        let leaning = slot(2, &[[100, -3_277]; 500].concat());
        assert!((leaning.dc_offset() + 0.1).abs() < 1e-4);
        assert!(leaning.rms() > 0.07);
        assert!(leaning.mean_square_without_offset() < 1e-12);
    }

    #[test]
    fn a_full_scale_second_of_many_channels_does_not_overflow() {
        let loudest = slot(2, &vec![i16::MIN; 2 * 768_000]);
        assert_eq!((loudest.rms(), loudest.dc_offset()), (1.0, -1.0));
    }

    #[test]
    fn only_zeros_and_the_idle_codes_of_a_law_are_digital_silence() {
        for (samples, digital) in [
            (&[0, 0, 0][..], true),
            (&[8, -8, 8], true),
            (&[8, 0], false),
            (&[0, 0, 1], false),
            (&[9, 9], false),
            (&[], false),
        ] {
            assert_eq!(
                slot(1, samples).is_digital_silence(),
                digital,
                "{samples:?}"
            );
            assert_eq!(is_digital_silence(samples), digital, "{samples:?}");
        }
    }
}
