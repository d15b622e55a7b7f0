//! What a process held before: every sample for a while, then one every five minutes for a day.

use std::{collections::VecDeque, time::Duration};

use crate::coarse_clock::CoarseInstant;

/// Samples kept one by one: an hour at the default interval.
const RECENT: usize = 120;
/// Between two of the rarer ones.
const STEP: Duration = Duration::from_secs(300);
/// A day of those.
const RARE: usize = 288;

/// One process at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// When it was read.
    pub at: CoarseInstant,
    /// Bytes in RAM.
    pub resident: u64,
    /// Bytes swapped out.
    pub swap: u64,
    /// Bytes of its heap, where known.
    pub heap: Option<u64>,
    /// Bytes in RAM that are neither heap nor audio buffers, where known.
    pub external: Option<u64>,
    /// How many processes that were.
    pub processes: u32,
}

/// The past of one process, the oldest moment first.
#[derive(Clone, Debug, Default)]
pub struct Past {
    rare: VecDeque<Moment>,
    recent: VecDeque<Moment>,
}

impl Past {
    pub(super) fn add(&mut self, moment: Moment) {
        if self.recent.len() == RECENT
            && let Some(oldest) = self.recent.pop_front()
        {
            self.keep(oldest);
        }
        self.recent.push_back(moment);
    }

    /// Keeps one that is not recent any more, unless the last kept one is near.
    fn keep(&mut self, moment: Moment) {
        let near = self
            .rare
            .back()
            .is_some_and(|last| moment.at.saturating_since(last.at) < STEP);
        if near {
            return;
        }
        if self.rare.len() == RARE {
            self.rare.pop_front();
        }
        self.rare.push_back(moment);
    }

    /// The last sample's heap, told after it was taken.
    pub(super) fn amend(&mut self, heap: Option<u64>, external: Option<u64>) {
        if let Some(last) = self.recent.back_mut() {
            (last.heap, last.external) = (heap, external);
        }
    }

    /// Of a day, one moment every five minutes: those that are not recent any more.
    pub fn rare(&self) -> impl Iterator<Item = &Moment> {
        self.rare.iter()
    }

    /// The latest samples, without a gap.
    pub fn recent(&self) -> impl Iterator<Item = &Moment> {
        self.recent.iter()
    }

    /// All of it.
    pub fn moments(&self) -> impl DoubleEndedIterator<Item = &Moment> + ExactSizeIterator {
        // A chain of two has no exact size of its own.
        let (rare, all) = (self.rare.len(), self.rare.len() + self.recent.len());
        (0..all).map(move |at| match at.checked_sub(rare) {
            Some(at) => &self.recent[at],
            None => &self.rare[at],
        })
    }
}

#[cfg(test)]
impl FromIterator<Moment> for Past {
    fn from_iter<I: IntoIterator<Item = Moment>>(moments: I) -> Self {
        let mut past = Self::default();
        moments.into_iter().for_each(|moment| past.add(moment));
        past
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_bounded_and_thins_out() {
        let mut past = Past::default();
        let start = CoarseInstant::now();
        let interval = Duration::from_secs(30);
        let days = 2;
        for n in 0..2_880 * days {
            past.add(Moment {
                at: start.later(interval * n),
                resident: u64::from(n),
                swap: 0,
                heap: None,
                external: None,
                processes: 1,
            });
        }
        let moments: Vec<&Moment> = past.moments().collect();
        assert_eq!(moments.len(), RECENT + RARE);
        let apart = |pair: &[&Moment]| pair[1].at.saturating_since(pair[0].at);
        assert!(moments[..RARE].windows(2).all(|pair| apart(pair) == STEP));
        assert!(
            moments[RARE..]
                .windows(2)
                .all(|pair| apart(pair) == interval)
        );
        assert_eq!(
            moments.last().unwrap().resident,
            u64::from(2_880 * days - 1)
        );
        let day = moments.last().unwrap().at.saturating_since(moments[0].at);
        assert!(day >= Duration::from_secs(86_400), "{day:?}");
        past.amend(Some(7), None);
        assert_eq!(past.moments().next_back().unwrap().heap, Some(7));
    }
}
