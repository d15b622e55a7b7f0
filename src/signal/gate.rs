//! What of a block may be believed. Pure.

use std::time::Duration;

use super::Levels;

/// No decoder of an intact packet comes this far above full scale (+6 dB); some 1 % of
/// damaged AAC packets come out at more than twice that.
const IMPLAUSIBLE_PEAK: f32 = 2.0;
/// Damage is rare and short. So much audio beyond it is a signal: one that is far too loud.
const LOUD_AFTER: Duration = Duration::from_millis(500);
/// What is plausible makes up for an eighth of its length of what is not.
const PARDON: u32 = 8;

/// Keeps damaged blocks from being taken for loud or clipped audio.
///
/// Only of a lossy codec ([`Self::judge`]): a sample of any other is what was sampled,
/// and floating point may say four times full scale and mean it. A block of a lossy codec
/// with an implausible peak is noise that was never recorded: its samples are counted, and
/// nothing else of it. When such blocks are no exception any more, but half a second of
/// audio, they are believed.
///
/// The block after noise, or after a hole, may still carry a part of the damage, since lossy
/// codecs overlap their blocks: it counts for the level, but not for the peak and clipping.
#[derive(Debug, Default)]
pub struct Gate {
    judging: bool,
    disturbed: bool,
    /// How much implausible audio there was lately.
    implausible: Duration,
}

/// What a [`Gate`] let through.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Admitted {
    /// What counts.
    pub levels: Levels,
    /// False for noise.
    pub plausible: bool,
}

impl Gate {
    /// Whether what follows is of a codec whose damaged packets decode to noise. Until it is
    /// said everything is believed.
    pub fn judge(&mut self, lossy: bool) {
        self.judging = lossy;
    }

    /// Before the next block something was lost or could not be decoded.
    pub fn disturb(&mut self) {
        self.disturbed = true;
    }

    /// Decides about the next block, which is so long.
    pub fn admit(&mut self, levels: Levels, duration: Duration) -> Admitted {
        let plausible = self.believes(levels.peak, duration);
        let disturbed = std::mem::replace(&mut self.disturbed, !plausible);
        let levels = match (plausible, disturbed) {
            (true, true) if self.judging => Levels {
                peak: 0.0,
                clipped: 0,
                ..levels
            },
            (true, _) => levels,
            (false, _) => Levels {
                samples: levels.samples,
                ..Levels::default()
            },
        };
        Admitted { levels, plausible }
    }

    fn believes(&mut self, peak: f32, duration: Duration) -> bool {
        if !self.judging {
            return true;
        }
        let loud = self.implausible >= LOUD_AFTER;
        if peak <= IMPLAUSIBLE_PEAK {
            self.implausible = self.implausible.saturating_sub(duration / PARDON);
            return true;
        }
        self.implausible = (self.implausible + duration).min(2 * LOUD_AFTER);
        loud
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: Duration = Duration::from_millis(20);

    fn judging() -> Gate {
        let mut gate = Gate::default();
        gate.judge(true);
        gate
    }

    #[test]
    fn only_what_is_sound_counts() {
        let loud = Levels::of(&[1.0, -1.0]);
        let noise = Levels::of(&[2.1, 0.0]);
        let level_only = Levels {
            peak: 0.0,
            clipped: 0,
            ..loud
        };
        let nothing = Levels {
            samples: 2,
            ..Levels::default()
        };
        let mut gate = judging();
        let steps = [
            (false, loud, loud, true),
            (true, loud, level_only, true),
            (false, loud, loud, true),
            (false, noise, nothing, false),
            (false, loud, level_only, true),
            (true, noise, nothing, false),
            (true, noise, nothing, false),
            (false, loud, level_only, true),
            (false, loud, loud, true),
        ];
        for (step, (disturbed, block, levels, plausible)) in steps.into_iter().enumerate() {
            if disturbed {
                gate.disturb();
            }
            let admitted = Admitted { levels, plausible };
            assert_eq!(gate.admit(block, BLOCK), admitted, "step {step}");
        }
    }

    #[test]
    fn the_overshoot_of_a_lossy_codec_is_clipping_not_damage() {
        let overshoot = Levels::of(&[1.4, 2.0]);
        assert_eq!(judging().admit(overshoot, BLOCK).levels.clipped, 2);
    }

    #[test]
    fn samples_as_they_were_taken_are_believed_whatever_they_say() {
        let mut gate = Gate::default();
        for block in [&[4.0, -4.0][..], &[1e10], &[0.1]] {
            let levels = Levels::of(block);
            let admitted = gate.admit(levels, BLOCK);
            assert_eq!((admitted.levels, admitted.plausible), (levels, true));
            // What is missing before such a block has not touched it.
            gate.disturb();
        }
    }

    /// How many of so many blocks are held back, where every `nth` is far beyond full scale.
    fn held_back(blocks: u32, nth: u32) -> usize {
        let mut gate = judging();
        let peak = |n| if n % nth == 0 { 4.0 } else { 0.5 };
        let admitted = (0..blocks).map(|n| gate.admit(Levels::of(&[peak(n)]), BLOCK));
        admitted.filter(|admitted| !admitted.plausible).count()
    }

    #[test]
    fn what_is_too_loud_for_half_a_second_is_loud_and_what_is_rare_is_damage() {
        assert_eq!(held_back(10_000, 1), 25, "half a second");
        // Speech that is four times too loud, with its pauses.
        assert!(held_back(10_000, 3) < 60);
        // One in ten: more than the worst network damages.
        assert_eq!(held_back(10_000, 10), 1_000);
        // Loud is over with the sound: four seconds later damage is damage again.
        let mut gate = judging();
        let mut takes = |peak: f32, blocks: u32| {
            let admitted = (0..blocks).map(|_| gate.admit(Levels::of(&[peak]), BLOCK).plausible);
            admitted.collect::<Vec<_>>()
        };
        assert!(takes(4.0, 1_000).ends_with(&[true]));
        assert!(!takes(0.5, 201).contains(&false));
        assert_eq!(takes(4.0, 1), [false]);
    }
}
