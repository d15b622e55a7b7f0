//! Sample conversion.

/// Converts full-scale ±1 samples to 16 bit: rounded to nearest, saturated, and a sample
/// that is not a number becomes silence. Exact for samples that were 16 bit before.
/// `out` is overwritten.
///
/// Written so that the compiler turns it into baseline vector instructions: adding
/// 1.5 × 2²³ moves a number's integer part into the low bits of the mantissa.
pub fn to_s16(samples: &[f32], out: &mut Vec<i16>) {
    const MAGIC: f32 = 12_582_912.0;
    out.clear();
    out.extend(samples.iter().map(|&sample| {
        let sample = if sample.is_nan() { 0.0 } else { sample };
        let scaled = (sample * 32_768.0).clamp(-32_768.0, 32_767.0);
        ((scaled + MAGIC).to_bits().wrapping_sub(MAGIC.to_bits())) as i16
    }));
}

#[cfg(test)]
mod tests {
    use super::to_s16;

    #[test]
    fn every_16_bit_sample_survives() {
        let all: Vec<i16> = (i16::MIN..=i16::MAX).collect();
        let floats: Vec<f32> = all.iter().map(|s| f32::from(*s) / 32_768.0).collect();
        let mut back = vec![7];
        to_s16(&floats, &mut back);
        assert_eq!(back, all);
    }

    #[test]
    fn what_is_out_of_range_saturates() {
        let mut out = Vec::new();
        let wild = [
            1.0,
            1.5,
            1e30,
            f32::INFINITY,
            -1.0,
            -1e30,
            f32::NEG_INFINITY,
            f32::NAN,
            0.4 / 32_768.0,
        ];
        to_s16(&wild, &mut out);
        assert_eq!(
            out,
            [
                32_767, 32_767, 32_767, 32_767, -32_768, -32_768, -32_768, 0, 0
            ]
        );
    }
}
