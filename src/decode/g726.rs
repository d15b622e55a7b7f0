//! G.726 ADPCM at 16, 24, 32 and 40 kbit/s (ITU-T G.726), 8 kHz mono.
//!
//! Names follow the recommendation's blocks. The predictor multiplies in a small floating
//! point format of the recommendation's own; anything else would drift from the sender's.

/// Hz.
pub(super) const SAMPLE_RATE: u32 = 8_000;

/// How code words lie in the octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    /// RFC 3551 §4.5.4, `G726-32` and the like: the first in the least significant bits.
    Rtp,
    /// ITU-T I.366.2, `AAL2-G726-32` and the like: the first in the most significant bits.
    Aal2,
}

/// What differs between the rates: by magnitude of the code word.
#[derive(Debug)]
struct Tables {
    /// Bits of a code word.
    bits: u32,
    /// The quantiser's output levels, logarithmic (DQLN).
    levels: &'static [i32],
    /// Steps of its scale factor (W).
    scale_steps: &'static [i32],
    /// How much the level says about the signal's pace (F).
    pace: &'static [i32],
}

const RATES: [Tables; 4] = [
    Tables {
        bits: 2,
        levels: &[116, 365],
        scale_steps: &[-22, 439],
        pace: &[0, 7],
    },
    Tables {
        bits: 3,
        levels: &[-2048, 135, 273, 373],
        scale_steps: &[-4, 30, 137, 582],
        pace: &[0, 1, 2, 7],
    },
    Tables {
        bits: 4,
        levels: &[-2048, 4, 135, 213, 273, 323, 373, 425],
        scale_steps: &[-12, 18, 41, 64, 112, 198, 355, 1122],
        pace: &[0, 0, 0, 1, 1, 1, 3, 7],
    },
    Tables {
        bits: 5,
        levels: &[
            -2048, -66, 28, 104, 169, 224, 274, 318, 358, 395, 429, 459, 488, 514, 539, 566,
        ],
        scale_steps: &[
            14, 14, 24, 39, 40, 41, 58, 100, 141, 179, 219, 280, 358, 440, 529, 696,
        ],
        pace: &[0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 3, 4, 5, 6, 6],
    },
];

/// The decoder's state, reset as the recommendation says.
#[derive(Debug)]
pub(super) struct G726 {
    tables: &'static Tables,
    packing: Packing,
    /// Scale factors: fast (YU) and slow (YL, with six more bits).
    fast_scale: i32,
    slow_scale: i32,
    /// Averages of the pace, short and long (DMS, DML), and the speed control (AP).
    short_pace: i32,
    long_pace: i32,
    speed: i32,
    /// A partial band signal, a modem's tone, is there (TD).
    tone: bool,
    /// Past quantised differences (DQ) and reconstructed signals (SR).
    differences: [Float; 6],
    signals: [Float; 2],
    /// Signs of the past partly reconstructed signals (PK).
    negative: [bool; 2],
    zeros: [i32; 6],
    poles: [i32; 2],
}

impl G726 {
    /// By the codec's name: `g726-32`, `aal2-g726-40` and so on.
    pub(super) fn new(name: &str) -> Option<Self> {
        let (packing, rest) = match name.strip_prefix("aal2-") {
            Some(rest) => (Packing::Aal2, rest),
            None => (Packing::Rtp, name),
        };
        let rate: u32 = rest.strip_prefix("g726-")?.parse().ok()?;
        let tables = RATES.iter().find(|tables| tables.bits * 8 == rate)?;
        Some(Self {
            tables,
            packing,
            fast_scale: 544,
            slow_scale: 34_816,
            short_pace: 0,
            long_pace: 0,
            speed: 0,
            tone: false,
            differences: [Float::ZERO; 6],
            signals: [Float::ZERO; 2],
            negative: [false; 2],
            zeros: [0; 6],
            poles: [0; 2],
        })
    }

    /// Appends a sample for each code word, full scale ±1. Bits of an incomplete last code
    /// word are padding.
    pub(super) fn decode(&mut self, octets: &[u8], out: &mut Vec<f32>) {
        let bits = self.tables.bits;
        out.reserve(octets.len() * 8 / bits as usize);
        let (mut waiting, mut count) = (0u32, 0);
        for octet in octets {
            let octet = u32::from(*octet);
            match self.packing {
                Packing::Rtp => waiting |= octet << count,
                Packing::Aal2 => waiting = waiting << 8 | octet,
            }
            count += 8;
            while count >= bits {
                count -= bits;
                let code = match self.packing {
                    Packing::Rtp => {
                        let code = waiting;
                        waiting >>= bits;
                        code
                    }
                    Packing::Aal2 => waiting >> count,
                };
                let sample = self.next(code & ((1 << bits) - 1));
                out.push(sample as f32 / 8_192.0);
            }
        }
    }

    /// One code word: a sample of 14 bits.
    fn next(&mut self, code: u32) -> i32 {
        let sign_bit = 1 << (self.tables.bits - 1);
        let negative = code & sign_bit != 0;
        let magnitude = if negative { !code } else { code } & (sign_bit - 1);
        let magnitude = magnitude as usize;

        let zeros: i32 = sum(&self.zeros, &self.differences);
        let all = zeros + sum(&self.poles, &self.signals);
        let (zeros, estimate) = (wrapped(zeros) >> 1, wrapped(all) >> 1);

        let scale = self.scale();
        let size = antilog(self.tables.levels[magnitude] + (scale >> 2));
        let difference = if negative { -size } else { size };
        let signal = wrapped(difference + estimate);

        let transition = self.tone && size > self.transition_threshold();
        self.adapt_scale(scale, self.tables.scale_steps[magnitude]);
        self.adapt_predictor(transition, zeros + difference, size, negative);
        self.adapt_speed(transition, scale, self.tables.pace[magnitude]);
        if transition {
            self.tone = false;
        }

        self.differences.copy_within(..5, 1);
        self.differences[0] = Float::new(size, negative);
        self.signals = [
            Float::new(signal.abs() & 32_767, signal < 0),
            self.signals[0],
        ];
        signal.clamp(-8_192, 8_191)
    }

    /// Blocks LIMA and MIX.
    fn scale(&self) -> i32 {
        let weight = (self.speed >> 2).min(64);
        let slow = self.slow_scale >> 6;
        let difference = self.fast_scale - slow;
        slow + difference.signum() * ((difference.abs() * weight) >> 6)
    }

    /// Block TRANS.
    fn transition_threshold(&self) -> i32 {
        let (whole, fraction) = (self.slow_scale >> 15, self.slow_scale >> 10 & 31);
        let threshold = if whole > 9 {
            31 << 10
        } else {
            (32 + fraction) << whole
        };
        (threshold + (threshold >> 1)) >> 1
    }

    /// Blocks FILTD, LIMB and FILTE.
    fn adapt_scale(&mut self, scale: i32, step: i32) {
        self.fast_scale = (scale + (((step << 5) - scale) >> 5)).clamp(544, 5_120);
        self.slow_scale += self.fast_scale + (-self.slow_scale >> 6);
    }

    /// Blocks ADDC, UPA2, LIMC, UPA1, LIMD, UPB, TRIGB and TONE.
    fn adapt_predictor(&mut self, transition: bool, partial: i32, size: i32, negative: bool) {
        let partial = wrapped(partial);
        let is_negative = partial < 0;
        let differs = self.negative.map(|past| past != is_negative);
        self.negative = [is_negative, self.negative[0]];
        if transition {
            self.zeros = [0; 6];
            self.poles = [0; 2];
            // TONE looks at the coefficient that was just cleared.
            self.tone = false;
            return;
        }
        let [first, second] = self.poles;
        let (mut step_first, mut step_second) = (0, 0);
        if partial != 0 {
            let slope = first.clamp(-8_191, 8_191) * 4;
            let slope = if differs[0] { slope } else { -slope };
            let step = if differs[1] { -16_384 } else { 16_384 };
            step_second = (step + slope) >> 7;
            step_first = if differs[0] { -192 } else { 192 };
        }
        let second = (second + step_second - (second >> 7)).clamp(-12_288, 12_288);
        let limit = 15_360 - second;
        let first = (first + step_first - (first >> 8)).clamp(-limit, limit);
        self.poles = [first, second];
        let leak = if self.tables.bits == 5 { 9 } else { 8 };
        for (zero, past) in self.zeros.iter_mut().zip(&self.differences) {
            let step = match (size, past.negative == negative) {
                (0, _) => 0,
                (_, true) => 128,
                (_, false) => -128,
            };
            *zero += step - (*zero >> leak);
        }
        self.tone = second < -11_776;
    }

    /// Blocks FILTA, FILTB, SUBTC, FILTC and TRIGA. The tone is already the new one.
    fn adapt_speed(&mut self, transition: bool, scale: i32, pace: i32) {
        self.short_pace += ((pace << 9) - self.short_pace) >> 5;
        self.long_pace += ((pace << 11) - self.long_pace) >> 7;
        let change = ((self.short_pace << 2) - self.long_pace).abs();
        let fast = scale < 1_536 || change >= self.long_pace >> 3 || self.tone;
        let target = if fast { 512 } else { 0 };
        self.speed += (target - self.speed) >> 4;
        if transition {
            self.speed = 256;
        }
    }
}

/// A magnitude as a normalised mantissa of six bits and an exponent (FLOATA, FLOATB).
#[derive(Clone, Copy, Debug)]
struct Float {
    negative: bool,
    exponent: i32,
    mantissa: i32,
}

impl Float {
    const ZERO: Self = Self {
        negative: false,
        exponent: 0,
        mantissa: 32,
    };

    fn new(magnitude: i32, negative: bool) -> Self {
        let exponent = (32 - magnitude.leading_zeros()).cast_signed();
        Self {
            negative,
            exponent,
            mantissa: if magnitude == 0 {
                32
            } else {
                (magnitude << 6) >> exponent
            },
        }
    }

    /// Block FMULT: the product with a predictor's coefficient.
    fn times(self, coefficient: i32) -> i32 {
        let factor = Self::new((coefficient >> 2).abs() & 8_191, coefficient < 0);
        let exponent = self.exponent + factor.exponent;
        let mantissa = (self.mantissa * factor.mantissa + 48) >> 4;
        let magnitude = if exponent <= 26 {
            (mantissa << 7) >> (26 - exponent)
        } else {
            (mantissa << 7) << (exponent - 26) & 32_767
        };
        if self.negative == factor.negative {
            magnitude
        } else {
            -magnitude
        }
    }
}

/// Block ACCUM.
fn sum(coefficients: &[i32], past: &[Float]) -> i32 {
    let pairs = coefficients.iter().zip(past);
    pairs
        .map(|(coefficient, past)| past.times(*coefficient))
        .sum()
}

/// Block ANTILOG: from the logarithm to a magnitude.
fn antilog(logarithm: i32) -> i32 {
    if logarithm < 0 {
        return 0;
    }
    let (exponent, fraction) = (logarithm >> 7 & 15, logarithm & 127);
    ((128 + fraction) << 7) >> (14 - exponent)
}

/// The recommendation's sums have 16 bits.
fn wrapped(value: i32) -> i32 {
    i32::from(value as i16)
}
