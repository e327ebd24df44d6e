//! How long to wait before a restart: exponentially longer, within bounds, and never all at the same time.
//!
//! A pure function of how many restarts there were in a row and of a random number. It lacks a clock and a source of
//! randomness: the supervisor has both.

use std::time::Duration;

/// Pauses between restarts: the first lasts `min`, each further one in a row twice as long, at most `max`. Of each, a random
/// part of up to a half is left out, so that what failed together does not come back together.
///
/// ```
/// use potoroo_runtime::Backoff;
/// use std::time::Duration;
///
/// let backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(5));
/// assert_eq!(backoff.delay(0, u64::MAX), Duration::from_millis(50));
/// assert_eq!(backoff.delay(3, u64::MAX), Duration::from_millis(400));
/// assert_eq!(backoff.delay(3, 0), Duration::from_millis(200));
/// assert_eq!(backoff.delay(60, u64::MAX), Duration::from_secs(5));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    min: Duration,
    max: Duration,
}

impl Backoff {
    /// Restarts at once.
    pub const NONE: Self = Self {
        min: Duration::ZERO,
        max: Duration::ZERO,
    };

    /// Pauses between `min` and `max`.
    ///
    /// # Panics
    ///
    /// If `min` is longer than `max`.
    pub fn new(min: Duration, max: Duration) -> Self {
        assert!(min <= max, "a back-off from {min:?} to {max:?} is none");
        Self { min, max }
    }

    /// The longest pause.
    pub fn max(&self) -> Duration {
        self.max
    }

    /// The pause before a restart that `before` others in a row precede; `random` is evenly distributed over all values.
    pub fn delay(&self, before: u32, random: u64) -> Duration {
        let factor = 1_u32.checked_shl(before).unwrap_or(u32::MAX);
        let whole = self.min.saturating_mul(factor).min(self.max);
        let half = whole / 2;
        let random = random as f64 / u64::MAX as f64;
        (half + (whole - half).mul_f64(random)).min(whole)
    }
}

#[cfg(all(test, not(potoroo_loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_pause_grows_with_each_restart_and_is_capped(
            min in 1_u64..1_000_000, span in 0_u64..1_000_000_000, before in 0_u32..100, random: u64, other: u64,
        ) {
            let (min, max) = (Duration::from_nanos(min), Duration::from_nanos(min + span));
            let backoff = Backoff::new(min, max);
            let now = backoff.delay(before, random);
            prop_assert!(now <= max);
            prop_assert!(now >= min / 2);
            // The shortest of the next is no shorter than half of what it could be, and the longest doubles up to the cap.
            let longest = backoff.delay(before, u64::MAX);
            prop_assert_eq!(backoff.delay(before + 1, u64::MAX), (longest * 2).min(max));
            prop_assert!(backoff.delay(before + 1, other) >= longest / 2);
            // More chance, more time.
            let (less, more) = (random.min(other), random.max(other));
            prop_assert!(backoff.delay(before, less) <= backoff.delay(before, more));
        }
    }

    #[test]
    fn without_a_back_off_there_is_no_pause() {
        assert_eq!(Backoff::NONE.delay(0, u64::MAX), Duration::ZERO);
        assert_eq!(Backoff::NONE.delay(99, 1), Duration::ZERO);
    }
}
