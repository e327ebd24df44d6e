//! Intensity: how many restarts there may be in how long.
//!
//! It lacks a clock; times are given.

use crate::sys::clock::Time;
use std::collections::VecDeque;
use std::time::Duration;

/// The restarts of the last period, against how many there may be. No more times are kept than restarts are allowed, and none
/// where any number is.
#[derive(Debug)]
pub(super) struct Window {
    max: usize,
    period: Duration,
    restarts: VecDeque<Time>,
}

impl Window {
    pub(super) fn new(max: usize, period: Duration) -> Self {
        Self {
            max,
            period,
            restarts: VecDeque::new(),
        }
    }

    pub(super) fn period(&self) -> Duration {
        self.period
    }

    /// Counts a restart; says whether it is still within the intensity.
    pub(super) fn allows(&mut self, now: Time) -> bool {
        if self.max == usize::MAX {
            return true;
        }
        while self.restarts.front().is_some_and(|at| now.since(*at) > self.period) {
            self.restarts.pop_front();
        }
        if self.restarts.len() >= self.max {
            return false;
        }
        self.restarts.push_back(now);
        true
    }

    /// Begins anew.
    pub(super) fn clear(&mut self) {
        self.restarts.clear();
    }
}

#[cfg(all(test, not(potoroo_loom)))]
mod tests {
    use super::*;
    use crate::sys::clock;

    #[test]
    fn so_many_in_a_period_and_not_one_more() {
        let mut window = Window::new(2, Duration::from_secs(10));
        let start = clock::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        assert!(window.allows(at(0)));
        assert!(window.allows(at(9)));
        assert!(!window.allows(at(10)));
        assert!(window.allows(at(11)), "the first is out of the period");
        assert!(!window.allows(at(12)));
        window.clear();
        assert!(window.allows(at(12)));
    }

    #[test]
    fn no_more_times_are_kept_than_the_limit_needs() {
        let start = clock::now();
        for (max, kept) in [(usize::MAX, 0), (usize::MAX - 1, 1000), (3, 3), (0, 0)] {
            let mut window = Window::new(max, Duration::MAX);
            let allowed = (0..1000).filter(|n| window.allows(start + Duration::from_secs(*n)));
            assert_eq!(allowed.count(), max.min(1000));
            assert_eq!(window.restarts.len(), kept, "of {max}");
        }
    }

    #[test]
    fn an_intensity_of_zero_allows_none() {
        assert!(!Window::new(0, Duration::from_secs(1)).allows(clock::now()));
    }
}
