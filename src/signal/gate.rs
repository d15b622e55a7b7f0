//! What of a block may be believed. Pure.

use super::Levels;

/// No decoder of an intact packet comes this far above full scale (+6 dB); some 1 % of
/// damaged AAC packets come out at more than twice that.
const IMPLAUSIBLE_PEAK: f32 = 2.0;

/// Keeps damaged blocks from being taken for loud or clipped audio.
///
/// A block with an implausible peak is noise that was never recorded: its samples are
/// counted, and nothing else of it. The block after it, or after a hole, may still carry a part of
/// the damage, since lossy codecs overlap their blocks: it counts for the level, but not
/// for the peak and clipping.
#[derive(Debug, Default)]
pub struct Gate {
    disturbed: bool,
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
    /// Before the next block something was lost or could not be decoded.
    pub fn disturb(&mut self) {
        self.disturbed = true;
    }

    /// Decides about the next block.
    pub fn admit(&mut self, levels: Levels) -> Admitted {
        let plausible = levels.peak <= IMPLAUSIBLE_PEAK;
        let disturbed = std::mem::replace(&mut self.disturbed, !plausible);
        let levels = match (plausible, disturbed) {
            (true, false) => levels,
            (true, true) => Levels {
                peak: 0.0,
                clipped: 0,
                ..levels
            },
            (false, _) => Levels {
                samples: levels.samples,
                ..Levels::default()
            },
        };
        Admitted { levels, plausible }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let mut gate = Gate::default();
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
            assert_eq!(gate.admit(block), admitted, "step {step}");
        }
    }

    #[test]
    fn the_overshoot_of_a_lossy_codec_is_clipping_not_damage() {
        let overshoot = Levels::of(&[1.4, 2.0]);
        assert_eq!(Gate::default().admit(overshoot).levels.clipped, 2);
    }
}
