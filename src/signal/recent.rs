//! The latest minute of levels. Pure.

use std::collections::VecDeque;

use super::{HOP, Levels};

/// Hops in the 60 s that a peak is held.
const HOPS: usize = 60_000 / HOP.as_millis() as usize;

/// The levels of the latest 60 s, hop by hop.
#[derive(Debug, Default)]
pub(super) struct Recent(VecDeque<Levels>);

impl Recent {
    /// A hop is over; these are the levels of the audio that came in it.
    pub(super) fn push(&mut self, hop: Levels) {
        self.0.truncate(HOPS - 1);
        self.0.push_front(hop);
    }

    /// All of it together.
    pub(super) fn overall(&self) -> Levels {
        let mut overall = Levels::default();
        self.0.iter().for_each(|hop| overall += *hop);
        overall
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_is_held_for_sixty_seconds() {
        let mut recent = Recent::default();
        recent.push(Levels::of(&[0.0, -1.0]));
        for hop in 1..=120 {
            let overall = recent.overall();
            assert_eq!((overall.peak, overall.clipped), (1.0, 1), "{hop}");
            recent.push(Levels::of(&[0.25]));
        }
        let overall = recent.overall();
        assert_eq!(
            (overall.peak, overall.clipped, overall.samples),
            (0.25, 0, 120)
        );
    }
}
