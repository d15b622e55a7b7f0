//! G.722 at 64 kbit/s (ITU-T G.722, mode 1): wideband speech as it comes over RTP (RFC 3551
//! §4.5.2).
//!
//! Two bands of 8 kHz, each coded by adaptive differences: six bits of an octet for the
//! lower, two for the upper. Names follow the block diagrams of the recommendation. All is
//! integer arithmetic, bit-exact; what leaves the decoder is not clipped but saturated.

/// Hz.
pub(super) const SAMPLE_RATE: u32 = 16_000;

/// The decoder's state.
#[derive(Debug)]
pub(super) struct G722 {
    lower: Band,
    upper: Band,
    /// The receiving quadrature mirror filter's past.
    history: [i32; 24],
}

impl G722 {
    pub(super) fn new() -> Self {
        Self {
            lower: Band::new(32),
            upper: Band::new(8),
            history: [0; 24],
        }
    }

    /// Appends two samples for each octet, full scale ±1.
    pub(super) fn decode(&mut self, octets: &[u8], out: &mut Vec<f32>) {
        out.reserve(2 * octets.len());
        for octet in octets {
            let low = usize::from(octet & 0x3f);
            let high = usize::from(octet >> 6);
            let (low, high) = (self.lower_band(low), self.upper_band(high));
            for sample in self.synthesise(low, high) {
                out.push(sample as f32 / 32_768.0);
            }
        }
    }

    fn lower_band(&mut self, code: usize) -> i32 {
        let band = &mut self.lower;
        // The output takes all six bits; the predictor four, as the sender's does.
        let fine = (band.scale * QM6[code]) >> 15;
        let decoded = (band.estimate + fine).clamp(-16_384, 16_383);
        let coarse = (band.scale * QM4[code >> 2]) >> 15;
        band.rescale(WL[RL42[code >> 2]], 18_432, 8);
        band.predict(coarse);
        decoded
    }

    fn upper_band(&mut self, code: usize) -> i32 {
        let band = &mut self.upper;
        let difference = (band.scale * QM2[code]) >> 15;
        let decoded = (band.estimate + difference).clamp(-16_384, 16_383);
        band.rescale(WH[RH2[code]], 22_528, 10);
        band.predict(difference);
        decoded
    }

    fn synthesise(&mut self, low: i32, high: i32) -> [i32; 2] {
        self.history.copy_within(2.., 0);
        self.history[22] = low + high;
        self.history[23] = low - high;
        let pairs = || self.history.chunks_exact(2);
        let even: i32 = pairs().zip(QMF).map(|(pair, h)| pair[0] * h).sum();
        let odd: i32 = pairs()
            .zip(QMF.into_iter().rev())
            .map(|(pair, h)| pair[1] * h)
            .sum();
        [odd, even].map(|sum| saturated(sum >> 11))
    }
}

/// One band's quantiser scale and predictor.
#[derive(Debug)]
struct Band {
    /// The quantiser's scale (DET) and its logarithm (NB).
    scale: i32,
    log_scale: i32,
    /// The predicted sample (S) and the zero section's share of it (SZ).
    estimate: i32,
    zeros: i32,
    /// Past reconstructed samples (RLT), partly reconstructed ones (PLT), differences (DLT).
    reconstructed: [i32; 2],
    partial: [i32; 2],
    differences: [i32; 6],
    /// Coefficients of the pole and zero sections.
    poles: [i32; 2],
    zero_coefficients: [i32; 6],
}

impl Band {
    fn new(scale: i32) -> Self {
        Self {
            scale,
            log_scale: 0,
            estimate: 0,
            zeros: 0,
            reconstructed: [0; 2],
            partial: [0; 2],
            differences: [0; 6],
            poles: [0; 2],
            zero_coefficients: [0; 6],
        }
    }

    /// Blocks LOGSCL and SCALEL (LOGSCH and SCALEH).
    fn rescale(&mut self, step: i32, limit: i32, shift: i32) {
        self.log_scale = (((self.log_scale * 127) >> 7) + step).clamp(0, limit);
        let mantissa = ILB[(self.log_scale >> 6 & 31) as usize];
        let exponent = shift - (self.log_scale >> 11);
        let scale = if exponent < 0 {
            mantissa << -exponent
        } else {
            mantissa >> exponent
        };
        self.scale = scale << 2;
    }

    /// Adapts the predictor to the latest difference and predicts the next sample: blocks
    /// RECONS to PREDIC.
    fn predict(&mut self, difference: i32) {
        let reconstructed = saturated(self.estimate + difference);
        let partial = saturated(self.zeros + difference);
        self.adapt_poles(partial);
        self.adapt_zeros(difference);

        self.reconstructed = [reconstructed, self.reconstructed[0]];
        self.partial = [partial, self.partial[0]];
        self.differences.copy_within(..5, 1);
        self.differences[0] = difference;

        let product = |(c, x): (&i32, &i32)| (c * saturated(x + x)) >> 15;
        let poles: i32 = self
            .poles
            .iter()
            .zip(&self.reconstructed)
            .map(product)
            .sum();
        let zeros = self.zero_coefficients.iter().zip(&self.differences);
        self.zeros = saturated(zeros.map(product).sum());
        self.estimate = saturated(saturated(poles) + self.zeros);
    }

    /// Blocks UPPOL2 and UPPOL1.
    fn adapt_poles(&mut self, partial: i32) {
        let [first, second] = self.poles;
        let agrees = |past: i32| (partial < 0) == (past < 0);
        let slope = saturated(first * 4);
        let slope = if agrees(self.partial[0]) {
            (-slope).min(32_767)
        } else {
            slope
        };
        let step = if agrees(self.partial[1]) { 128 } else { -128 };
        let new_second = (step + (slope >> 7) + ((second * 32_512) >> 15)).clamp(-12_288, 12_288);
        let step = if agrees(self.partial[0]) { 192 } else { -192 };
        let limit = saturated(15_360 - new_second);
        let new_first = saturated(step + ((first * 32_640) >> 15)).clamp(-limit, limit);
        self.poles = [new_first, new_second];
    }

    /// Block UPZERO.
    fn adapt_zeros(&mut self, difference: i32) {
        let step = if difference == 0 { 0 } else { 128 };
        for (coefficient, past) in self.zero_coefficients.iter_mut().zip(&self.differences) {
            let agrees = (difference < 0) == (*past < 0);
            let step = if agrees { step } else { -step };
            *coefficient = saturated(step + ((*coefficient * 32_640) >> 15));
        }
    }
}

fn saturated(value: i32) -> i32 {
    value.clamp(-32_768, 32_767)
}

/// The recommendation's tables, by its names.
const QM2: [i32; 4] = [-7408, -1616, 7408, 1616];
const QM4: [i32; 16] = [
    0, -20_456, -12_896, -8968, -6288, -4240, -2584, -1200, 20_456, 12_896, 8968, 6288, 4240, 2584,
    1200, 0,
];
const QM6: [i32; 64] = [
    -136, -136, -136, -136, -24_808, -21_904, -19_008, -16_704, -14_984, -13_512, -12_280, -11_192,
    -10_232, -9360, -8576, -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168,
    -2776, -2400, -2032, -1688, -1360, -1040, -728, 24_808, 21_904, 19_008, 16_704, 14_984, 13_512,
    12_280, 11_192, 10_232, 9360, 8576, 7856, 7192, 6576, 6000, 5456, 4944, 4464, 4008, 3576, 3168,
    2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
];
const WL: [i32; 8] = [-60, -30, 58, 172, 334, 538, 1198, 3042];
const RL42: [usize; 16] = [0, 7, 6, 5, 4, 3, 2, 1, 7, 6, 5, 4, 3, 2, 1, 0];
const WH: [i32; 3] = [0, -214, 798];
const RH2: [usize; 4] = [2, 1, 2, 1];
const ILB: [i32; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
    2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];
const QMF: [i32; 12] = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11];
