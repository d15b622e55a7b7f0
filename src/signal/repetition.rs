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
    recent: [Option<u64>; LONGEST_CYCLE],
    /// How much audio was the same as one, two … blocks before, without a break.
    repeated: [Duration; LONGEST_CYCLE],
}

impl Repetition {
    /// The next block: its fingerprint and length. `None` is digital silence, which repeats
    /// itself by nature and means something else.
    pub fn next(&mut self, fingerprint: Option<u64>, length: Duration) {
        if fingerprint.is_none() {
            *self = Self::default();
            return;
        }
        for (before, repeated) in self.recent.iter().zip(&mut self.repeated) {
            if *before == fingerprint {
                *repeated = repeated.saturating_add(length);
            } else {
                *repeated = Duration::ZERO;
            }
        }
        self.recent.rotate_right(1);
        self.recent[0] = fingerprint;
    }

    /// Whether the latest audio repeats itself, and has for [`STUCK_AFTER`].
    pub fn is_stuck(&self) -> bool {
        self.repeated
            .iter()
            .any(|repeated| *repeated >= STUCK_AFTER)
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
