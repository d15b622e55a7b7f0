//! Jittered exponential backoff.
//!
//! Full jitter, anywhere between nothing and the current ceiling: sources that went down
//! together spread over the whole of it, and no second sees more of them than any other.
//! (Between half and all of the ceiling, a thousand sources would dial in half the time.)

use std::time::Duration;

/// A validated policy. Build it with [`Policy::new`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    initial: Duration,
    max: Duration,
    stable_after: Duration,
}

/// Why a policy makes no sense.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidPolicy {
    /// A zero first delay would retry in a tight loop.
    #[error("`initial` must be longer than zero, or a dead source is retried in a tight loop")]
    ZeroInitial,
    /// The cap lies under the first delay.
    #[error("`max` must not be shorter than `initial`")]
    MaxBelowInitial,
}

impl Policy {
    /// `initial`: the ceiling of the first delay; `max`: that of any delay;
    /// `stable_after`: how long audio must flow before the ceiling falls back.
    ///
    /// # Errors
    /// [`InvalidPolicy`] names what is wrong.
    pub fn new(
        initial: Duration,
        max: Duration,
        stable_after: Duration,
    ) -> Result<Self, InvalidPolicy> {
        if initial.is_zero() {
            return Err(InvalidPolicy::ZeroInitial);
        }
        if max < initial {
            return Err(InvalidPolicy::MaxBelowInitial);
        }
        Ok(Self {
            initial,
            max,
            stable_after,
        })
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            initial: Duration::from_secs(1),
            max: Duration::from_secs(30),
            stable_after: Duration::from_secs(30),
        }
    }
}

/// The state of one source's retries.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Counts a failure: the next ceiling is twice as high.
    pub fn failed(&mut self) {
        self.failures = self.failures.saturating_add(1);
    }

    /// The delay after the latest failure. `unit` is a random number in `0.0..1.0`: with the
    /// same one, a policy that is not shorter gives no shorter delay.
    pub fn delay(&self, policy: &Policy, unit: f64) -> Duration {
        let doublings = self.failures.saturating_sub(1).min(20);
        let ceiling = policy.initial.saturating_mul(1 << doublings);
        ceiling.min(policy.max).mul_f64(unit.clamp(0.0, 1.0))
    }

    /// The delay before what blocks a source is looked at again, between half and all of the
    /// longest: it will not go away by itself, and a camera may lock out whoever knocks often.
    pub fn longest_delay(policy: &Policy, unit: f64) -> Duration {
        policy.max.mul_f64(0.5 + 0.5 * unit.clamp(0.0, 1.0))
    }

    /// Tells for how long audio flowed in the session that just ended, which is not how much
    /// came: a burst proves nothing. A stable session forgives the failures before it.
    pub fn after_session(&mut self, policy: &Policy, flowed: Duration) {
        if flowed >= policy.stable_after {
            self.failures = 0;
        }
    }

    /// A random number for [`Self::delay`]; the middle of the range if the system
    /// has no randomness to give.
    pub fn random_unit() -> f64 {
        getrandom::u32().map_or(0.5, |bits| f64::from(bits) / f64::from(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn secs(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    #[test]
    fn nonsense_is_refused() {
        assert_eq!(
            Policy::new(secs(0), secs(1), secs(1)),
            Err(InvalidPolicy::ZeroInitial)
        );
        assert_eq!(
            Policy::new(secs(2), secs(1), secs(1)),
            Err(InvalidPolicy::MaxBelowInitial)
        );
    }

    #[test]
    fn only_a_stable_session_forgives() {
        let policy = Policy::new(secs(1), secs(30), secs(30)).unwrap();
        let mut backoff = Backoff::default();
        for _ in 0..10 {
            backoff.failed();
        }
        backoff.after_session(&policy, secs(29));
        backoff.failed();
        assert_eq!(backoff.delay(&policy, 1.0), secs(30));
        backoff.after_session(&policy, secs(30));
        backoff.failed();
        assert_eq!(backoff.delay(&policy, 1.0), secs(1));
    }

    #[test]
    fn another_policy_is_looked_up_at_the_step_that_was_reached() {
        let policy = |initial, max| Policy::new(secs(initial), secs(max), secs(30)).unwrap();
        let mut backoff = Backoff::default();
        for _ in 0..4 {
            backoff.failed();
        }
        // Neither the same nor a longer one shortens the wait; a lower cap does.
        assert_eq!(backoff.delay(&policy(1, 30), 0.5), secs(4));
        assert_eq!(backoff.delay(&policy(2, 30), 0.5), secs(8));
        assert_eq!(backoff.delay(&policy(1, 2), 0.5), secs(1));
    }

    proptest! {
        #[test]
        fn delays_spread_over_all_of_a_growing_ceiling(
            initial in 1u64..5_000, extra in 0u64..600_000, unit in 0.0f64..1.0, tries in 1usize..80,
        ) {
            let (initial, max) = (Duration::from_millis(initial), Duration::from_millis(initial + extra));
            let policy = Policy::new(initial, max, secs(30)).unwrap();
            let mut backoff = Backoff::default();
            let mut ceiling = initial;
            for _ in 0..tries {
                backoff.failed();
                let delay = backoff.delay(&policy, unit);
                let off = delay.as_secs_f64() - ceiling.as_secs_f64() * unit;
                prop_assert!(off.abs() < 1e-6, "{delay:?} of {ceiling:?}");
                ceiling = (ceiling * 2).min(max);
            }
            let blocked = Backoff::longest_delay(&policy, unit);
            prop_assert!(blocked <= max && blocked >= max / 2, "{blocked:?} of {max:?}");
        }
    }
}
