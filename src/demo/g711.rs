//! µ-law companding (ITU-T G.711), the payload of PCMU (RFC 3551 §4.5.14).

/// Added before the logarithm is approximated, so that every segment starts at a power
/// of two.
const BIAS: u16 = 0x84;
const CLIP: u16 = 32_635;

/// One signed 16-bit sample as a µ-law byte.
pub(super) fn encode(sample: i16) -> u8 {
    let magnitude = sample.unsigned_abs().min(CLIP) + BIAS;
    // The bias makes bit 7 the lowest one that can lead, so the exponent fits 0..=7.
    let exponent = 8 - magnitude.leading_zeros() as u16;
    let mantissa = (magnitude >> (exponent + 3)) & 0x0F;
    let sign = if sample < 0 { 0x80 } else { 0 };
    !(sign | (exponent << 4 | mantissa) as u8)
}

#[cfg(test)]
mod tests {
    use super::encode;

    #[test]
    fn the_end_points_of_the_recommendation() {
        // Table 2a of G.711: zero, full scale of either sign, and a bit pattern inverted.
        for (sample, byte) in [(0, 0xFF), (-1, 0x7F), (i16::MAX, 0x80), (i16::MIN, 0x00)] {
            assert_eq!(encode(sample), byte, "{sample}");
        }
    }
}
