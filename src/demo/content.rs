//! What the demo's sources sound like: pure functions of the sample's number.

use std::f64::consts::{SQRT_2, TAU};

/// A synthetic sound. Levels are root mean square relative to a full scale of 1, so a
/// full-scale sine has −3.01 dBFS.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Content {
    /// Digital zeros.
    Silence,
    /// A steady sine.
    Tone {
        /// Its frequency in Hz, below half the sample rate.
        hz: f64,
        /// Its level, at most −3.01.
        dbfs: f64,
    },
    /// Chirps that come and go over a quiet hiss, never the same phrase twice in a row:
    /// something for a level chart to draw.
    Song {
        /// The level of the loudest chirp, at most −3.01.
        dbfs: f64,
    },
}

/// The hiss under the song: above what counts as quiet, far below the chirps.
const HISS_DBFS: f64 = -48.0;
/// A phrase and the chirps that fit into it, in seconds.
const PHRASE: f64 = 2.4;
const CHIRP: f64 = 0.3;
const CHIRPS_MAX: u64 = 6;
/// Chirps sweep inside this band, in Hz: all of it survives 8 kHz telephony.
const BAND: (f64, f64) = (1_800.0, 3_400.0);
/// How long the singer takes to come near and go away again, in seconds.
const APPROACH: f64 = 23.0;

impl Content {
    /// Sample `index` at `rate` Hz as signed 16 bit.
    pub fn sample(self, index: u64, rate: u32) -> i16 {
        let time = index as f64 / f64::from(rate);
        let value = match self {
            Self::Silence => return 0,
            Self::Tone { hz, dbfs } => {
                // Whole turns are dropped first: the sine of a huge angle loses precision.
                amplitude(dbfs) * SQRT_2 * (TAU * (time * hz).fract()).sin()
            }
            Self::Song { dbfs } => amplitude(dbfs) * SQRT_2 * song(time) + hiss(index),
        };
        (value * 32_767.0).round().clamp(-32_768.0, 32_767.0) as i16
    }
}

fn amplitude(dbfs: f64) -> f64 {
    10f64.powf(dbfs / 20.0)
}

/// The chirps at `time`, within ±1.
fn song(time: f64) -> f64 {
    let phrase = (time / PHRASE) as u64;
    let into_phrase = time - phrase as f64 * PHRASE;
    let chirp = (into_phrase / CHIRP) as u64;
    let dice = scramble(phrase);
    if chirp >= 2 + dice % (CHIRPS_MAX - 1) {
        return 0.0;
    }
    let position = into_phrase / CHIRP - chirp as f64;
    let envelope = (TAU * position).cos().mul_add(-0.5, 0.5);
    let width = BAND.1 - BAND.0;
    let from = BAND.0 + width * unit(scramble(dice ^ chirp));
    let to = BAND.0 + width * unit(scramble(dice ^ chirp ^ 0xFF));
    let seconds = position * CHIRP;
    let turns = seconds * (from + (to - from) * position * 0.5);
    let nearness = 0.6 - 0.4 * (TAU * time / APPROACH).cos();
    nearness * envelope * (TAU * turns).sin()
}

/// White noise, uniform, whose root mean square is [`HISS_DBFS`].
fn hiss(index: u64) -> f64 {
    amplitude(HISS_DBFS) * 3f64.sqrt() * (2.0 * unit(scramble(index)) - 1.0)
}

/// A number that looks random but belongs to `seed` (the finaliser of `SplitMix64`).
fn scramble(seed: u64) -> u64 {
    let mut mixed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// The upper bits of `bits` as a number in `0.0..1.0`.
fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dbfs(content: Content, rate: u32, samples: std::ops::Range<u64>) -> f64 {
        let count = (samples.end - samples.start) as f64;
        let energy: f64 = samples
            .map(|index| (f64::from(content.sample(index, rate)) / 32_768.0).powi(2))
            .sum();
        10.0 * (energy / count).log10()
    }

    #[test]
    fn a_tone_has_its_level_and_its_pitch_also_after_a_month() {
        let tone = Content::Tone {
            hz: 1_000.0,
            dbfs: -20.0,
        };
        for start in [0, 48_000 * 86_400 * 30] {
            assert!((dbfs(tone, 48_000, start..start + 48_000) + 20.0).abs() < 0.01);
            let rising = (start..start + 48_000)
                .filter(|&i| tone.sample(i, 48_000) <= 0 && tone.sample(i + 1, 48_000) > 0)
                .count();
            assert!(
                (999..=1001).contains(&rising),
                "{rising} cycles in a second"
            );
        }
    }

    #[test]
    fn the_song_moves_but_is_never_quiet_and_never_clips() {
        let song = Content::Song { dbfs: -20.0 };
        for rate in [8_000, 48_000] {
            let fifth = u64::from(rate / 5);
            let levels: Vec<f64> = (0..300)
                .map(|n| dbfs(song, rate, n * fifth..(n + 1) * fifth))
                .collect();
            let (low, high) = levels.iter().fold((0f64, f64::MIN), |(low, high), &l| {
                (low.min(l), high.max(l))
            });
            assert!(low > -50.0, "{low} dBFS would count as quiet");
            assert!((-26.0..-18.0).contains(&high), "loudest {high} dBFS");
            assert!(high - low > 20.0, "it does not move");
        }
    }
}
