//! Spans of event time, and which windows a time lies in.

use crate::element::Timestamp;
use std::fmt;
use std::time::Duration;

/// From `start`, included, to `end`, not included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The first instant.
    pub start: Timestamp,
    /// The first instant after.
    pub end: Timestamp,
}

impl Span {
    /// Whether the time lies in the span. The last span of all has no end.
    #[inline]
    pub fn contains(self, time: Timestamp) -> bool {
        self.start <= time && (time < self.end || self.end == Timestamp::MAX)
    }

    /// Whether the watermark has come to the end.
    #[inline]
    pub(crate) fn is_complete(self, watermark: Timestamp) -> bool {
        self.end <= watermark
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {})", self.start, self.end)
    }
}

/// A grid of instants, a step apart, one of them `offset` after 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grid {
    step: i64,
    offset: i64,
}

/// A positive number of nanoseconds.
///
/// # Panics
///
/// If the duration is nothing.
pub(super) fn nanos(what: &str, duration: Duration) -> i64 {
    assert!(!duration.is_zero(), "{what} cannot be zero");
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

impl Grid {
    pub(super) fn new(step: i64, offset: Duration) -> Self {
        let offset = i64::try_from(offset.as_nanos() % step.unsigned_abs() as u128).expect("less than a step");
        Self { step, offset }
    }

    /// The last instant of the grid that is not after `time`; the first of all times if there is none.
    #[inline]
    pub(super) fn at_or_before(self, time: Timestamp) -> Timestamp {
        let mut after = time.nanos().rem_euclid(self.step) - self.offset;
        if after < 0 {
            after += self.step;
        }
        Timestamp::from_nanos(time.nanos().saturating_sub(after))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(nanos: i64) -> Timestamp {
        Timestamp::from_nanos(nanos)
    }

    #[test]
    fn s8_times_before_1970_and_at_the_ends_of_time_have_a_place() {
        let grid = Grid::new(10, Duration::from_nanos(3));
        for (time, start) in [(3, 3), (2, -7), (12, 3), (13, 13), (-7, -7), (-8, -17), (0, -7)] {
            assert_eq!(grid.at_or_before(at(time)), at(start), "{time}");
        }
        assert_eq!(grid.at_or_before(Timestamp::MIN), Timestamp::MIN);
        assert!(grid.at_or_before(Timestamp::MAX) > at(i64::MAX - 10));
        let last = Span {
            start: at(i64::MAX - 3),
            end: Timestamp::MAX,
        };
        assert!(last.contains(Timestamp::MAX));
    }
}
