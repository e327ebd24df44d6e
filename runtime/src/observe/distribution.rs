//! How often which values came: a histogram that a worker fills and a report reads.
//!
//! It exists so that the crate behind it stays behind it. Two digits are kept; values below 1 count as 1 and values above
//! 100 s in nanoseconds as that.

use hdrhistogram::Histogram;
use std::fmt;

const VALUE_MAX: u64 = 100_000_000_000;
const DIGITS: u8 = 2;

/// How often which values came.
#[derive(Clone, PartialEq)]
pub struct Distribution(Histogram<u64>);

impl Default for Distribution {
    fn default() -> Self {
        Self(Histogram::new_with_bounds(1, VALUE_MAX, DIGITS).expect("the bounds are valid"))
    }
}

impl Distribution {
    /// Counts one value.
    pub(super) fn record(&mut self, value: u64) {
        self.0.saturating_record(value.max(1));
    }

    /// Counts all that `other` has counted.
    pub(super) fn add(&mut self, other: &Self) {
        self.0.add(&other.0).expect("all have the same bounds");
    }

    /// How many values came.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// Their mean; 0 if there are none.
    pub fn mean(&self) -> f64 {
        self.0.mean()
    }

    /// The largest, to two digits; 0 if there are none.
    pub fn max(&self) -> u64 {
        self.0.max()
    }

    /// The value that this share of all (0 to 1) does not exceed, to two digits; 0 if there are none.
    pub fn quantile(&self, share: f64) -> u64 {
        self.0.value_at_quantile(share)
    }

    /// How many values lay in each doubling: `(upper bound, count)` for 1, 2, 4, 8, up to the largest that came.
    pub fn doublings(&self) -> Vec<(u64, u64)> {
        let mut doublings = Vec::new();
        let mut below = 0;
        let mut bound = 1;
        while below < self.count() {
            let so_far = self.0.count_between(0, bound);
            doublings.push((bound, so_far - below));
            below = so_far;
            bound *= 2;
        }
        doublings
    }
}

impl fmt::Debug for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Distribution")
            .field("count", &self.count())
            .field("mean", &self.mean())
            .field("max", &self.max())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doublings_hold_each_value_once() {
        let mut distribution = Distribution::default();
        assert_eq!(distribution.doublings(), []);
        assert_eq!(
            (distribution.count(), distribution.max(), distribution.quantile(0.5)),
            (0, 0, 0)
        );
        for value in [0, 1, 2, 3, 4, 5, 64, u64::MAX] {
            distribution.record(value);
        }
        let doublings = distribution.doublings();
        assert_eq!(
            &doublings[..8],
            [(1, 2), (2, 1), (4, 2), (8, 1), (16, 0), (32, 0), (64, 1), (128, 0)]
        );
        assert_eq!(doublings.iter().map(|(_, count)| count).sum::<u64>(), 8);
        let mut twice = distribution.clone();
        twice.add(&distribution);
        assert_eq!((twice.count(), twice.max()), (16, distribution.max()));
    }
}
