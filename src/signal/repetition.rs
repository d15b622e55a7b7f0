//! Whether the same audio comes again and again. Pure.

use std::time::Duration;

/// The longest cycle that is noticed, in blocks.
const LONGEST_CYCLE: usize = 8;
/// How much audio must repeat what came before it.
pub const STUCK_AFTER: Duration = Duration::from_secs(5);

/// Compares each block with those before it, by fingerprints.
#[derive(Debug, Default)]
pub struct Repetition {
    /// The latest first.
    recent: [Block; LONGEST_CYCLE],
    /// How much sound was the same as one, two … blocks before, without a break.
    repeated: [Duration; LONGEST_CYCLE],
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Block {
    /// Before the first.
    #[default]
    None,
    Silence,
    Sound(u64),
}

impl Repetition {
    /// The next block: its fingerprint and length. `None` is digital silence, which repeats
    /// itself by nature and means something else: it has its place in a cycle, but proves
    /// nothing.
    pub fn next(&mut self, fingerprint: Option<u64>, length: Duration) {
        let block = fingerprint.map_or(Block::Silence, Block::Sound);
        for (before, repeated) in self.recent.iter().zip(&mut self.repeated) {
            if *before != block {
                *repeated = Duration::ZERO;
            } else if block != Block::Silence {
                *repeated = repeated.saturating_add(length);
            }
        }
        self.recent.rotate_right(1);
        self.recent[0] = block;
    }

    /// Whether the latest audio repeats itself, and has for [`STUCK_AFTER`] of sound. A cycle
    /// of which half or more is silent is a signal meant to be like that: a telephone that
    /// rings, the pips of a clock.
    pub fn is_stuck(&self) -> bool {
        (1..).zip(&self.repeated).any(|(cycle, repeated)| {
            let blocks = self.recent[..cycle].iter();
            let silent = blocks.filter(|block| **block == Block::Silence).count();
            *repeated >= STUCK_AFTER && 2 * silent < cycle
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many blocks of 20 ms are taken before the verdict, out of 1,000.
    fn blocks_until_stuck(fingerprint: impl Fn(u64) -> Option<u64>) -> Option<u64> {
        let mut repetition = Repetition::default();
        (0..1_000).find(|n| {
            repetition.next(fingerprint(*n), Duration::from_millis(20));
            repetition.is_stuck()
        })
    }

    #[test]
    fn a_cycle_of_up_to_eight_blocks_is_stuck_after_five_seconds_of_repetition() {
        for cycle in 1..=8 {
            // 250 blocks that repeat what was there before them.
            let blocks = blocks_until_stuck(|n| Some(n % cycle));
            assert_eq!(blocks, Some(cycle + 249), "{cycle}");
        }
        assert_eq!(blocks_until_stuck(|n| Some(n % 9)), None);
    }

    #[test]
    fn audio_that_moves_and_digital_silence_are_not_stuck() {
        assert_eq!(blocks_until_stuck(Some), None);
        assert_eq!(blocks_until_stuck(|_| None), None);
        // One block in 240 differs, or is silent: never five seconds without a break.
        assert_eq!(
            blocks_until_stuck(|n| Some(u64::from(n % 240 == 0) * n)),
            None
        );
        assert_eq!(blocks_until_stuck(|n| (n % 240 != 0).then_some(7)), None);
    }

    /// After how many slots of half a second a cycle of these is found stuck; 0 is silence.
    fn slots_until_stuck(cycle: &[u64]) -> Option<usize> {
        let mut repetition = Repetition::default();
        (1..=1_000).find(|n| {
            let slot = cycle[(n - 1) % cycle.len()];
            repetition.next((slot > 0).then_some(slot), Duration::from_millis(500));
            repetition.is_stuck()
        })
    }

    #[test]
    fn silence_has_its_place_in_a_loop_and_a_ringing_telephone_is_no_loop() {
        for (what, cycle, slots) in [
            // Six slots, then ten that sound, between which there are four silent ones.
            (
                "a player's loop with a silent end",
                &[1, 2, 3, 4, 0, 0][..],
                Some(20),
            ),
            ("one with a silent slot in it", &[1, 2, 0, 3], Some(17)),
            ("the same half second", &[1], Some(11)),
            ("a ring every three seconds", &[1, 2, 0, 0, 0, 0], None),
            ("a pip every second", &[1, 0], None),
            ("a beep between words", &[1, 0, 0, 0], None),
            ("nothing", &[0], None),
        ] {
            assert_eq!(slots_until_stuck(cycle), slots, "{what}");
        }
    }

    #[test]
    fn it_is_over_with_the_first_new_block() {
        let mut repetition = Repetition::default();
        for _ in 0..300 {
            repetition.next(Some(7), Duration::from_millis(20));
        }
        assert!(repetition.is_stuck());
        repetition.next(Some(8), Duration::from_millis(20));
        assert!(!repetition.is_stuck());
    }
}
