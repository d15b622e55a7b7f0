//! Level of a block of samples. Pure.

use std::ops::AddAssign;

/// The largest 16-bit sample. What reaches it was cut off, or may have been.
const CLIPPED: f32 = 32_767.0 / 32_768.0;

/// Measurements of one block, or of several together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Levels {
    /// Samples measured, all channels counted.
    pub samples: u64,
    /// Sum of squares, full scale 1.
    pub energy: f64,
    /// Largest magnitude, full scale 1; above it what a lossy decoder overshoots, and far
    /// above it what a corrupt packet decodes to.
    pub peak: f32,
    /// Samples at the limits of 16 bit or beyond.
    pub clipped: u64,
}

impl Levels {
    /// Measures interleaved samples, full scale ±1. In the energy what lies beyond full
    /// scale counts as full scale, as it will in the ring: a corrupt packet can decode to
    /// 10¹⁰, which would drown everything after it in a sum that only grows. What is not a
    /// number is zero.
    pub fn of(samples: &[f32]) -> Self {
        const LANES: usize = 8;
        let (mut energy, mut clipped) = (0.0, 0);
        let mut peaks = [0.0f32; LANES];
        // A lane adds up at most 128 squares before it joins the exact sum.
        for block in samples.chunks(128 * LANES) {
            // Independent lanes, and one choice after the other in them: only so does the
            // compiler use vector instructions.
            let mut sums = [0.0f32; LANES];
            let mut counts = [0u32; LANES];
            let mut measure = |chunk: &[f32; LANES]| {
                for lane in 0..LANES {
                    let magnitude = chunk[lane].abs();
                    let magnitude = if magnitude >= 0.0 { magnitude } else { 0.0 };
                    let within = if magnitude < 1.0 { magnitude } else { 1.0 };
                    sums[lane] += within * within;
                    let peak = peaks[lane];
                    peaks[lane] = if magnitude > peak { magnitude } else { peak };
                    counts[lane] += u32::from(magnitude >= CLIPPED);
                }
            };
            let (chunks, rest) = block.as_chunks();
            chunks.iter().for_each(&mut measure);
            // Zeros add nothing to any of it.
            let mut last = [0.0; LANES];
            last[..rest.len()].copy_from_slice(rest);
            measure(&last);
            energy += sums.iter().map(|sum| f64::from(*sum)).sum::<f64>();
            clipped += counts.iter().map(|count| u64::from(*count)).sum::<u64>();
        }
        Self {
            samples: samples.len() as u64,
            energy,
            peak: peaks.into_iter().fold(0.0, f32::max),
            clipped,
        }
    }

    /// Root mean square, full scale 1; zero for an empty block.
    pub fn rms(&self) -> f64 {
        if self.samples == 0 {
            0.0
        } else {
            (self.energy / self.samples as f64).sqrt()
        }
    }
}

impl AddAssign for Levels {
    fn add_assign(&mut self, more: Self) {
        self.samples += more.samples;
        self.energy += more.energy;
        self.peak = self.peak.max(more.peak);
        self.clipped += more.clipped;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sine_of_minus_15_dbfs_reads_so() {
        // Level of a sine by its peak: RMS is 3.01 dB below.
        let amplitude = 10f64.powf(-15.0 / 20.0) * std::f64::consts::SQRT_2;
        let step = std::f64::consts::TAU * 1000.0 / 48_000.0;
        let sine: Vec<f32> = (0..48_000)
            .map(|n| (amplitude * (step * f64::from(n)).sin()) as f32)
            .collect();
        let levels = Levels::of(&sine);
        let dbfs = 20.0 * levels.rms().log10();
        assert!((dbfs + 15.0).abs() < 0.01, "{dbfs}");
        assert!((f64::from(levels.peak) - amplitude).abs() < 1e-4);
        assert_eq!(levels.clipped, 0);
    }

    #[test]
    fn every_sample_counts_wherever_it_stands() {
        for length in [1, 7, 8, 9, 1023, 1024, 1025, 3000] {
            for place in [0, length / 2, length - 1] {
                let mut samples = vec![0.0; length];
                samples[place] = -0.5;
                let levels = Levels::of(&samples);
                let expected = Levels {
                    samples: length as u64,
                    energy: 0.25,
                    peak: 0.5,
                    clipped: 0,
                };
                assert_eq!(levels, expected, "{place} of {length}");
                samples[place] = -1.0;
                assert_eq!(Levels::of(&samples).clipped, 1, "{place} of {length}");
            }
        }
    }

    #[test]
    fn the_limits_of_16_bit_are_clipped_and_the_step_below_is_not() {
        let steps = [
            32_766.0, 32_767.0, -32_767.0, -32_768.0, 40_000.0, -32_766.0,
        ];
        let samples = steps.map(|step: f32| step / 32_768.0);
        assert_eq!(Levels::of(&samples).clipped, 4);
    }

    #[test]
    fn a_corrupt_packet_counts_as_full_scale_at_most_in_the_energy() {
        let levels = Levels::of(&[2.4e10, f32::INFINITY, f32::NEG_INFINITY, -1.5]);
        assert_eq!((levels.energy, levels.peak), (4.0, f32::INFINITY));
    }

    #[test]
    fn what_is_not_a_number_does_not_spread() {
        let levels = Levels::of(&[f32::NAN, 0.5, f32::NAN, 0.5, 0.0, 0.0, 0.0, 0.0, f32::NAN]);
        assert!((levels.energy - 0.5).abs() < 1e-9);
        assert_eq!((levels.peak, levels.clipped), (0.5, 0));
    }
}
